//! Accounts, as in IAM Identity Center, and the names of permission sets.
//!
//! All names are parsed once and are valid in role ARNs, tag values and command lines.

use std::collections::BTreeMap;

use crate::access::trust::Trust;
use crate::aws::{AccountId, Partition, Region};
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

/// Whether a tag of an account can have this key: selectors are written as `tag:KEY=VALUE`.
pub(crate) fn is_tag_key(text: &str) -> bool {
    is_tag_text(text) && !text.contains(['=', '*'])
}

/// Whether a tag of an account can have this value.
pub(crate) fn is_tag_value(text: &str) -> bool {
    is_tag_text(text) && !text.contains('*')
}

fn is_tag_text(text: &str) -> bool {
    const CHARS_MAX: usize = 256;
    !text.is_empty() && text.chars().count() <= CHARS_MAX && !text.chars().any(char::is_control)
}

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
