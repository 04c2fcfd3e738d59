//! Who somebody would be if a provider had said so: for explaining the access policy, never for signing in.

use chrono::{DateTime, Utc};
use rolecall_core::identity::{Identity, Unread};
use rolecall_core::secret::SecretDigest;
use rolecall_core::sign_in::ProviderError;
use serde_json::{Map, Value};

use super::assertion::{Attribute, Signed, VerifiedAssertion};
use super::identity;
use super::settings::SamlSettings;
use super::statements::subject_of;
use super::xml::unindented;

/// The person these attributes would make: `sub` is the subject, `acr` the `AuthnContextClassRef`, everything else an
/// attribute with one value or a list.
///
/// # Errors
/// [`ProviderError::Rejected`], as at a sign-in.
pub fn suppose(
    settings: &SamlSettings,
    said: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<Identity, ProviderError> {
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let subject = subject_of(unindented(text("sub").unwrap_or_default()))?;
    let attributes = said
        .iter()
        .filter(|(name, _)| !["sub", "acr"].contains(&name.as_str()))
        .map(|(name, value)| {
            let values = values(value);
            Attribute {
                name: name.clone(),
                friendly_names: Vec::new(),
                unread: values.is_none().then_some(Unread::Nested),
                values: values.unwrap_or_default(),
            }
        });
    let supposed = VerifiedAssertion {
        assertion_id: String::new(),
        digest: SecretDigest::of("rolecall/supposed/v1", &[]),
        not_on_or_after: now,
        issuer: String::new(),
        signed: Signed::Assertion,
        name_id: None,
        subject,
        attributes: attributes.collect(),
        authn_instant: now,
        session_index: None,
        session_not_on_or_after: None,
        authn_context: text("acr").map(str::to_owned),
    };
    Ok(identity::vouched(settings, supposed)?.identity)
}

/// A string, number or boolean, or a list of them; none for anything else.
fn values(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(unindented(text).to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(list) => list.iter().map(scalar).collect(),
        Value::Null => Some(Vec::new()),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            scalar(value).map(|one| vec![one])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_supposed_person_is_read_as_a_real_one() {
        let said = json!({"sub": "alice", "groups": ["a", "b"], "acr": "https://refeds.org/profile/mfa", "level": 3});
        let alice = suppose(&settings(), said.as_object().unwrap(), DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(alice.groups, ["a", "b"]);
        assert!(alice.mfa && alice.claims.values("level").eq(["3"]));
        assert!(suppose(&settings(), &Map::new(), DateTime::UNIX_EPOCH).is_err());
        let spaced = json!({"sub": "alice", "groups": ["admins ", "\n  b\n"]});
        let spaced = suppose(
            &settings(),
            spaced.as_object().unwrap(),
            DateTime::UNIX_EPOCH,
        );
        assert_eq!(spaced.unwrap().groups, ["admins ", "b"]);
        let other = json!({"sub": "alice "});
        let other = suppose(
            &settings(),
            other.as_object().unwrap(),
            DateTime::UNIX_EPOCH,
        );
        assert!(other.is_err());
        let nested = json!({"sub": "alice", "groups": ["a", {"name": "contractors"}]});
        assert!(
            suppose(
                &settings(),
                nested.as_object().unwrap(),
                DateTime::UNIX_EPOCH
            )
            .is_err()
        );
    }
}
