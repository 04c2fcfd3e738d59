//! Compares the documents that AWS would find with those of the installation. A key that is not one of its keys is the most
//! serious difference: its owner can sign tokens that AWS accepts.

use std::collections::BTreeSet;
use std::fmt;

use rolecall_core::base::json;
use rolecall_core::base::limits::NAME_SHOWN_CHARS_MAX;
use rolecall_core::base::text::one_line;
use serde_json::Value;

use super::{IssuerDocuments, PublishedUse};
use crate::aws::keys::KeyId;

/// AWS reads this many keys of a key set.
const KEYS_READ_BY_AWS: usize = 100;

/// Further foreign keys are not listed. Other differences do not count, because they must not hide a foreign key.
const FOREIGN_KEYS_MAX: usize = 20;

/// What AWS would find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The installation's published keys that AWS finds.
    pub served: BTreeSet<KeyId>,
    /// Differences, at most one for each key; the dangerous ones first.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// The differences that are not only warnings.
    pub fn faults(&self) -> impl Iterator<Item = &Difference> {
        let differences = self.differences.iter();
        differences.filter(|one| one.severity() != Severity::Warning)
    }
}

/// A difference between the documents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The key set contains a key, or something else, that is not of this installation.
    ForeignKey(String),
    /// The discovery document sends AWS to another key set.
    OtherKeySet {
        /// `jwks_uri`
        found: String,
        /// The expected one.
        expected: String,
    },
    /// The key set contains a retired key.
    Retired(KeyId),
    /// The document cannot be read.
    Invalid {
        /// Path of the document below the issuer.
        path: &'static str,
        /// Why it cannot be read.
        reason: String,
    },
    /// The discovery document is that of another issuer.
    OtherIssuer {
        /// `issuer`
        found: String,
        /// The expected one.
        expected: String,
    },
    /// The active key is missing.
    MissingActive(KeyId),
    /// A key is missing that waits for activation.
    MissingNext(KeyId),
    /// A key is missing that signed until the last rotation.
    MissingReplaced(KeyId),
    /// The discovery document does not name the algorithm of a key.
    MissingAlgorithm(String),
    /// There are more keys than AWS reads.
    TooManyKeys(usize),
    /// The key set contains a replaced key that no token needs any more.
    Expired(KeyId),
}

/// How serious a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody else may be able to sign tokens that AWS accepts.
    Danger,
    /// The documents must be published again.
    Fault,
    /// The documents should be published again some time.
    Warning,
}

impl Difference {
    /// How serious the difference is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ForeignKey(_) | Self::OtherKeySet { .. } => Severity::Danger,
            Self::Retired(_)
            | Self::Invalid { .. }
            | Self::OtherIssuer { .. }
            | Self::MissingActive(_)
            | Self::MissingNext(_)
            | Self::MissingReplaced(_)
            | Self::MissingAlgorithm(_)
            | Self::TooManyKeys(_) => Severity::Fault,
            Self::Expired(_) => Severity::Warning,
        }
    }

    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ForeignKey(_) | Self::OtherKeySet { .. } => {
                "the owner of that key can assume every role that trusts this issuer: find out who can write to this address, upload the documents of `rolecalld keys publish` again, and see \"The published documents were changed\" in docs/issuer.md"
            }
            Self::Retired(_) => {
                "AWS accepts tokens that this key signs: run `rolecalld keys publish`, and upload both documents now if the key has leaked"
            }
            Self::Expired(_) => {
                "run `rolecalld keys retire` for this key, then `rolecalld keys publish`, and upload both documents"
            }
            Self::OtherIssuer { .. } => {
                "upload the documents that `rolecalld keys publish` writes with this configuration, or correct `url` in [issuer]"
            }
            Self::Invalid { .. }
            | Self::MissingActive(_)
            | Self::MissingNext(_)
            | Self::MissingReplaced(_)
            | Self::MissingAlgorithm(_)
            | Self::TooManyKeys(_) => {
                "run `rolecalld keys publish`, upload both documents, and invalidate the cache of the CDN, if there is one"
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignKey(key) => {
                write!(
                    f,
                    "the key set contains {key}, which is not a key of this installation"
                )
            }
            Self::OtherKeySet { found, expected } => write!(
                f,
                "the discovery document has the jwks_uri {found} instead of {expected:?}"
            ),
            Self::Retired(id) => write!(
                f,
                "the key set still contains the key {id}, which is retired"
            ),
            Self::Expired(id) => write!(
                f,
                "the key set still contains the key {id}, which no token needs any more"
            ),
            Self::Invalid { path, reason } => write!(f, "{path} is invalid: {reason}"),
            Self::OtherIssuer { found, expected } => write!(
                f,
                "the discovery document has the issuer {found} instead of {expected:?}"
            ),
            Self::MissingActive(id) => write!(
                f,
                "the key set does not contain the active key, {id}: AWS refuses its tokens"
            ),
            Self::MissingNext(id) => write!(f, "the key set does not contain the next key, {id}"),
            Self::MissingReplaced(id) => write!(
                f,
                "the key set does not contain the key {id}, whose tokens may still be in use"
            ),
            Self::MissingAlgorithm(algorithm) => write!(
                f,
                "the discovery document does not contain the algorithm {algorithm}"
            ),
            Self::TooManyKeys(count) => write!(
                f,
                "the key set contains {count} keys; AWS reads {KEYS_READ_BY_AWS}"
            ),
        }
    }
}

impl IssuerDocuments {
    /// Compares the documents with those that AWS would find. A document that equals the own one byte by byte has no
    /// difference; otherwise the order of keys, and members that AWS does not evaluate, do not matter.
    pub fn compare(&self, discovery: &[u8], jwks: &[u8]) -> Comparison {
        let mut differences = BTreeSet::new();
        let leads_here = self.compare_discovery(discovery, &mut differences);
        let mut served = self.compare_keys(jwks, &mut differences);
        if !leads_here {
            served.clear();
        }
        Comparison {
            served,
            differences: differences.into_iter().collect(),
        }
    }

    /// Whether AWS would use the key set of this issuer.
    fn compare_discovery(&self, found: &[u8], differences: &mut BTreeSet<Difference>) -> bool {
        if found == self.discovery.body.as_bytes() {
            return true;
        }
        let members = match json::object(found) {
            Ok(members) => members,
            Err(reason) => {
                let path = super::DISCOVERY_PATH;
                differences.insert(Difference::Invalid { path, reason });
                return false;
            }
        };
        let is = |name: &str, expected: &str| {
            members.get(name).and_then(Value::as_str) == Some(expected)
        };
        let found = |name: &str| shown(members.get(name));
        let (issuer, jwks_uri) = (self.issuer.clone(), self.jwks_uri());
        let same_issuer = is("issuer", &issuer);
        if !same_issuer {
            differences.insert(Difference::OtherIssuer {
                found: found("issuer"),
                expected: issuer,
            });
        }
        let same_keys = is("jwks_uri", &jwks_uri);
        if !same_keys {
            differences.insert(Difference::OtherKeySet {
                found: found("jwks_uri"),
                expected: jwks_uri,
            });
        }
        let listed = members.get("id_token_signing_alg_values_supported");
        let listed = listed.and_then(Value::as_array);
        for (_, key) in self.keys.values() {
            if !listed.is_some_and(|listed| listed.contains(&key["alg"])) {
                differences.insert(Difference::MissingAlgorithm(shown(key.get("alg"))));
            }
        }
        same_issuer && same_keys
    }

    /// The keys that AWS finds in this key set.
    fn compare_keys(
        &self,
        found: &[u8],
        differences: &mut BTreeSet<Difference>,
    ) -> BTreeSet<KeyId> {
        if found == self.jwks.body.as_bytes() {
            return self.keys.keys().cloned().collect();
        }
        let parsed = json::object(found).and_then(|mut members| match members.remove("keys") {
            Some(Value::Array(keys)) => Ok(keys),
            Some(_) | None => Err("the array \"keys\" is missing".to_owned()),
        });
        let keys = match parsed {
            Ok(keys) => keys,
            Err(reason) => {
                let path = super::JWKS_PATH;
                differences.insert(Difference::Invalid { path, reason });
                return BTreeSet::new();
            }
        };
        if keys.len() > KEYS_READ_BY_AWS {
            differences.insert(Difference::TooManyKeys(keys.len()));
        }
        let (mut served, mut foreign) = (BTreeSet::new(), 0_usize);
        for (position, key) in keys.iter().enumerate() {
            let id = KeyId::of_jwk(key);
            // A key whose `kid` is that of another key would verify the tokens that name it.
            let id = id.filter(|id| key["kid"].as_str() == Some(id.as_str()));
            match id {
                Some(id) if self.keys.get(&id).is_some_and(|(_, own)| own == key) => {
                    if position < KEYS_READ_BY_AWS {
                        served.insert(id);
                    }
                }
                Some(id) if self.retired.contains(&id) => {
                    differences.insert(Difference::Retired(id));
                }
                Some(id) if self.expired.contains(&id) => {
                    differences.insert(Difference::Expired(id));
                }
                Some(_) | None if foreign >= FOREIGN_KEYS_MAX => {}
                Some(_) | None => {
                    foreign += 1;
                    let described = match key.get("kid") {
                        Some(kid) => format!("the key {}", shown(Some(kid))),
                        None => "a key without kid".to_owned(),
                    };
                    differences.insert(Difference::ForeignKey(described));
                }
            }
        }
        for (id, (use_, _)) in self.keys.iter().filter(|(id, _)| !served.contains(*id)) {
            differences.insert(match use_ {
                PublishedUse::Active => Difference::MissingActive(id.clone()),
                PublishedUse::Next => Difference::MissingNext(id.clone()),
                PublishedUse::Replaced => Difference::MissingReplaced(id.clone()),
            });
        }
        served
    }
}

/// A value of a document, as one short line.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => format!("{:?}", one_line(text, URL_SHOWN_CHARS_MAX)),
        Some(other) => one_line(&other.to_string(), NAME_SHOWN_CHARS_MAX),
    }
}

/// Longer than the URL of an issuer.
const URL_SHOWN_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests;
