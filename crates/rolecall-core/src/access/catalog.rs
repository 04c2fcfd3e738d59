//! What is configured to be granted: accounts and permission sets, as in IAM Identity Center.
//!
//! Parsed once; a name that is here is one that a role ARN, a tag value and a command line can hold.

use std::collections::BTreeMap;
use std::fmt;

use crate::access::template::{Placeholder, Template};
use crate::aws::{
    AccountId, Destination, Partition, PolicyArn, Recipient, Region, RolePath, RoleSessionDuration,
    SamlProviderArn, SessionPolicy, TagKey,
};
use crate::base::text_newtype;

text_newtype!(
    /// An account's name: unique, and never mistaken for an id, a selector or the end of `ACCOUNT/PERMISSION_SET`.
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
    /// A permission set's name.
    PermissionSetName,
    InvalidPermissionSetName,
    "a permission set's name is 1 to 64 letters, digits or . _ + = -",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+=-".contains(&b))
);

text_newtype!(
    /// The name of a variant of a permission set: what stands behind the `@`.
    VariantName,
    InvalidVariantName,
    "a variant's name is 1 to 32 letters, digits or . _ -",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
);

text_newtype!(
    /// Where an account stands among the organizational units: `Workloads/Prod`.
    OuPath,
    InvalidOuPath,
    "an organizational unit is names divided by /, such as Workloads/Prod",
    |text| text.len() <= 512
        && text.split('/').all(|part| !part.is_empty() && part.trim() == part && !part.contains('*') && !part.chars().any(char::is_control))
);

text_newtype!(
    /// `aud` of the tokens for an account, one of the client ids of the account's IAM OIDC provider; or the `Audience` of
    /// SAML responses, AWS's entity id.
    Audience,
    InvalidAudience,
    "an audience is 1 to 255 printable characters without spaces, as registered with the account's OIDC provider",
    |text| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);

/// `aud` of a token where the account names none: what AWS's own documentation uses.
const TOKEN_AUDIENCE: &str = "sts.amazonaws.com";

/// How the roles of an account are convinced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// `AssumeRoleWithWebIdentity` with a token that the gateway signs; IAM trusts the gateway as an OIDC provider.
    #[default]
    GatewayOidc,
    /// `AssumeRoleWithSAML` with a response that the gateway signs; IAM trusts the gateway as a SAML provider.
    GatewaySaml(GatewaySaml),
    /// `AssumeRoleWithSAML` with a response that the person's own identity provider made for AWS; IAM trusts that provider.
    ProviderSaml(SamlProviderArn),
}

/// What `trust = "gateway-saml"` needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySaml {
    /// The account's IAM SAML provider.
    pub provider: SamlProviderArn,
    /// How a browser gets to the console.
    pub console: ConsoleMethod,
    /// `Recipient` of the responses; that of the Region when absent.
    pub recipient: Option<Recipient>,
}

impl Trust {
    /// The word of `access.toml`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::GatewayOidc => "gateway-oidc",
            Self::GatewaySaml(_) => "gateway-saml",
            Self::ProviderSaml(_) => "provider-saml",
        }
    }

    /// `aud` of the token or `Audience` of the SAML response, where the account names none.
    pub fn audience(&self, partition: Partition) -> &'static str {
        match self {
            Self::GatewayOidc => TOKEN_AUDIENCE,
            Self::GatewaySaml(_) | Self::ProviderSaml(_) => partition.saml_audience(),
        }
    }

    /// Whether the gateway signs a token for each issue.
    pub fn mints_token(&self) -> bool {
        match self {
            Self::GatewayOidc => true,
            Self::GatewaySaml(_) | Self::ProviderSaml(_) => false,
        }
    }

    /// Whether a browser must visit the person's provider for each issue: programs get nothing from such an account.
    pub fn needs_browser(&self) -> bool {
        match self {
            Self::GatewayOidc | Self::GatewaySaml(_) => false,
            Self::ProviderSaml(_) => true,
        }
    }

    /// The IAM SAML provider that the account's roles trust, if they trust one.
    pub fn saml_provider(&self) -> Option<&SamlProviderArn> {
        match self {
            Self::GatewayOidc => None,
            Self::GatewaySaml(GatewaySaml { provider, .. }) | Self::ProviderSaml(provider) => {
                Some(provider)
            }
        }
    }

    /// How the gateway signs SAML responses for the account, if it does.
    pub fn gateway_saml(&self) -> Option<&GatewaySaml> {
        match self {
            Self::GatewaySaml(saml) => Some(saml),
            Self::GatewayOidc | Self::ProviderSaml(_) => None,
        }
    }

    /// How the gateway signs the response that a browser posts to the console, where no call to STS is made for it.
    pub fn console_post(&self) -> Option<&GatewaySaml> {
        self.gateway_saml()
            .filter(|saml| saml.console == ConsoleMethod::SamlPost)
    }
}

/// How a browser gets to the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsoleMethod {
    /// Credentials of the role become a link, at AWS's federation endpoint.
    #[default]
    Federation,
    /// The browser posts the SAML response to AWS's sign-in endpoint: no call to STS, no credentials at the gateway.
    SamlPost,
}

impl ConsoleMethod {
    /// Every way.
    pub const ALL: [Self; 2] = [Self::Federation, Self::SamlPost];

    /// The word of `access.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Federation => "federation",
            Self::SamlPost => "saml-post",
        }
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
    /// Its 12 digits.
    pub id: AccountId,
    /// What people call it.
    pub name: AccountName,
    /// For people.
    pub description: Option<String>,
    /// Where it stands in the organization.
    pub ou: Option<OuPath>,
    /// For selectors such as `tag:env=prod`.
    pub tags: BTreeMap<String, String>,
    /// How its roles are convinced.
    pub trust: Trust,
    /// `aud` of the tokens for it, `sts.amazonaws.com` when absent; or `Audience` of the SAML responses, the partition's
    /// when absent.
    pub audience: Option<Audience>,
    /// The Region whose STS is asked for it; the gateway's when absent.
    pub sts_region: Option<Region>,
}

impl Account {
    /// `aud` of the tokens for it, or `Audience` of the SAML responses: its own, else that of its trust.
    pub fn audience(&self, partition: Partition) -> &str {
        let own = self.audience.as_ref().map(Audience::as_str);
        own.unwrap_or_else(|| self.trust.audience(partition))
    }
}

/// What a role session may do at most, below what its role may do. STS adds both up, then cuts the role by the sum.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// STS's `Policy`
    pub session_policy: Option<SessionPolicy>,
    /// STS's `PolicyArns`
    pub policy_arns: Vec<PolicyArn>,
}

/// A role that may be in many accounts, and how it is used.
#[derive(Clone, Debug)]
pub struct PermissionSet {
    /// Unique.
    pub name: PermissionSetName,
    /// For people.
    pub description: Option<String>,
    /// Path and name of the IAM role in each account.
    pub role: RolePath,
    /// How long a session may last, where it is said.
    pub session_duration: Option<RoleSessionDuration>,
    /// Where the console opens.
    pub destination: Option<Destination>,
    /// Session policies.
    pub limits: Limits,
    /// Tags of the session, beside those that are always there.
    pub session_tags: BTreeMap<TagKey, Template>,
    /// `SourceIdentity` of the session.
    pub source_identity: Option<Template>,
    /// By name. Whoever is granted the permission set is granted each of them.
    pub variants: Vec<Variant>,
}

impl PermissionSet {
    /// What its sessions say of their person.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.session_tags.values().chain(&self.source_identity)
    }

    /// Whether they say the person's e-mail address.
    pub(super) fn names_email(&self) -> bool {
        let mut placeholders = self.templates().flat_map(Template::placeholders);
        placeholders.any(|one| *one == Placeholder::Email)
    }

    /// What AWS's interfaces call it, or a variant of it: `Developer`, `Developer@readonly`.
    pub fn role_name(&self, variant: Option<&VariantName>) -> String {
        match variant {
            Some(variant) => format!("{}@{variant}", self.name),
            None => self.name.to_string(),
        }
    }
}

/// The same role for a narrower purpose: everything that is absent is as in the permission set.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Unique within the permission set.
    pub name: VariantName,
    /// For people.
    pub description: Option<String>,
    /// An IAM role of its own, so that AWS enforces the variant for whoever holds a token; the permission set's role when
    /// absent.
    pub role: Option<RolePath>,
    /// Never longer than the permission set's.
    pub session_duration: Option<RoleSessionDuration>,
    /// Where the console opens.
    pub destination: Option<Destination>,
    /// Instead of the permission set's, both together: STS adds session policies up, so a read-only variant that kept
    /// the inline policy of its permission set would not be read-only.
    pub limits: Option<Limits>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_has_audience_browser_need_and_provider() {
        let arn = "arn:aws:iam::111122223333:saml-provider/rolecall";
        let provider = SamlProviderArn::parse(arn).unwrap();
        let gateway_saml = |console| {
            Trust::GatewaySaml(GatewaySaml {
                provider: provider.clone(),
                console,
                recipient: None,
            })
        };
        let entity_id = "urn:amazon:webservices";
        for (trust, audience, browser, provider, signs, posts) in [
            (
                Trust::GatewayOidc,
                "sts.amazonaws.com",
                false,
                None,
                false,
                false,
            ),
            (
                gateway_saml(ConsoleMethod::Federation),
                entity_id,
                false,
                Some(arn),
                true,
                false,
            ),
            (
                gateway_saml(ConsoleMethod::SamlPost),
                entity_id,
                false,
                Some(arn),
                true,
                true,
            ),
            (
                Trust::ProviderSaml(provider.clone()),
                entity_id,
                true,
                Some(arn),
                false,
                false,
            ),
        ] {
            assert_eq!(trust.audience(Partition::Aws), audience, "{trust}");
            assert_eq!(trust.needs_browser(), browser, "{trust}");
            let trusted = trust.saml_provider().map(SamlProviderArn::as_str);
            assert_eq!(trusted, provider, "{trust}");
            assert_eq!(trust.gateway_saml().is_some(), signs, "{trust}");
            assert_eq!(trust.console_post().is_some(), posts, "{trust}");
        }
        let china = Trust::ProviderSaml(provider).audience(Partition::China);
        assert_eq!(china, Partition::China.saml_audience());
    }
}
