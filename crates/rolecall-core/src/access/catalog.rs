//! Accounts and permission sets, as in IAM Identity Center.
//!
//! All names are parsed once and are valid in role ARNs, tag values and command lines.

use std::collections::BTreeMap;

use crate::access::template::{Placeholder, Template};
use crate::access::trust::Trust;
use crate::aws::{
    AccountId, Destination, Partition, PolicyArn, Region, RolePath, RoleSessionDuration,
    SessionPolicy, TagKey,
};
use crate::base::text_newtype;

text_newtype!(
    /// Name of an account. It is unique, and cannot be confused with an account ID, a selector or the end of
    /// `ACCOUNT/PERMISSION_SET`.
    AccountName,
    InvalidAccountName,
    "an account name is 1 to 64 letters, digits, spaces or . _ + = & ( ) -, with a letter or digit at its ends, and is not a 12-digit id",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._+=&()-".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ')')
        && AccountId::parse(text).is_err()
);

text_newtype!(
    /// Name of a permission set.
    PermissionSetName,
    InvalidPermissionSetName,
    "a permission set's name is 1 to 64 letters, digits or . _ + = -",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+=-".contains(&b))
);

text_newtype!(
    /// Name of a variant of a permission set: the part after `@`.
    VariantName,
    InvalidVariantName,
    "a variant's name is 1 to 32 letters, digits or . _ -",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
);

text_newtype!(
    /// Path of an organizational unit, such as `Workloads/Prod`.
    OuPath,
    InvalidOuPath,
    "an organizational unit is names divided by /, such as Workloads/Prod",
    |text| text.len() <= 512
        && text.split('/').all(|part| !part.is_empty() && part.trim() == part && !part.contains('*') && !part.chars().any(char::is_control))
);

text_newtype!(
    /// `aud` of the tokens for an account, which is one of the client IDs of its IAM OIDC provider; or `Audience` of
    /// the SAML responses, which is the entity ID of AWS.
    Audience,
    InvalidAudience,
    "an audience is 1 to 255 printable characters without spaces, as registered with the account's OIDC provider",
    |text| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);

/// Default `aud` of a token, as in AWS's documentation.
const TOKEN_AUDIENCE: &str = "sts.amazonaws.com";

/// An AWS account.
#[derive(Clone, Debug)]
pub struct Account {
    /// AWS account ID, 12 digits; unique.
    pub id: AccountId,
    /// Display name; unique.
    pub name: AccountName,
    /// Text for people.
    pub description: Option<String>,
    /// Organizational unit of the account.
    pub ou: Option<OuPath>,
    /// Tags for selectors such as `tag:env=prod`.
    pub tags: BTreeMap<String, String>,
    /// How the roles of the account are assumed.
    pub trust: Trust,
    /// `aud` of the tokens (default: `sts.amazonaws.com`), or `Audience` of the SAML responses (default: that of the
    /// partition). Not used if the trust has neither.
    pub audience: Option<Audience>,
    /// Region whose STS endpoint is called; default: that of the gateway.
    pub sts_region: Option<Region>,
    /// Whether STS is asked whose fresh credentials are before they are handed over.
    pub verify: bool,
}

impl Account {
    /// `aud` of the tokens: the configured value, or the default of AWS's documentation. The [`Trust`] decides whether a role
    /// requires a token, a SAML response or neither.
    pub fn token_audience(&self) -> &str {
        self.own_audience().unwrap_or(TOKEN_AUDIENCE)
    }

    /// `Audience` of the SAML responses: the configured value, or AWS's entity id in the partition.
    pub fn saml_audience(&self, partition: Partition) -> &str {
        self.own_audience().unwrap_or(partition.saml_audience())
    }

    fn own_audience(&self) -> Option<&str> {
        self.audience.as_ref().map(Audience::as_str)
    }
}

/// Upper bound of the permissions of a role session. STS combines both, and the session has at most the permissions
/// that the role and one of them allow.
#[derive(Clone, Debug, Default)]
pub struct SessionPolicies {
    /// `Policy` of the STS request.
    pub session_policy: Option<SessionPolicy>,
    /// `PolicyArns` of the STS request.
    pub policy_arns: Vec<PolicyArn>,
}

impl SessionPolicies {
    /// Whether there is no session policy.
    pub fn is_empty(&self) -> bool {
        self.session_policy.is_none() && self.policy_arns.is_empty()
    }
}

/// A tag of each session of a permission set.
#[derive(Clone, Debug)]
pub struct SessionTag {
    /// Unique within the permission set, without regard to case.
    pub key: TagKey,
    /// Template of the tag value.
    pub value: Template,
    /// Whether it is left out of a session where it has no valid value, or where STS has no space for it.
    pub optional: bool,
}

/// A role that can exist in many accounts, with the settings of its sessions.
#[derive(Clone, Debug)]
pub struct PermissionSet {
    /// Name; unique among the permission sets.
    pub name: PermissionSetName,
    /// Text for people.
    pub description: Option<String>,
    /// Path and name of the IAM role in each account.
    pub role: RolePath,
    /// Maximum duration of a session, if configured.
    pub session_duration: Option<RoleSessionDuration>,
    /// Page on which the console opens.
    pub destination: Option<Destination>,
    /// Session policies that restrict the role; empty if none are configured.
    pub session_policies: SessionPolicies,
    /// Configured session tags, in addition to those of every session, in the order of the file.
    pub session_tags: Vec<SessionTag>,
    /// `SourceIdentity` of the session.
    pub source_identity: Option<Template>,
    /// Variants, by name. Whoever is granted the permission set is granted every variant.
    pub variants: Vec<Variant>,
}

impl PermissionSet {
    /// The templates of its session tags and its source identity.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let tags = self.session_tags.iter().map(|tag| &tag.value);
        tags.chain(&self.source_identity)
    }

    /// Whether a template uses the e-mail address of the person.
    pub(super) fn uses_email(&self) -> bool {
        let mut placeholders = self.templates().flat_map(Template::placeholders);
        placeholders.any(|one| *one == Placeholder::Email)
    }

    /// The name in AWS's APIs, with the variant if there is one: `Developer`, `Developer@readonly`.
    pub fn role_name(&self, variant: Option<&VariantName>) -> String {
        match variant {
            Some(variant) => format!("{}@{variant}", self.name),
            None => self.name.to_string(),
        }
    }
}

/// A narrower form of a permission set. Settings that are absent are those of the permission set.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Unique within the permission set.
    pub name: VariantName,
    /// Text for people.
    pub description: Option<String>,
    /// IAM role of the variant, so that AWS enforces the variant for every holder of a token; by default the role of the
    /// permission set.
    pub role: Option<RolePath>,
    /// Maximum duration; never longer than that of the permission set.
    pub session_duration: Option<RoleSessionDuration>,
    /// Page on which the console opens.
    pub destination: Option<Destination>,
    /// Replaces both session policies of the permission set. STS combines session policies, so a read-only variant that
    /// kept the inline policy of its permission set would not be read-only.
    pub session_policies: Option<SessionPolicies>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proof_has_its_own_audience() {
        let mut account = Account {
            id: AccountId::parse("111122223333").unwrap(),
            name: AccountName::parse("prod").unwrap(),
            description: None,
            ou: None,
            tags: BTreeMap::new(),
            trust: Trust::GatewayOidc,
            audience: None,
            sts_region: None,
            verify: false,
        };
        assert_eq!(account.token_audience(), "sts.amazonaws.com");
        for (partition, audience) in [
            (Partition::Aws, "urn:amazon:webservices"),
            (Partition::China, Partition::China.saml_audience()),
        ] {
            assert_eq!(account.saml_audience(partition), audience);
        }
        account.audience = Audience::parse("own").ok();
        assert_eq!(account.token_audience(), "own");
        assert_eq!(account.saml_audience(Partition::Aws), "own");
    }
}
