//! Builds an identity from unsigned attributes, to explain the access policy and never for sign-in.
//!
//! The attributes are converted to an assertion and parsed like one, so that the same code and limits apply as at a
//! sign-in.

use askama::Template;
use chrono::{DateTime, Utc};
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::identity::Identity;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

use super::assertion::{Signed, VerifiedAssertion, named};
use super::checks::rejected;
use super::guard::{Shape, strict};
use super::identity;
use super::message::unavailable;
use super::settings::SamlSettings;
use super::statements::{attributes, person};
use super::xml::{ASSERTION, only, trimmed};

#[derive(Template)]
#[template(path = "saml/unsigned_assertion.xml")]
struct UnsignedAssertionXml<'a> {
    subject: &'a str,
    name_id_format: Option<&'a str>,
    attributes: Vec<(&'a str, Vec<Option<String>>)>,
}

/// The identity of these attributes. `sub` becomes the `NameID`, `acr` the `AuthnContextClassRef`, everything else an
/// attribute with one value or a list. If the configured subject attribute is missing, `sub` is used.
///
/// # Errors
/// [`ProviderError::Rejected`], as at a sign-in.
pub fn identity_from_claims(
    settings: &SamlSettings,
    claims: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<Identity, ProviderError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let own = |(name, _): &(&String, &Value)| !["sub", "acr"].contains(&name.as_str());
    let xml = UnsignedAssertionXml {
        subject: text("sub").unwrap_or_default(),
        name_id_format: settings.name_id_format.as_deref(),
        attributes: claims
            .iter()
            .filter(own)
            .map(|(name, value)| (name.as_str(), values(value)))
            .collect(),
    };
    let xml = xml.render().map_err(unavailable)?;
    let document = strict(&xml, Shape::Response)?;
    let assertion = document.root_element();
    let attributes = attributes(assertion)?;
    let subject = only(assertion, ASSERTION, "Subject")
        .ok_or_else(|| rejected(RejectReason::Subject, "Subject is missing"))?;
    let mut policy = settings.options.policy.clone();
    policy.subject_attribute = policy
        .subject_attribute
        .filter(|wanted| !matches!(named(&attributes, wanted), Ok(None)));
    let (name_id, subject) = person(subject, &attributes, &policy)?;
    let identity = VerifiedAssertion {
        assertion_id: String::new(),
        digest: SecretDigest::of("rolecall/supposed/v1", &[]),
        not_on_or_after: now,
        issuer: String::new(),
        signed: Signed::Assertion,
        name_id,
        subject,
        attributes,
        authn_instant: now,
        session_index: None,
        session_not_on_or_after: None,
        authn_context: text("acr").map(|context| trimmed(context).to_owned()),
    };
    let verified = identity::verified_sign_in(settings, identity)?;
    verified.require_groups()?;
    Ok(verified.identity)
}

/// The values of an attribute; empty for an object or a nested array, which correspond to an XML element.
fn values(value: &Value) -> Vec<Option<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(list) => list.iter().map(scalar).collect(),
        Value::Null => Vec::new(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            vec![scalar(value)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::super::testing::{draft, now, posted, signed, trust};
    use super::*;
    use rolecall_core::identity::EmailDomain;
    use serde_json::json;

    #[test]
    fn claims_are_converted_to_an_identity() {
        let claims = json!({"sub": "alice", "groups": ["a", "b"], "acr": "https://refeds.org/profile/mfa", "level": 3});
        let alice = identity_from_claims(
            &settings(),
            claims.as_object().unwrap(),
            DateTime::UNIX_EPOCH,
        )
        .unwrap();
        assert_eq!(alice.groups, ["a", "b"]);
        assert!(alice.mfa && alice.claims.values("level").eq(["3"]));
        assert!(identity_from_claims(&settings(), &Map::new(), DateTime::UNIX_EPOCH).is_err());
        let spaced = json!({"sub": "alice", "groups": ["admins ", "\n  b\n"]});
        let spaced = identity_from_claims(
            &settings(),
            spaced.as_object().unwrap(),
            DateTime::UNIX_EPOCH,
        );
        assert_eq!(spaced.unwrap().groups, ["admins ", "b"]);
        let nested = json!({"sub": "alice", "groups": ["a", {"name": "contractors"}]});
        assert!(
            identity_from_claims(
                &settings(),
                nested.as_object().unwrap(),
                DateTime::UNIX_EPOCH
            )
            .is_err()
        );
    }

    /// The result of a sign-in with these attributes of alice.
    fn signed_in(settings: &SamlSettings, attributes: &str) -> Result<Identity, ProviderError> {
        let xml = draft();
        let (start, end) = ("<saml:AttributeStatement>", "</saml:AttributeStatement>");
        let from = xml.find(start).unwrap() + start.len();
        let to = xml.find(end).unwrap();
        let xml = format!("{}{attributes}{}", &xml[..from], &xml[to..]);
        let verified = posted(&signed(&xml, Signed::Response), &trust())?;
        let verified = identity::verified_sign_in(settings, verified)?;
        verified.require_groups()?;
        Ok(verified.identity)
    }

    fn attribute(name: &str, values: &[&str]) -> String {
        let value = |text: &&str| format!("<saml:AttributeValue>{text}</saml:AttributeValue>");
        let values: String = values.iter().map(value).collect();
        format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
    }

    #[test]
    fn result_equals_that_of_a_sign_in() {
        let mut settings = settings();
        settings.domains = vec![EmailDomain::parse("example.com").unwrap()];
        let element = "<saml:AttributeValue/>";
        let long = "x".repeat(2_000);
        let many: Vec<String> = (0..1_100).map(|n| format!("g{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let too_many = vec!["g"; 5_000];
        let link = "http://schemas.microsoft.com/claims/groups.link";
        for (case, claims, attributes) in [
            (
                "usual",
                json!({"mail": "Alice@example.com", "groups": ["a", "b"], "level": 3, "on": true}),
                [
                    attribute("mail", &["Alice@example.com"]),
                    attribute("groups", &["a", "b"]),
                    attribute("level", &["3"]),
                    attribute("on", &["true"]),
                ]
                .concat(),
            ),
            (
                "one group, spaces",
                json!({"groups": "dev ", "mail": " alice@example.com"}),
                [
                    attribute("groups", &["dev "]),
                    attribute("mail", &[" alice@example.com"]),
                ]
                .concat(),
            ),
            (
                "two addresses",
                json!({"mail": ["a@example.com", "b@example.com"]}),
                attribute("mail", &["a@example.com", "b@example.com"]),
            ),
            (
                "nested group",
                json!({"groups": ["a", {"name": "contractors"}]}),
                attribute("groups", &["a", element]),
            ),
            (
                "nested, unused",
                json!({"address": {"street": "x"}, "groups": ["a"]}),
                [
                    attribute("address", &[element]),
                    attribute("groups", &["a"]),
                ]
                .concat(),
            ),
            (
                "a long value",
                json!({"photo": long, "groups": ["a"]}),
                [attribute("photo", &[&long]), attribute("groups", &["a"])].concat(),
            ),
            (
                "many groups",
                json!({"groups": many}),
                attribute("groups", &many),
            ),
            (
                "more elements than are taken",
                json!({"groups": too_many}),
                attribute("groups", &too_many),
            ),
            (
                "too large",
                json!({"x": "x".repeat(400_000)}),
                attribute("x", &[&"x".repeat(400_000)]),
            ),
            (
                "overage",
                json!({link: "https://graph.example"}),
                attribute(link, &["https://graph.example"]),
            ),
            ("no name", json!({"": "x"}), attribute("", &["x"])),
            (
                "markup",
                json!({"groups": ["R&D <x>"]}),
                attribute("groups", &["R&amp;D &lt;x&gt;"]),
            ),
        ] {
            let mut claims = claims.as_object().unwrap().clone();
            claims.insert("sub".to_owned(), json!("alice"));
            let summary = |outcome: Result<Identity, ProviderError>| match outcome {
                Ok(one) => format!(
                    "{} {:?} {:?} {:?} {:?} {:?} {:?}",
                    one.subject,
                    one.email,
                    one.untrusted_email,
                    one.groups,
                    one.mfa,
                    one.claims,
                    one.unread_claims
                ),
                Err(ProviderError::Rejected { reason, .. }) => reason.code().to_owned(),
                Err(other) => format!("{other:?}"),
            };
            let identity = summary(identity_from_claims(&settings, &claims, now()));
            assert_eq!(
                identity,
                summary(signed_in(&settings, &attributes)),
                "{case}"
            );
        }
    }

    #[test]
    fn subject_attribute_precedes_sub() {
        let mut settings = settings();
        settings.options.policy.subject_attribute = Some("eppn".to_owned());
        let named = |claims: serde_json::Value| {
            let identity = identity_from_claims(&settings, claims.as_object().unwrap(), now());
            identity.map(|one| one.subject.as_str().to_owned())
        };
        let both = json!({"sub": "_transient", "eppn": "alice@example.edu"});
        assert_eq!(named(both).unwrap(), "alice@example.edu");
        assert_eq!(named(json!({"sub": "alice"})).unwrap(), "alice");
        assert!(named(json!({"sub": "alice", "eppn": ["a", "b"]})).is_err());
    }
}
