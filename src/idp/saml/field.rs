//! Responses of real SAML providers: cases of the field corpus, and variations documented by vendors.

mod attributes;
mod metadata;
mod vendors;
mod white_space;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::Value;

use super::settings::tests::settings;
use super::testing::*;
use super::*;

/// A file of the corpus at `ROLECALL_CORPUS`; without it, the test reports that it is skipped.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the corpus is not part of the repository; skipped tests are reported"
)]
fn file(name: &str) -> Option<Vec<u8>> {
    let Ok(folder) = std::env::var("ROLECALL_CORPUS") else {
        eprintln!("LEFT OUT: ROLECALL_CORPUS is not set, so field/{name} was not read");
        return None;
    };
    let path = PathBuf::from(folder).join("field").join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn case(id: &str) -> Option<Value> {
    file(&format!("{id}.json")).map(|text| serde_json::from_slice(&text).unwrap())
}

fn is_alice(case: &str, verified: Result<VerifiedAssertion, ProviderError>) {
    let verified = verified.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert_eq!(verified.subject.as_str(), "alice", "{case}");
    assert_eq!(
        verified.values("groups").unwrap(),
        ["dev", "R&D <x>"],
        "{case}"
    );
    assert_eq!(
        verified.values("mail").unwrap(),
        ["alice@example.com"],
        "{case}"
    );
}

#[test]
fn subject_attribute_matches_friendly_name() {
    let by = |name: &str| {
        trust_with(SamlPolicy {
            subject_attribute: Some(name.to_owned()),
            ..SamlPolicy::default()
        })
    };
    let with = |attribute: &str| {
        let statement = "<saml:AttributeStatement>";
        let xml = draft().replace(statement, &format!("{statement}{attribute}"));
        signed(
            &xml.replace("nameid-format:persistent", "nameid-format:transient"),
            Signed::Response,
        )
    };
    if let Some(case) = case("W1-subject-attribute-friendlyname") {
        let said = with(case["attribute"].as_str().unwrap());
        let subject = posted(&said, &by("eppn")).unwrap().subject;
        assert_eq!(subject.as_str(), "alice@example.edu", "W1");
    }
    for (vendor, name, attribute) in [
        (
            "Shibboleth: the pairwise id",
            "pairwise-id",
            "<saml:Attribute Name=\"urn:oasis:names:tc:SAML:attribute:pairwise-id\" FriendlyName=\"pairwise-id\"><saml:AttributeValue>alice-1</saml:AttributeValue></saml:Attribute>",
        ),
        (
            "ADFS: a Name with a FriendlyName of its own",
            "UPN",
            "<saml:Attribute Name=\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn\" FriendlyName=\"UPN\"><saml:AttributeValue>\n alice-1\n</saml:AttributeValue></saml:Attribute>",
        ),
        (
            "SimpleSAMLphp: under both names",
            "uid",
            "<saml:Attribute Name=\"urn:oid:0.9.2342.19200300.100.1.1\" FriendlyName=\"uid\"><saml:AttributeValue>alice-1</saml:AttributeValue></saml:Attribute><saml:Attribute Name=\"uid\"><saml:AttributeValue>alice-1</saml:AttributeValue></saml:Attribute>",
        ),
    ] {
        let subject = posted(&with(attribute), &by(name)).unwrap().subject;
        assert_eq!(subject.as_str(), "alice-1", "{vendor}");
    }
    let two = "<saml:Attribute Name=\"urn:a\" FriendlyName=\"uid\"><saml:AttributeValue>alice</saml:AttributeValue></saml:Attribute><saml:Attribute Name=\"uid\"><saml:AttributeValue>mallory</saml:AttributeValue></saml:Attribute>";
    assert_eq!(
        reason(posted(&with(two), &by("uid"))),
        RejectReason::Subject
    );
}

#[test]
fn signature_can_be_at_any_child_position() {
    let response = "{{response}}";
    let assertion = "{{assertion}}";
    let moved = |mark: &str, before: &str| {
        draft()
            .replace(mark, "")
            .replacen(before, &format!("{mark}{before}"), 1)
    };
    let shape = case("X1-auth0-signature-last")
        .map(|case| case["shape"].as_str().unwrap_or_default().to_owned());
    assert!(
        shape.is_none_or(|shape| shape.contains("last child of Response")),
        "X1"
    );
    for (vendor, xml, how) in [
        (
            "X1, Auth0",
            moved(response, "</samlp:Response>"),
            Signed::Response,
        ),
        (
            "a signature before the assertion",
            moved(response, "<saml:Assertion "),
            Signed::Both,
        ),
        (
            "ComponentSpace: last in the assertion",
            moved(assertion, "</saml:Assertion>"),
            Signed::Assertion,
        ),
        (
            "after the subject",
            moved(assertion, "<saml:Conditions "),
            Signed::Both,
        ),
    ] {
        let good = signed(&xml, how);
        is_alice(vendor, posted(&good, &trust()));
        let bad = good.replace(">alice<", ">mallory<");
        assert_eq!(
            reason(posted(&bad, &trust())),
            RejectReason::Signature,
            "{vendor}"
        );
    }
}

#[test]
fn invalid_id_has_a_hint() {
    for (vendor, from, id) in [
        ("a hexadecimal id", "ID=\"_r\"", "1b3f1c0e8d"),
        (
            "a UUID",
            "ID=\"_a\"",
            "550e8400-e29b-41d4-a716-446655440000",
        ),
        ("a counter", "ID=\"_r\"", "7"),
        (
            ".NET: a GUID in braces",
            "ID=\"_a\"",
            "{550e8400-e29b-41d4-a716-446655440000}",
        ),
        (
            "a URN",
            "ID=\"_r\"",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
        ),
    ] {
        let xml = draft().replace(from, &format!("ID=\"{id}\""));
        let error = posted(&unsigned(&xml), &trust()).unwrap_err();
        let text = format!("{error:?}");
        assert!(
            text.contains("IDs that begin with a letter or _"),
            "{vendor}: {text}"
        );
    }
}

#[test]
fn missing_relay_state_is_reported() {
    let unasked = Expected {
        in_response_to: None,
        ..expected()
    };
    for (vendor, xml) in [
        ("Shibboleth behind a proxy that drops it", draft()),
        (
            "ADFS 2.0: in the response alone",
            draft().replace(&format!("InResponseTo=\"{REQUEST}\"/>"), "/>"),
        ),
    ] {
        let field = STANDARD.encode(signed(&xml, Signed::Both));
        let error = verify(&field, &trust(), now(), &unasked).unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("RelayState unchanged"), "{vendor}: {text}");
        assert_eq!(reason::<()>(Err(error)), RejectReason::InResponseTo);
    }
}

#[test]
fn exclusive_canonicalization_with_comments_is_accepted() {
    let mode = case("P1").map(|case| case["saml"]["mode"].as_str().unwrap_or_default().to_owned());
    assert!(mode.is_none_or(|mode| mode == "exc-comments"), "P1");
    let with_comments = "xml-exc-c14n#WithComments\"";
    let plain = sha256_signature("_r");
    let (method, transform) = (
        "CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
        "Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
    );
    let changed = |what: &str, text: &str| {
        text.replace(what, &what.replace("xml-exc-c14n#\"", with_comments))
    };
    for (vendor, signature) in [
        (
            "P1, Oracle Access Manager: both",
            changed(method, &changed(transform, &plain)),
        ),
        (
            "IBM Security Verify: of SignedInfo",
            changed(method, &plain),
        ),
        (
            "CA SiteMinder: of the reference",
            changed(transform, &plain),
        ),
    ] {
        let xml = PROVIDER.sign(&unsigned(&draft().replace("{{response}}", &signature)));
        is_alice(vendor, posted(&xml, &trust()));
        for bad in [
            xml.replace(">alice<", "><!-- -->alice<"),
            xml.replace(">alice<", ">alice<!-- -->.evil.example<"),
        ] {
            assert_eq!(
                reason(posted(&bad, &trust())),
                RejectReason::Malformed,
                "{vendor}"
            );
        }
    }
}

#[test]
fn other_canonicalization_has_a_hint() {
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let plain = sha256_signature("_r");
    let transform = format!("<ds:Transform Algorithm=\"{exclusive}\"/>");
    for (vendor, signature) in [
        (
            "an old .NET: inclusive",
            plain.replace(exclusive, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        ),
        ("WIF: enveloped alone", plain.replace(&transform, "")),
        (
            "a Java stack: inclusive 1.1 of SignedInfo",
            plain.replacen(exclusive, "http://www.w3.org/2006/12/xml-c14n11", 1),
        ),
    ] {
        let xml = unsigned(&draft().replace("{{response}}", &signature));
        let error = posted(&xml, &trust()).unwrap_err();
        let text = format!("{error:?}");
        assert!(
            text.contains("exclusive canonicalization"),
            "{vendor}: {text}"
        );
    }
}

#[test]
fn clock_difference_within_leeway_is_accepted() {
    let field = STANDARD.encode(signed(&draft(), Signed::Both));
    let issued = now() - TimeDelta::seconds(30);
    let at = |seconds: i64, leeway: TimeDelta| {
        let trust = trust_with(SamlPolicy {
            leeway,
            ..SamlPolicy::default()
        });
        verify(
            &field,
            &trust,
            issued + TimeDelta::seconds(seconds),
            &expected(),
        )
    };
    let skew = case("Q1").map(|case| case["saml"]["skew"].as_i64().unwrap());
    // Seconds by which the clock of the provider is ahead; its assertion is valid for five minutes.
    for (vendor, ahead) in [
        ("Q1", skew.unwrap_or(90)),
        ("saml2int: three minutes", 180),
        ("ADFS, a minute behind", -60),
        (
            "a virtual machine, almost three minutes behind",
            179 - 5 * 60 - 180,
        ),
    ] {
        is_alice(vendor, at(-ahead, limits::SAML_LEEWAY));
    }
    let five = TimeDelta::minutes(5);
    is_alice("five minutes ahead", at(-300, five));
    let verified = at(-300, five).unwrap();
    let good_until = issued + five;
    assert_eq!(
        verified.not_on_or_after,
        good_until + five,
        "remembered as long"
    );
    for (ahead, leeway, wanted, text) in [
        (
            181,
            limits::SAML_LEEWAY,
            RejectReason::NotYetValid,
            "is 181 s in the future, allowed are 180 s",
        ),
        (
            -480,
            limits::SAML_LEEWAY,
            RejectReason::Expired,
            "allowed are 180 s",
        ),
        (
            61,
            TimeDelta::seconds(60),
            RejectReason::NotYetValid,
            "allowed are 60 s",
        ),
        (
            1,
            TimeDelta::zero(),
            RejectReason::NotYetValid,
            "allowed are 0 s",
        ),
    ] {
        let error = at(-ahead, leeway).unwrap_err();
        assert!(format!("{error:?}").contains(text), "{error:?}");
        assert_eq!(reason::<()>(Err(error)), wanted);
    }
}

#[test]
fn several_email_addresses_are_rejected_and_reported() {
    let mut settings = settings();
    settings.domains = vec![rolecall_core::identity::EmailDomain::parse("example.com").unwrap()];
    let verified_sign_in = |values: &[&str]| {
        let values: String = values
            .iter()
            .map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>"))
            .collect();
        let one = "<saml:AttributeValue>alice@example.com</saml:AttributeValue>";
        let verified = posted(
            &signed(&draft().replace(one, &values), Signed::Response),
            &trust(),
        );
        identity::verified_sign_in(&settings, verified.unwrap())
            .unwrap()
            .identity
    };
    let sent = case("H2").map(|case| {
        let email = case["saml"]["attrs"][0].as_array().unwrap()[1..].to_vec();
        email
            .into_iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    let sent = sent.unwrap_or_else(|| {
        vec![
            "alice@example.com".to_owned(),
            "a.smith@example.com".to_owned(),
        ]
    });
    let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
    for (case, sent, wanted) in [
        (
            "H2",
            sent.as_slice(),
            "\"alice@example.com\" and \"a.smith@example.com\" are not trusted, because more than one",
        ),
        (
            "Keycloak: an umlaut",
            &["m\u{fc}ller@example.com"],
            "\"m\u{fc}ller@example.com\" is not trusted, because it is not an ASCII address",
        ),
        (
            "Okta: another domain",
            &["alice@corp.example.com"],
            "\"alice@corp.example.com\" is not trusted, because its domain",
        ),
    ] {
        let identity = verified_sign_in(sent);
        let text = identity.untrusted_email.unwrap().to_string();
        assert!(
            identity.email.is_none() && text.contains(wanted),
            "{case}: {text}"
        );
    }
}
