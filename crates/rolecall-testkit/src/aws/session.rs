//! From a verified proof or signature to a role session: the trust policy is asked, credentials are made, the answer is written.
//!
//! The same for a token, a SAML response and a signature; what differs is in [`RoleCaller`].

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, TimeDelta};

use super::error::AwsError;
use super::iam::TrustedRole;
use super::pattern::RequestKeys;
use super::state::{AwsState, IssuedSession, SessionKind};
use super::tags::SessionTags;
use super::trust::{Action, Principal};
use super::wire::{NAMESPACE, escape, random_letters};

/// Size that `SessionTokenUtilization` is relative to.
const TOKEN_BYTES: usize = 4_096;

/// Who assumes a role, as the proof says or as the signature shows.
pub(super) struct RoleCaller<'a> {
    /// The operation, as trust policies name it.
    pub action: Action,
    /// How the session comes about.
    pub kind: SessionKind,
    /// As trust policies name the caller.
    pub principal: Principal<'a>,
    /// The caller's ARN, if the request is signed.
    pub signed_by: Option<&'a str>,
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
    /// Asks the trust policy for the session itself and for what is added to it. `keys` are the operation's own.
    pub fn authorize(&self, role: &TrustedRole, mut keys: RequestKeys) -> Result<(), AwsError> {
        for (key, value) in &self.tags.tags {
            keys.add(&format!("aws:RequestTag/{key}"), value);
            keys.add("aws:TagKeys", key);
        }
        for key in &self.tags.transitive {
            keys.add("sts:TransitiveTagKeys", key);
        }
        keys.add("sts:RoleSessionName", self.session_name);
        let tagged = !self.tags.tags.is_empty() || !self.inherited.tags.is_empty();
        let wanted = [
            (true, self.action),
            (tagged, Action::TagSession),
            (self.source_identity.is_some(), Action::SetSourceIdentity),
        ];
        let missing = wanted
            .into_iter()
            .find(|&(needed, action)| needed && !role.trust.allows(action, self.principal, &keys));
        let Some((_, action)) = missing else {
            return Ok(());
        };
        tracing::debug!(
            role = role.arn,
            ?action,
            "the trust policy does not allow it"
        );
        Err(match self.signed_by {
            Some(arn) => AwsError::not_authorized(arn, action.wire(), &role.arn),
            None => AwsError::access_denied(self.action),
        })
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
        mut self,
        state: &AwsState,
        account: &str,
        role: &TrustedRole,
        seconds: u64,
    ) -> anyhow::Result<Arc<IssuedSession>> {
        self.tags.tags.append(&mut self.inherited.tags);
        self.tags.transitive.append(&mut self.inherited.transitive);
        let session = IssuedSession {
            kind: self.kind,
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
    let (user, id) = match session.kind {
        SessionKind::FederatedUser => ("FederatedUser", "FederatedUserId"),
        SessionKind::Federated | SessionKind::Assumed | SessionKind::Chained => {
            ("AssumedRoleUser", "AssumedRoleId")
        }
    };
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">\n  <{operation}Result>\n{result}    <{user}>\n      \
         <{id}>{}</{id}>\n      <Arn>{}</Arn>\n    </{user}>\n    <Credentials>\n      <AccessKeyId>{}</AccessKeyId>\n      \
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
