//! The record of a person's last sign-in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::access::Policy;
use crate::base::secret::SecretText;
use crate::caller::Circumstances;
use crate::identity::{
    AuthTime, Claims, EmailAddress, Evidence, Identity, ProviderId, Subject, UnreadClaims,
    UntrustedEmail,
};

/// A person as of a sign-in. The names of its JSON members are stable; readers ignore unknown members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPerson {
    /// Provider that asserted the identity.
    pub provider: ProviderId,
    /// Subject at the provider.
    pub subject: Subject,
    /// E-mail address, if the provider is trusted for its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// E-mail address that the provider sent, if it is not trusted. A deny rule may match it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrusted_email: Option<UntrustedEmail>,
    /// Display name; any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Names of groups of this provider.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The claims that the policy named at the sign-in and that could be read. A claim without values was not sent.
    /// Every other claim is unknown.
    #[serde(default)]
    pub claims: Claims,
    /// Whether a second factor was used.
    #[serde(default)]
    pub mfa: bool,
    /// Time of authentication, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated_at: Option<DateTime<Utc>>,
    /// How this time is known.
    #[serde(default = "unstated")]
    pub auth_time: AuthTime,
    /// When the sign-in was completed.
    pub signed_in_at: DateTime<Utc>,
}

/// For a line that does not say it.
fn unstated() -> AuthTime {
    AuthTime::Unstated
}

impl RecordedPerson {
    /// The record of a person whose claims [`Policy::check_claims`] has accepted.
    pub fn new(identity: &Identity, policy: &Policy, signed_in_at: DateTime<Utc>) -> Self {
        let authenticated_at = identity.authenticated_at();
        Self {
            provider: identity.provider.clone(),
            subject: identity.subject.clone(),
            email: identity.email.clone(),
            untrusted_email: identity.untrusted_email.clone(),
            name: identity.name.clone(),
            groups: identity.groups.clone(),
            claims: identity.read_claims(policy.claims_named_for(&identity.provider)),
            mfa: identity.mfa,
            authenticated_at,
            auth_time: match (identity.auth_time, authenticated_at) {
                (AuthTime::Unrecorded, Some(_)) => AuthTime::Stated,
                (AuthTime::Unrecorded, None) => AuthTime::Unstated,
                (
                    known @ (AuthTime::Stated
                    | AuthTime::Assumed
                    | AuthTime::Unstated
                    | AuthTime::Withheld),
                    _,
                ) => known,
            },
            signed_in_at,
        }
    }

    /// The identity that a policy evaluates. A policy that was in use at the sign-in grants it what it granted then. A
    /// claim that no policy named then is unread: it grants nothing, and matches a deny rule.
    pub fn identity(&self) -> Identity {
        Identity {
            provider: self.provider.clone(),
            subject: self.subject.clone(),
            email: self.email.clone(),
            untrusted_email: self.untrusted_email.clone(),
            name: self.name.clone(),
            groups: self.groups.clone(),
            claims: self.claims.clone(),
            unread_claims: UnreadClaims::all_others(),
            mfa: self.mfa,
            // A text for the person's own pages, which no rule compares.
            unconfirmed_mfa: None,
            asserted_at: self.authenticated_at.unwrap_or(self.signed_in_at),
            auth_time: match (self.auth_time, self.authenticated_at) {
                (AuthTime::Stated | AuthTime::Assumed, None) => AuthTime::Unstated,
                (
                    AuthTime::Stated
                    | AuthTime::Assumed
                    | AuthTime::Unstated
                    | AuthTime::Withheld
                    | AuthTime::Unrecorded,
                    _,
                ) => self.auth_time,
            },
            evidence: Evidence::IdToken {
                token: SecretText::new(String::new()),
                sid: None,
            },
        }
    }

    /// The circumstances of the sign-in, as far as they are kept: its time. Conditions on the network are not met.
    pub fn circumstances(&self) -> Circumstances {
        Circumstances {
            now: self.signed_in_at,
            address: None,
            device_flow: false,
        }
    }

    /// The claims that this policy names for people of the provider and that the record does not contain, sorted. What
    /// the policy grants by them is unknown until the person signs in under it.
    pub fn unknown_claims<'p>(&self, policy: &'p Policy) -> Vec<&'p str> {
        let named = policy.claims_named_for(&self.provider);
        let mut unknown: Vec<&str> = named.filter(|name| !self.claims.has(name)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }
}
