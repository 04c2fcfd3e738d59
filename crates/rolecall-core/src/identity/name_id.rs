//! `NameID`: the name of a person at a SAML provider, which is kept for sign-out.

use serde::{Deserialize, Serialize};

use crate::base::secret::SecretDigest;
use crate::identity::ProviderId;

/// The `Format` without meaning (SAML Core 8.3.1).
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// `NameID` (SAML Core 2.2.3), unchanged: a `LogoutRequest` repeats it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// Text content of the element.
    pub value: String,
    /// `Format` (SAML Core 8.3); `None` if absent.
    pub format: Option<String>,
    /// `NameQualifier`: domain of the name, set by the provider.
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`: domain of the name, set for the service provider.
    pub sp_name_qualifier: Option<String>,
}

impl NameId {
    /// Whether both name the same person of one provider: the texts are equal and the formats do not differ. Providers
    /// omit attributes at sign-out that they sent at sign-in, especially qualifiers.
    pub fn matches(&self, other: &Self) -> bool {
        let format = |name: &Self| name.format.clone().filter(|format| format != UNSPECIFIED);
        let same_format = match (format(self), format(other)) {
            (Some(one), Some(two)) => one == two,
            (None, _) | (_, None) => true,
        };
        self.value == other.value && same_format
    }

    /// Store key of the name, within its provider.
    pub fn key(&self, provider: &ProviderId) -> SecretDigest {
        let parts = [provider.as_str().as_bytes(), self.value.as_bytes()];
        SecretDigest::of("rolecall/name-id/v1", &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str, format: Option<&str>) -> NameId {
        NameId {
            value: value.to_owned(),
            format: format.map(str::to_owned),
            name_qualifier: None,
            sp_name_qualifier: None,
        }
    }

    #[test]
    fn name_ids_compare_text_and_format() {
        let alice = name("alice", Some("persistent"));
        assert!(alice.matches(&NameId {
            name_qualifier: Some("idp".to_owned()),
            ..alice.clone()
        }));
        assert!(alice.matches(&name("alice", None)) && name("alice", None).matches(&alice));
        assert!(alice.matches(&name("alice", Some(UNSPECIFIED))));
        assert!(!alice.matches(&name("alice", Some("transient"))));
        for other in ["Alice", "alice ", "", "alice\0"] {
            assert!(
                !alice.matches(&name(other, Some("persistent"))),
                "{other:?}"
            );
        }
    }
}
