//! Who signed a request: an IAM user with a long-term key, or a session.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::iam::IamUser;
use super::issued::{IssuedSession, SessionKind};
use super::organization;
use crate::iam::{Principal, RequestContext};

/// The credentials that signed a request.
pub(super) enum Credentials {
    User(Arc<IamUser>),
    Session(Arc<IssuedSession>),
}

/// Who signed a request, and for which Region.
pub(super) struct Signer {
    pub credentials: Credentials,
    pub region: String,
}

impl Signer {
    pub fn arn(&self) -> &str {
        match &self.credentials {
            Credentials::User(user) => &user.arn,
            Credentials::Session(session) => &session.assumed_role_arn,
        }
    }

    /// `UserId`
    pub fn id(&self) -> &str {
        match &self.credentials {
            Credentials::User(user) => &user.id,
            Credentials::Session(session) => &session.assumed_role_id,
        }
    }

    pub fn account(&self) -> &str {
        match &self.credentials {
            Credentials::User(user) => &user.account,
            Credentials::Session(session) => &session.account_id,
        }
    }

    pub fn secret_access_key(&self) -> &str {
        match &self.credentials {
            Credentials::User(user) => &user.secret_access_key,
            Credentials::Session(session) => &session.secret_access_key,
        }
    }

    /// The user, if the request was signed with a long-term key.
    pub fn user(&self) -> Option<&Arc<IamUser>> {
        match &self.credentials {
            Credentials::User(user) => Some(user),
            Credentials::Session(_) => None,
        }
    }

    /// The session, if the request was not signed with a long-term key.
    pub fn session(&self) -> Option<&IssuedSession> {
        match &self.credentials {
            Credentials::User(_) => None,
            Credentials::Session(session) => Some(session),
        }
    }

    /// The session of a role, which makes assuming another role chaining.
    pub fn role_session(&self) -> Option<&IssuedSession> {
        self.session().filter(|session| match session.kind {
            SessionKind::Federated | SessionKind::Assumed | SessionKind::Chained => true,
            SessionKind::FederatedUser | SessionKind::User => false,
        })
    }

    /// Whether it may call an operation that issues credentials at all.
    pub fn may_assume_roles(&self) -> bool {
        self.session()
            .is_none_or(|session| session.kind != SessionKind::FederatedUser)
    }

    /// The ARN of the user or role whose policies apply.
    pub fn issuer(&self) -> &str {
        match &self.credentials {
            Credentials::User(user) => &user.arn,
            Credentials::Session(session) => match session.kind {
                SessionKind::Federated | SessionKind::Assumed | SessionKind::Chained => {
                    &session.role_arn
                }
                SessionKind::FederatedUser | SessionKind::User => &session.subject,
            },
        }
    }

    /// As policies name the signer.
    pub fn principal(&self) -> Principal {
        match self.session().map(|session| session.kind) {
            None | Some(SessionKind::User) => Principal::User {
                arn: self.issuer().to_owned(),
            },
            Some(
                SessionKind::Federated
                | SessionKind::Assumed
                | SessionKind::Chained
                | SessionKind::FederatedUser,
            ) => Principal::Session {
                arn: self.arn().to_owned(),
                issuer: self.issuer().to_owned(),
            },
        }
    }

    /// The condition keys that describe the signer.
    pub fn context(&self, now: DateTime<Utc>) -> RequestContext {
        let mut context = RequestContext::default()
            .with("aws:PrincipalAccount", self.account())
            .with("aws:PrincipalOrgID", organization::ID)
            .with("aws:userid", self.id())
            .with("aws:RequestedRegion", &self.region);
        let kind = self.session().map(|session| session.kind);
        let (kind, arn) = match kind {
            None | Some(SessionKind::User) => ("User", self.issuer()),
            Some(SessionKind::FederatedUser) => ("FederatedUser", self.arn()),
            Some(SessionKind::Federated | SessionKind::Assumed | SessionKind::Chained) => {
                ("AssumedRole", self.issuer())
            }
        };
        context.add("aws:PrincipalType", kind);
        context.add("aws:PrincipalArn", arn);
        if kind == "User"
            && let Some(name) = arn.rsplit('/').next()
        {
            context.add("aws:username", name);
        }
        if let Some(session) = self.session() {
            add_session(&mut context, session, now);
        }
        context
    }
}

/// The condition keys that only temporary credentials have.
fn add_session(context: &mut RequestContext, session: &IssuedSession, now: DateTime<Utc>) {
    let issued = session.issued_at;
    let issued_at = issued.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    context.add("aws:TokenIssueTime", &issued_at);
    context.add("aws:MultiFactorAuthPresent", &session.mfa.to_string());
    if session.mfa {
        let age = (now - issued).num_seconds().to_string();
        context.add("aws:MultiFactorAuthAge", &age);
    }
    if let Some(source) = &session.source_identity {
        context.add("aws:SourceIdentity", source);
    }
    // Sessions of SAML providers do not have the key, and it is not passed on in role chaining.
    let provider = session.provider_arn.as_ref();
    if let Some(provider) = provider.filter(|arn| !arn.contains(":saml-provider/")) {
        context.add("aws:FederatedProvider", provider);
    }
    for (key, value) in &session.tags {
        context.add(&format!("aws:PrincipalTag/{key}"), value);
    }
}
