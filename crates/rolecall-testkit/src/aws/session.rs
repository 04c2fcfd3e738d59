//! Issues a role session for a verified principal: evaluates the trust policy, creates credentials and writes the response.
//!
//! Common to web identity tokens and SAML responses.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, TimeDelta};

use super::error::AwsError;
use super::iam::TrustedRole;
use super::pattern::RequestKeys;
use super::state::{AwsState, IssuedSession};
use super::tags::SessionTags;
use super::trust::Action;
use super::wire::{NAMESPACE, escape, random_letters};

/// Size that `SessionTokenUtilization` is relative to.
const TOKEN_BYTES: usize = 4_096;

/// A federated principal that requests a role session, as verified.
pub(super) struct FederatedPrincipal<'a> {
    pub action: Action,
    /// ARN of the provider in the account.
    pub provider_arn: &'a str,
    /// `RoleSessionName`.
    pub session_name: &'a str,
    /// `sub` of the token or `NameID` of the response.
    pub subject: &'a str,
    pub tags: SessionTags,
    pub source_identity: Option<String>,
}

impl FederatedPrincipal<'_> {
    /// Checks that the trust policy allows the session, its tags and its source identity. `keys` are the condition keys of
    /// the operation.
    pub fn authorize(&self, role: &TrustedRole, mut keys: RequestKeys) -> Result<(), AwsError> {
        for (key, value) in &self.tags.tags {
            keys.add(&format!("aws:RequestTag/{key}"), value);
            keys.add("aws:TagKeys", key);
        }
        for key in &self.tags.transitive {
            keys.add("sts:TransitiveTagKeys", key);
        }
        if let Some(source) = &self.source_identity {
            keys.add("sts:SourceIdentity", source);
        }
        keys.add("sts:RoleSessionName", self.session_name);
        let required = [
            (true, self.action),
            (!self.tags.tags.is_empty(), Action::TagSession),
            (self.source_identity.is_some(), Action::SetSourceIdentity),
        ];
        let missing = required.into_iter().find(|&(needed, action)| {
            needed && !role.trust.allows(action, self.provider_arn, &keys)
        });
        match missing {
            Some((_, action)) => {
                tracing::debug!(
                    role = role.arn,
                    ?action,
                    "the trust policy does not allow it"
                );
                Err(AwsError::access_denied(self.action))
            }
            None => Ok(()),
        }
    }

    /// Issues credentials that expire after `seconds`.
    pub fn issue(
        self,
        state: &AwsState,
        account: &str,
        role: &TrustedRole,
        seconds: u64,
    ) -> Result<Arc<IssuedSession>, AwsError> {
        self.make(state, account, role, seconds)
            .map_err(|_| AwsError::internal())
    }

    fn make(
        self,
        state: &AwsState,
        account: &str,
        role: &TrustedRole,
        seconds: u64,
    ) -> anyhow::Result<Arc<IssuedSession>> {
        let mut random = [0_u8; 330];
        openssl::rand::rand_bytes(&mut random)?;
        let (secret, token) = random.split_at(30);
        // AWS returns times in whole seconds.
        let issued_at = state.now();
        let lasts = TimeDelta::try_seconds(i64::try_from(seconds)?).unwrap_or_default();
        let session = Arc::new(IssuedSession {
            access_key_id: format!("ASIA{}", random_letters::<16>()?),
            secret_access_key: STANDARD.encode(secret),
            session_token: STANDARD.encode(token),
            issued_at,
            expiration: chrono::DurationRound::duration_trunc(
                issued_at + lasts,
                TimeDelta::seconds(1),
            )?,
            account_id: account.to_owned(),
            role_arn: role.arn.clone(),
            assumed_role_arn: format!(
                "arn:aws:sts::{account}:assumed-role/{}/{}",
                role.name, self.session_name
            ),
            assumed_role_id: format!("{}:{}", role.id, self.session_name),
            subject: self.subject.to_owned(),
            source_identity: self.source_identity,
            tags: self.tags.tags,
            transitive_tag_keys: self.tags.transitive,
        });
        state.issue(Arc::clone(&session));
        Ok(session)
    }
}

/// The XML of a successful response. `operation_elements` are the elements that only this operation has.
pub(super) fn success(
    operation: &str,
    session: &IssuedSession,
    own: &[(&str, &str)],
    packed: Option<usize>,
    request_id: &str,
) -> String {
    let mut result = String::with_capacity(2_048);
    let mut element = |name: &str, text: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(result, "    <{name}>{}</{name}>", escape(text));
    };
    for (name, text) in own {
        element(name, text);
    }
    if let Some(source) = &session.source_identity {
        element("SourceIdentity", source);
    }
    if let Some(percent) = packed {
        element("PackedPolicySize", &percent.to_string());
    }
    let size = session.session_token.len();
    element(
        "SessionTokenUtilization",
        &(size * 100 / TOKEN_BYTES).to_string(),
    );
    element("SessionTokenSize", &size.to_string());
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n  <{operation}Result>\n{result}    <AssumedRoleUser>\n      \
         <AssumedRoleId>{}</AssumedRoleId>\n      <Arn>{}</Arn>\n    </AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{}</AccessKeyId>\n      \
         <SecretAccessKey>{}</SecretAccessKey>\n      <SessionToken>{}</SessionToken>\n      <Expiration>{}</Expiration>\n    </Credentials>\n  \
         </{operation}Result>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n\
         </{operation}Response>\n",
        escape(&session.assumed_role_id),
        escape(&session.assumed_role_arn),
        session.access_key_id,
        session.secret_access_key,
        session.session_token,
        session
            .expiration
            .to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
