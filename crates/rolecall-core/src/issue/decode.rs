//! Decoding of authorization messages: AWS decodes a message for credentials that can do nothing else.
//!
//! The credentials come from an ordinary, audited issue of [`CredentialDelivery::Decode`]: 15 minutes, narrowed to
//! `sts:DecodeAuthorizationMessage`. They are dropped here. Message and answer are neither logged nor stored.

mod error;
mod explanation;

use std::collections::HashMap;

use crate::access::{Grant, RoleRequest, SessionPolicies};
use crate::audit::{CredentialDelivery, RequestContext};
use crate::aws::{DecodedAuthorization, EncodedMessage, SessionPolicy};
use crate::caller::Caller;
use crate::issue::{IssueRequest, Issuer};

pub use error::{CannotDecode, DecodeError};
pub use explanation::{DenialCause, DeniedPrincipal, SessionLimit, SessionLimitVerdict};

/// The only action that the credentials allow.
const ACTION: &str = "sts:DecodeAuthorizationMessage";

/// The session policies with which a role decodes messages: they allow that and nothing else, and only where the session
/// policies of the permission set or variant allow it as well.
///
/// # Errors
/// [`CannotDecode`].
pub(super) fn decoding_policies(grant: &Grant) -> Result<SessionPolicies, CannotDecode> {
    check_trust(grant)?;
    narrowed(grant.session_policies())
}

fn check_trust(grant: &Grant) -> Result<(), CannotDecode> {
    if grant.trust().needs_browser() {
        return Err(CannotDecode::Browser);
    }
    if !grant.trust().assumes_role() {
        return Err(CannotDecode::FederatedUser);
    }
    Ok(())
}

fn narrowed(configured: &SessionPolicies) -> Result<SessionPolicies, CannotDecode> {
    let own = configured.session_policy.as_ref();
    let narrowed = SessionPolicy::narrowed_to(ACTION, own, &configured.policy_arns);
    match narrowed {
        Ok(Some(session_policy)) => Ok(SessionPolicies {
            session_policy: Some(session_policy),
            policy_arns: configured.policy_arns.clone(),
        }),
        Ok(None) => Err(CannotDecode::SessionPolicy),
        Err(_) => Err(CannotDecode::SessionPolicyTooLong),
    }
}

/// Which roles of one person can decode messages. Session policies are those of a permission set or variant, so each is narrowed
/// once for all accounts.
#[derive(Debug, Default)]
pub struct DecodingRoles {
    by_name: HashMap<String, Result<(), CannotDecode>>,
}

impl DecodingRoles {
    /// Whether the role can decode messages. All grants must come from one policy.
    ///
    /// # Errors
    /// [`CannotDecode`].
    pub fn check(&mut self, grant: &Grant) -> Result<(), CannotDecode> {
        check_trust(grant)?;
        let narrow = || narrowed(grant.session_policies()).map(drop);
        *self.by_name.entry(grant.role_name()).or_insert_with(narrow)
    }

    /// Session policies that were narrowed.
    pub fn narrowed(&self) -> usize {
        self.by_name.len()
    }
}

impl Issuer {
    /// Decodes an encoded authorization message with a role of the person: any role of the account whose request was denied.
    ///
    /// # Errors
    /// [`DecodeError`]; [`CannotDecode`] in it for a role that cannot decode messages.
    pub async fn decode<'a>(
        &self,
        context: &RequestContext,
        caller: impl Into<Caller<'a>>,
        role: &RoleRequest,
        message: &EncodedMessage,
    ) -> Result<DecodedAuthorization, DecodeError> {
        let caller = caller.into();
        let issue = IssueRequest::new(role, CredentialDelivery::Decode);
        let issued = self.issue(context, caller, issue).await?;
        let region = issued.grant.account().sts_region.as_ref();
        let decoded = self
            .sts
            .decode_authorization_message(&issued.credentials, region, message)
            .await
            .map_err(|error| DecodeError::of(error, &issued.grant))?;
        let decoded = DecodedAuthorization::parse(decoded.expose())?;
        // The session may have ended during the call.
        self.check_session(caller).await?;
        Ok(decoded)
    }
}
