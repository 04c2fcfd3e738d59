//! From a verified proof or signature to a role session: policies are evaluated, credentials are made, the response is written.
//!
//! The same for a token, a SAML response and a signature; what differs is in [`RoleCaller`].

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, TimeDelta};

use super::action::Action;
use super::assume_role_parameters::SessionPolicies;
use super::authorize::{Call, Caller};
use super::error::AwsError;
use super::iam::TrustedRole;
use super::issued::{IssuedSession, SessionKind};
use super::state::AwsState;
use super::tags::SessionTags;
use super::wire::{NAMESPACE, escape, random_letters};
use crate::iam::RequestContext;

/// Size that `SessionTokenUtilization` is relative to.
const TOKEN_BYTES: usize = 4_096;

/// Who assumes a role, as the proof says or as the signature shows.
pub(super) struct RoleCaller<'a> {
    /// The operation, as trust policies name it.
    pub action: Action,
    /// How the session comes about.
    pub kind: SessionKind,
    /// Who makes the request.
    pub caller: Caller<'a>,
    /// `RoleSessionName`
    pub session_name: &'a str,
    /// `sub`, `NameID`, or the ARN of who signed.
    pub subject: &'a str,
    /// The tags that are set.
    pub tags: SessionTags,
    /// The transitive tags of the calling session.
    pub inherited: SessionTags,
    /// The source identity, set or inherited.
    pub source_identity: Option<String>,
}

impl RoleCaller<'_> {
    /// Checks that the policies allow the session and what is added to it. `context` has the condition keys of the operation.
    pub fn authorize(
        &self,
        state: &AwsState,
        role: &TrustedRole,
        mut context: RequestContext,
    ) -> Result<(), AwsError> {
        for (key, value) in &self.tags.tags {
            context.add(&format!("aws:RequestTag/{key}"), value);
            context.add("aws:TagKeys", key);
        }
        for key in &self.tags.transitive {
            context.add("sts:TransitiveTagKeys", key);
        }
        context.add("sts:RoleSessionName", self.session_name);
        let tagged = !self.tags.tags.is_empty() || !self.inherited.tags.is_empty();
        let actions = [
            (true, self.action),
            (tagged, Action::TagSession),
            (self.source_identity.is_some(), Action::SetSourceIdentity),
        ];
        for (needed, action) in actions {
            if !needed {
                continue;
            }
            let call = Call {
                caller: self.caller,
                action: action.wire(),
                resource: &role.arn,
                trust: Some(&role.trust),
                context: context.clone(),
            };
            call.check(state)?;
        }
        Ok(())
    }

    /// Issues credentials that expire after `seconds`.
    pub fn issue(
        self,
        state: &AwsState,
        role: &TrustedRole,
        seconds: u64,
        policies: &SessionPolicies<'_>,
    ) -> Result<Arc<IssuedSession>, AwsError> {
        self.make(state, role, seconds, policies)
            .map_err(|_| AwsError::internal())
    }

    fn make(
        mut self,
        state: &AwsState,
        role: &TrustedRole,
        seconds: u64,
        policies: &SessionPolicies<'_>,
    ) -> anyhow::Result<Arc<IssuedSession>> {
        self.tags.tags.append(&mut self.inherited.tags);
        self.tags.transitive.append(&mut self.inherited.transitive);
        let name = format!("assumed-role/{}/{}", role.name, self.session_name);
        let session = IssuedSession {
            kind: self.kind,
            account_id: role.account.clone(),
            role_arn: role.arn.clone(),
            assumed_role_arn: state.partition.sts_arn(&role.account, &name),
            assumed_role_id: format!("{}:{}", role.id, self.session_name),
            subject: self.subject.to_owned(),
            source_identity: self.source_identity,
            tags: self.tags.tags,
            transitive_tag_keys: self.tags.transitive,
            provider_arn: match self.caller {
                Caller::Provider { arn, .. } => Some(arn.to_owned()),
                Caller::Signer(_) => None,
            },
            policy: policies.policy.map(str::to_owned),
            policy_arns: policies
                .policy_arns
                .iter()
                .map(|&arn| arn.to_owned())
                .collect(),
            ..credentials(state, seconds)?
        };
        let session = Arc::new(session);
        state.issue(Arc::clone(&session));
        Ok(session)
    }
}

/// A session with new credentials for this many seconds; the caller adds role and user.
pub(super) fn credentials(state: &AwsState, seconds: u64) -> anyhow::Result<IssuedSession> {
    let mut random = [0_u8; 330];
    openssl::rand::rand_bytes(&mut random)?;
    let (secret, token) = random.split_at(30);
    // AWS tells whole seconds.
    let issued_at = state.now();
    let lasts = TimeDelta::try_seconds(i64::try_from(seconds)?).unwrap_or_default();
    Ok(IssuedSession {
        access_key_id: format!("ASIA{}", random_letters::<16>()?),
        secret_access_key: STANDARD.encode(secret),
        session_token: STANDARD.encode(token),
        issued_at,
        expiration: chrono::DurationRound::duration_trunc(
            issued_at + lasts,
            TimeDelta::seconds(1),
        )?,
        kind: SessionKind::Federated,
        account_id: String::new(),
        role_arn: String::new(),
        assumed_role_arn: String::new(),
        assumed_role_id: String::new(),
        subject: String::new(),
        source_identity: None,
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        provider_arn: None,
        mfa: false,
        policy: None,
        policy_arns: Vec::new(),
    })
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
    let named = |user: &str, id: &str| {
        format!(
            "    <{user}>\n      <{id}>{}</{id}>\n      <Arn>{}</Arn>\n    </{user}>\n",
            escape(&session.assumed_role_id),
            escape(&session.assumed_role_arn),
        )
    };
    let user = match session.kind {
        SessionKind::FederatedUser => named("FederatedUser", "FederatedUserId"),
        SessionKind::Federated | SessionKind::Assumed | SessionKind::Chained => {
            named("AssumedRoleUser", "AssumedRoleId")
        }
        SessionKind::User => String::new(),
    };
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n  <{operation}Result>\n{result}{user}    <Credentials>\n      <AccessKeyId>{}</AccessKeyId>\n      \
         <SecretAccessKey>{}</SecretAccessKey>\n      <SessionToken>{}</SessionToken>\n      <Expiration>{}</Expiration>\n    </Credentials>\n  \
         </{operation}Result>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n\
         </{operation}Response>\n",
        session.access_key_id,
        session.secret_access_key,
        session.session_token,
        session
            .expiration
            .to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
