//! Accounts and permission sets, as in IAM Identity Center.
//!
//! All names are parsed once and are valid in role ARNs, tag values and command lines.

use std::collections::BTreeMap;
use std::fmt;

use crate::access::caller_trust::CallerTrust;
use crate::access::console_method::ConsoleMethod;
use crate::access::template::{Placeholder, Template};
use crate::aws::{
    AccessKey, AccountId, Destination, Partition, PolicyArn, Recipient, Region, RolePath,
    RoleSessionDuration, SamlProviderArn, SessionPolicy, TagKey,
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

/// How the roles of an account trust Rolecall or the identity provider.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// `AssumeRoleWithWebIdentity` with a token that the gateway signs. IAM trusts the gateway as an OIDC provider.
    #[default]
    GatewayOidc,
    /// `AssumeRoleWithSAML` with a response that the gateway signs. IAM trusts the gateway as a SAML provider.
    GatewaySaml(GatewaySaml),
    /// `AssumeRoleWithSAML` with a response that the person's identity provider issues for AWS. IAM trusts that
    /// provider.
    ProviderSaml(SamlProviderArn),
    /// `AssumeRole` with the AWS credentials of the gateway; IAM trusts the principal that they belong to.
    Caller(CallerTrust),
    /// `GetFederationToken` with the key of an IAM user of the account. No role is assumed.
    FederationToken(AccessKey),
}

/// Settings of `trust = "gateway-saml"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySaml {
    /// IAM SAML provider of the account.
    pub provider: SamlProviderArn,
    /// How a browser opens the console.
    pub console: ConsoleMethod,
    /// `Recipient` of the responses; default: the endpoint of the Region.
    pub recipient: Option<Recipient>,
}

impl Trust {
    /// The value in `access.toml`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::GatewayOidc => "gateway-oidc",
            Self::GatewaySaml(_) => "gateway-saml",
            Self::ProviderSaml(_) => "provider-saml",
            Self::Caller(_) => "caller",
            Self::FederationToken(_) => "federation-token",
        }
    }

    /// Whether the gateway signs a token for each credential request.
    pub fn mints_token(&self) -> bool {
        match self {
            Self::GatewayOidc => true,
            Self::GatewaySaml(_)
            | Self::ProviderSaml(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => false,
        }
    }

    /// Whether the session assumes a role. Only then can it have a source identity, and a console session with a duration of its own.
    pub fn assumes_role(&self) -> bool {
        !matches!(self, Self::FederationToken(_))
    }

    /// Whether the gateway signs requests to STS with its own AWS credentials, from the default provider chain of the SDK.
    pub fn needs_own_credentials(&self) -> bool {
        match self {
            Self::Caller(_) => true,
            Self::GatewayOidc
            | Self::GatewaySaml(_)
            | Self::ProviderSaml(_)
            | Self::FederationToken(_) => false,
        }
    }

    /// Whether each credential request requires a browser to visit the identity provider. Clients cannot get credentials for such an
    /// account.
    pub fn needs_browser(&self) -> bool {
        match self {
            Self::GatewayOidc
            | Self::GatewaySaml(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => false,
            Self::ProviderSaml(_) => true,
        }
    }

    /// The IAM SAML provider that the roles of the account trust, if any.
    pub fn saml_provider(&self) -> Option<&SamlProviderArn> {
        match self {
            Self::GatewayOidc | Self::Caller(_) | Self::FederationToken(_) => None,
            Self::GatewaySaml(GatewaySaml { provider, .. }) | Self::ProviderSaml(provider) => {
                Some(provider)
            }
        }
    }

    /// Settings of the SAML responses that the gateway signs for the account, if it signs any.
    pub fn gateway_saml(&self) -> Option<&GatewaySaml> {
        match self {
            Self::GatewaySaml(saml) => Some(saml),
            Self::GatewayOidc
            | Self::ProviderSaml(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => None,
        }
    }

    /// Settings of the SAML response that a browser posts to the console, if the console opens without a call to STS.
    pub fn console_post(&self) -> Option<&GatewaySaml> {
        self.gateway_saml()
            .filter(|saml| saml.console == ConsoleMethod::SamlPost)
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
    fn trust_has_browser_need_and_provider() {
        let arn = "arn:aws:iam::111122223333:saml-provider/rolecall";
        let provider = SamlProviderArn::parse(arn).unwrap();
        let gateway_saml = |console| {
            Trust::GatewaySaml(GatewaySaml {
                provider: provider.clone(),
                console,
                recipient: None,
            })
        };
        for (trust, browser, provider, signs, posts) in [
            (Trust::GatewayOidc, false, None, false, false),
            (
                Trust::Caller(CallerTrust::default()),
                false,
                None,
                false,
                false,
            ),
            (
                gateway_saml(ConsoleMethod::Federation),
                false,
                Some(arn),
                true,
                false,
            ),
            (
                gateway_saml(ConsoleMethod::SamlPost),
                false,
                Some(arn),
                true,
                true,
            ),
            (
                Trust::ProviderSaml(provider.clone()),
                true,
                Some(arn),
                false,
                false,
            ),
        ] {
            assert_eq!(trust.needs_browser(), browser, "{trust}");
            let trusted = trust.saml_provider().map(SamlProviderArn::as_str);
            assert_eq!(trusted, provider, "{trust}");
            assert_eq!(trust.gateway_saml().is_some(), signs, "{trust}");
            assert_eq!(trust.console_post().is_some(), posts, "{trust}");
        }
    }

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
