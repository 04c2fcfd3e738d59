//! Complete responses with all accepted and some rejected kinds of signatures.

use super::super::testing::*;
use super::super::{SamlPolicy, SigningKeys, TrustOptions};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::sign_in::RejectReason;

#[test]
fn identity_is_read_from_signed_content() {
    for how in [Signed::Response, Signed::Assertion, Signed::Both] {
        let verified = posted(&signed(&draft(), how), &trust()).unwrap();
        assert_eq!(verified.signed, how);
        assert_eq!(verified.subject.as_str(), "alice");
        assert_eq!(verified.issuer, IDP);
        assert_eq!(verified.assertion_id, "_a");
        let name = verified.name_id.as_ref().unwrap();
        assert_eq!(name.sp_name_qualifier.as_deref(), Some(SP));
        assert!(name.format.as_deref().unwrap().ends_with(":persistent"));
        assert_eq!(verified.values("groups").unwrap(), ["dev", "R&D <x>"]);
        assert_eq!(verified.values("mail").unwrap(), ["alice@example.com"]);
        assert!(verified.values("Groups").unwrap().is_empty());
        assert_eq!(verified.authn_instant, now() - TimeDelta::seconds(40));
        assert_eq!(verified.session_index.as_deref(), Some("_s"));
        assert!(verified.session_not_on_or_after.is_some());
        assert!(
            verified
                .authn_context
                .unwrap()
                .ends_with(":PasswordProtectedTransport")
        );
        // Five minutes after issue, plus the leeway.
        let five = TimeDelta::minutes(5);
        assert_eq!(
            verified.not_on_or_after,
            now() - TimeDelta::seconds(30) + five + limits::SAML_LEEWAY
        );
    }
}

#[test]
fn only_wrapped_base64_is_accepted() {
    let field = STANDARD.encode(signed(&draft(), Signed::Both));
    let check = |field: &str| verify(field, &trust(), now(), &expected());
    let wrapped: Vec<&str> = field
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    assert!(check(&wrapped.join("\r\n")).is_ok());
    for bad in [
        format!(" {field}"),
        format!("{field}="),
        format!("{field}!"),
        field.replace('=', ""),
        field[1..].to_owned(),
        String::new(),
        "A".repeat(limit() + 1),
    ] {
        assert_eq!(reason(check(&bad)), RejectReason::Malformed, "{:.20}", bad);
    }
}

fn limit() -> usize {
    limits::SAML_MESSAGE_BYTES_MAX
}

#[test]
fn unsigned_response_is_rejected() {
    let nothing = unsigned(&draft());
    assert_eq!(reason(posted(&nothing, &trust())), RejectReason::Unsigned);
    for how in [Signed::Response, Signed::Assertion, Signed::Both] {
        let good = signed(&draft(), how);
        for (from, to) in [
            (">alice<", ">mallory<"),
            (">dev<", ">admin<"),
            ("12:05:00Z\" InR", "12:06:00Z\" InR"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert_eq!(
                reason(posted(&bad, &trust())),
                RejectReason::Signature,
                "{from} {how:?}"
            );
        }
    }
    // Content outside of a signed assertion can be modified, but only cause a rejection.
    let good = signed(&draft(), Signed::Assertion);
    let bad = good.replacen(REQUEST, "_another", 1);
    assert_eq!(reason(posted(&bad, &trust())), RejectReason::InResponseTo);
}

#[test]
fn embedded_foreign_key_is_ignored() {
    let blank = sha256_signature("_a");
    let own = draft()
        .replace("{{response}}", "")
        .replace("{{assertion}}", &blank);
    let certificate = STRANGER.certificate_text();
    let with_key = own.replace(
        "<ds:SignatureValue/>",
        &format!("<ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"),
    );
    for document in [&own, &with_key] {
        let forged = STRANGER.sign(document);
        assert_eq!(reason(posted(&forged, &trust())), RejectReason::Signature);
        // A valid signature of the provider is accepted even with a certificate that does not match.
        assert!(posted(&PROVIDER.sign(document), &trust()).is_ok());
    }
}

#[test]
fn all_configured_keys_are_tried() {
    let ecdsa = blank_signature(
        "_a",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    );
    let document = unsigned(&draft().replace("{{assertion}}", &ecdsa));
    assert!(posted(&ELLIPTIC.sign(&document), &trust()).is_ok());
}

/// The number of attempts is limited, because each one canonicalizes the document; for ECDSA the matching key is not
/// known in advance.
#[test]
fn named_certificate_is_tried_first() {
    let others: Vec<Party> = (0..7).map(|_| Party::elliptic()).collect();
    let mut certificates: Vec<String> = others.iter().map(Party::certificate_text).collect();
    certificates.push(ELLIPTIC.certificate_text());
    let certificates: Vec<&str> = certificates.iter().map(String::as_str).collect();
    let trust = SamlTrust::parse(&metadata(&certificates), &TrustOptions::default()).unwrap();
    let blank = blank_signature(
        "_a",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
    );
    let document = unsigned(&draft().replace("{{assertion}}", &blank));
    let naming = |party: &Party| {
        let certificate = party.certificate_text();
        let named = format!(
            "<ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        );
        ELLIPTIC.sign(&document.replace("<ds:SignatureValue/>", &named))
    };
    assert!(posted(&naming(&ELLIPTIC), &trust).is_ok());
    // A foreign certificate does not select any of our keys.
    let other = posted(&naming(&STRANGER), &trust);
    assert_eq!(reason(other), RejectReason::Signature, "the last of eight");
}

#[test]
fn sha1_requires_a_setting() {
    let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    let rsa_sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    let rsa_sha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let allowing = trust_with(SamlPolicy {
        allow_sha1: true,
        ..SamlPolicy::default()
    });
    for (method, digest) in [(rsa_sha1, sha1), (rsa_sha1, sha256), (rsa_sha256, sha1)] {
        let blank = blank_signature("_a", method, digest);
        let xml = PROVIDER.sign(&unsigned(&draft().replace("{{assertion}}", &blank)));
        assert_eq!(reason(posted(&xml, &trust())), RejectReason::Algorithm);
        assert!(posted(&xml, &allowing).is_ok());
        let bad = xml.replace(">alice<", ">mallory<");
        assert_eq!(reason(posted(&bad, &allowing)), RejectReason::Signature);
    }
}

#[test]
fn required_signatures_are_enforced() {
    let both = |response, assertion| {
        trust_with(SamlPolicy {
            require_signed_response: response,
            require_signed_assertion: assertion,
            ..SamlPolicy::default()
        })
    };
    let by = |how| signed(&draft(), how);
    assert_eq!(
        reason(posted(&by(Signed::Assertion), &both(true, false))),
        RejectReason::Unsigned
    );
    assert_eq!(
        reason(posted(&by(Signed::Response), &both(false, true))),
        RejectReason::Unsigned
    );
    assert!(posted(&by(Signed::Both), &both(true, true)).is_ok());
}

#[test]
fn concurrent_first_use_is_safe() {
    let (xml, trust) = (signed(&draft(), Signed::Both), trust());
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| posted(&xml, &trust).is_ok()))
            .collect();
        assert!(all.into_iter().all(|thread| thread.join().unwrap()));
    });
}

#[test]
fn expired_metadata_is_rejected() {
    let text = metadata(&[&PROVIDER.certificate_text()]);
    let text = text.replace(
        " ID=\"_m\"",
        " ID=\"_m\" validUntil=\"2026-03-01T12:00:00Z\"",
    );
    let trust = SamlTrust::parse(&text, &super::super::TrustOptions::default()).unwrap();
    let outcome = posted(&signed(&draft(), Signed::Both), &trust);
    assert!(matches!(outcome, Err(ProviderError::Misconfigured(_))));
    assert!(SigningKeys::from_pem("").is_err());
}
