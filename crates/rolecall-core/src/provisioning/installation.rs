//! What a plan needs to know about the gateway besides its access policy, and what exists in AWS already.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::aws::{AccountId, OidcProviderName, Partition, Region, saml_entity_id};
use crate::base::text_newtype;
use crate::identity::EmailDomain;

/// The gateway, as accounts see it.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// `iss` of the tokens, at which AWS fetches their keys.
    pub issuer: &'a Url,
    /// Origin of the gateway, on which its entity ID as SAML provider depends.
    pub public_url: &'a Url,
    /// Partition of all accounts.
    pub partition: Partition,
    /// Whether tokens name the role that they are for (`[aws] role_claim`).
    pub role_claim: bool,
    /// Region of STS, for accounts without their own.
    pub sts_region: &'a Region,
    /// A sign-in endpoint that replaces those of AWS.
    pub signin_endpoint: Option<&'a Url>,
    /// Domains for which the identity providers are trusted.
    pub email_domains: &'a [EmailDomain],
    /// The owner of the gateway's own AWS credentials, for `trust = "caller"`.
    pub principal: Option<&'a GatewayPrincipal>,
    /// Metadata of the gateway as SAML provider, for `trust = "gateway-saml"`.
    pub saml_metadata: Option<&'a str>,
    /// Metadata of identity providers, by the name of the SAML provider in IAM, for `trust = "provider-saml"`.
    pub provider_metadata: Option<&'a BTreeMap<String, String>>,
    /// What is not generated.
    pub existing: Existing<'a>,
}

/// What exists in AWS already and is not generated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Existing<'a> {
    /// Accounts that have the identity provider which their roles trust.
    pub providers: ExistingProviders<'a>,
    /// The roles of `via`, and the permission of the gateway's principal to assume roles.
    pub gateway: bool,
}

/// Accounts that have an identity provider already.
#[derive(Clone, Copy, Debug, Default)]
pub enum ExistingProviders<'a> {
    /// None.
    #[default]
    Nowhere,
    /// These.
    In(&'a BTreeSet<AccountId>),
    /// All.
    Everywhere,
}

impl ExistingProviders<'_> {
    /// Whether the account has it.
    pub(super) fn contains(self, account: &AccountId) -> bool {
        match self {
            Self::Nowhere => false,
            Self::In(accounts) => accounts.contains(account),
            Self::Everywhere => true,
        }
    }
}

impl<'a> Installation<'a> {
    /// A gateway at its issuer, in partition `aws`, with the default settings, whose mail domains, principal and metadata are not known.
    pub fn new(issuer: &'a Url, sts_region: &'a Region) -> Self {
        Self {
            issuer,
            public_url: issuer,
            partition: Partition::Aws,
            role_claim: true,
            sts_region,
            signin_endpoint: None,
            email_domains: &[],
            principal: None,
            saml_metadata: None,
            provider_metadata: None,
            existing: Existing::default(),
        }
    }
}

impl Installation<'_> {
    /// The URL of the issuer without a trailing slash.
    pub(super) fn issuer_url(&self) -> &str {
        self.issuer.as_str().trim_end_matches('/')
    }

    /// The gateway's entity ID as SAML provider.
    pub(super) fn saml_entity_id(&self) -> String {
        saml_entity_id(self.public_url.as_str().trim_end_matches('/'))
    }

    /// The issuer's name in IAM.
    pub(super) fn oidc_provider(&self) -> OidcProviderName {
        OidcProviderName::of(self.issuer)
    }

    /// Whether a policy can require that tokens name their role: STS of other partitions is not known to evaluate the claim.
    pub fn enforces_role_claim(&self) -> bool {
        self.role_claim && self.partition == Partition::Aws
    }
}

text_newtype!(
    /// ARN of the IAM role or user whose credentials the gateway has.
    GatewayPrincipal,
    InvalidGatewayPrincipal,
    "write the ARN of an IAM role or user: arn:aws:iam::111122223333:role/rolecall-gateway",
    |text| {
        let parts = || {
            let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
            let (account, resource) = rest.split_once(':')?;
            let name = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/"))?;
            let name_char = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@/-".contains(&b);
            let valid = Partition::ALL.iter().any(|known| known.as_str() == partition)
                && AccountId::parse(account).is_ok()
                && (1..=512).contains(&name.len())
                && name.bytes().all(name_char);
            valid.then_some(())
        };
        parts().is_some()
    }
);

/// A kind of IAM principal with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A role.
    Role,
    /// A user.
    User,
}

impl GatewayPrincipal {
    /// The partition of the principal.
    pub fn partition(&self) -> Option<Partition> {
        Partition::parse(self.as_str().split(':').nth(1)?)
    }

    /// The account of the principal.
    pub fn account(&self) -> Option<AccountId> {
        let account = self.as_str().split(':').nth(4)?;
        AccountId::parse(account).ok()
    }

    /// Whether it is a role or a user.
    pub fn kind(&self) -> PrincipalKind {
        match self.as_str().contains(":role/") {
            true => PrincipalKind::Role,
            false => PrincipalKind::User,
        }
    }

    /// The name without the path.
    pub fn name(&self) -> &str {
        self.as_str().rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_is_a_role_or_a_user() {
        for good in [
            "arn:aws:iam::999988887777:role/tools/rolecall-gateway",
            "arn:aws-cn:iam::999988887777:user/gateway",
        ] {
            let principal = GatewayPrincipal::parse(good).unwrap();
            let is_role = principal.kind() == PrincipalKind::Role;
            let name = if is_role {
                "rolecall-gateway"
            } else {
                "gateway"
            };
            assert_eq!(principal.name(), name);
            assert_eq!(principal.account(), AccountId::parse("999988887777").ok());
        }
        for bad in [
            "",
            "*",
            "arn:aws:iam::999988887777:root",
            "arn:aws:iam::999988887777:role/",
            "arn:aws:iam::999988887777:role/*",
            "arn:aws:sts::999988887777:assumed-role/gateway/i-1",
            "arn:aws-x:iam::999988887777:role/gateway",
        ] {
            assert!(GatewayPrincipal::parse(bad).is_err(), "{bad}");
        }
    }
}
