//! What AWS accounts have, as far as it is known.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::document::{Document, Malformed};
use crate::aws::AccountId;
use crate::base::json;

/// What accounts have.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub(super) accounts: BTreeMap<AccountId, ObservedAccount>,
}

/// What one account has.
#[derive(Clone, Debug, Default)]
pub struct ObservedAccount {
    /// Whether `roles` are all roles of the account.
    pub roles_complete: bool,
    /// The roles by name in lower case: names are unique without regard to path and case.
    pub(super) roles: BTreeMap<String, ObservedRole>,
    /// `MaxSessionDuration` in seconds, by ARN of the role.
    pub max_session_seconds: BTreeMap<String, u32>,
    /// Documents of customer managed policies, by ARN.
    pub policies: BTreeMap<String, PolicyText>,
    /// ARNs of all OIDC providers; `None` if they were not listed.
    pub oidc_provider_arns: Option<BTreeSet<String>>,
    /// OIDC providers.
    pub oidc_providers: Vec<ObservedOidcProvider>,
    /// ARNs of all SAML providers; `None` if they were not listed.
    pub saml_provider_arns: Option<BTreeSet<String>>,
    /// SAML providers.
    pub saml_providers: Vec<ObservedSamlProvider>,
}

/// A role of IAM.
#[derive(Clone, Debug)]
pub struct ObservedRole {
    /// ARN.
    pub arn: String,
    /// Name without the path.
    pub name: String,
    /// `AssumeRolePolicyDocument`
    pub trust: PolicyText,
    /// Inline policies by name.
    pub inline: BTreeMap<String, PolicyText>,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
}

/// An OIDC provider of IAM.
#[derive(Clone, Debug)]
pub struct ObservedOidcProvider {
    /// URL, without `https://`.
    pub url: String,
    /// Accepted audiences.
    pub client_ids: BTreeSet<String>,
    /// SHA-1 thumbprints of certificates, in hexadecimal digits.
    pub thumbprints: BTreeSet<String>,
}

/// A SAML provider of IAM, or the gateway's own metadata.
#[derive(Clone, Debug)]
pub struct ObservedSamlProvider {
    /// ARN, if known.
    pub arn: Option<String>,
    /// `entityID` of the metadata.
    pub entity_id: String,
    /// Certificates for signatures, base64 of DER.
    pub certificates: Vec<String>,
    /// When the metadata or its last certificate expires.
    pub valid_until: Option<DateTime<Utc>>,
}

/// A policy document as AWS returns it.
#[derive(Clone, Debug)]
pub enum PolicyText {
    /// A JSON object, as printed by the AWS CLI.
    Json(Value),
    /// JSON with percent encoding (RFC 3986), as returned by the API.
    Encoded(String),
}

impl PolicyText {
    /// The parsed document.
    pub(super) fn document(&self) -> Result<Document, Malformed> {
        match self {
            Self::Json(Value::String(text)) | Self::Encoded(text) => {
                let decoded = match text.starts_with('{') {
                    true => text.clone().into_bytes(),
                    false => percent_decoded(text),
                };
                let members = json::object(&decoded).map_err(Malformed)?;
                Document::parse(&Value::Object(members))
            }
            Self::Json(value) => Document::parse(value),
        }
    }
}

/// Invalid escapes remain as they are; the result is then no JSON.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high)
                    .zip(digit(*low))
                    .map(|(high, low)| high * 16 + low)
            }
            (_, _) => None,
        };
        match escaped.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

impl Observed {
    /// What one account has, to be completed.
    pub fn account(&mut self, id: AccountId) -> &mut ObservedAccount {
        self.accounts.entry(id).or_default()
    }

    /// The accounts of which something is known.
    pub fn account_ids(&self) -> impl Iterator<Item = &AccountId> {
        self.accounts.keys()
    }

    /// The accounts with roles of which the last page is missing.
    pub fn incomplete(&self) -> impl Iterator<Item = &AccountId> {
        let incomplete = |one: &&ObservedAccount| !one.roles.is_empty() && !one.roles_complete;
        let accounts = self.accounts.iter();
        accounts.filter_map(move |(id, one)| Some(one).filter(incomplete).map(|_| id))
    }
}

impl ObservedAccount {
    /// Adds a role.
    pub fn add_role(&mut self, role: ObservedRole) {
        self.roles.insert(role.name.to_lowercase(), role);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_decoded() {
        let plain = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b+c","Resource":"é%"}}"#;
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22a%3Ab%2Bc%22%2C%22Resource%22%3A%22%C3%A9%25%22%7D%7D";
        let expected = PolicyText::Json(serde_json::from_str(plain).unwrap()).document();
        assert!(expected.is_ok());
        for text in [plain, encoded] {
            assert_eq!(PolicyText::Encoded(text.to_owned()).document(), expected);
            assert_eq!(PolicyText::Json(text.into()).document(), expected);
        }
        for bad in ["", "%", "%7", "%7B", "%zz", "%ff", "null", "%5B%5D"] {
            assert!(
                PolicyText::Encoded(bad.to_owned()).document().is_err(),
                "{bad}"
            );
        }
    }
}
