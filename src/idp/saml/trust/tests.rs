//! Accepted and rejected metadata.

use super::super::testing::*;
use super::*;
use chrono::TimeDelta;

fn certificate() -> String {
    PROVIDER.certificate_text()
}

fn parse(metadata: &str) -> Result<SamlTrust, InvalidMetadata> {
    SamlTrust::parse(metadata, &TrustOptions::default())
}

fn changed(from: &str, to: &str) -> Result<SamlTrust, InvalidMetadata> {
    let good = metadata(&[&certificate()]);
    let changed = good.replace(from, to);
    assert_ne!(good, changed, "{from} not found");
    parse(&changed)
}

#[test]
fn required_contents_are_parsed() {
    let trust = parse(&metadata(&[&certificate()])).unwrap();
    assert_eq!(trust.entity_id(), IDP);
    assert!(trust.wants_signed_requests());
    assert_eq!(trust.valid_until(), None);
    let sso = trust.single_sign_on(Binding::Redirect).unwrap();
    assert_eq!(sso.location.as_str(), "https://idp.example/sso?tenant=1");
    assert!(trust.single_sign_on(Binding::Post).is_none());
    let slo = trust.single_logout(Binding::Post).unwrap();
    assert_eq!(slo.response_location.as_ref().unwrap().path(), "/slo-done");
    // Expired long ago, as is common for certificates of providers.
    assert_eq!(trust.keys().not_after().unwrap().timestamp(), 86_400);
    assert!(!trust.keys().allow_sha1());
}

#[test]
fn metadata_without_signing_certificate_is_rejected() {
    let weak = Party::rsa(1024).certificate_text();
    for text in [
        metadata(&[]),
        metadata(&["", "AAAA", "!"]),
        metadata(&[&weak]),
        metadata(&[&certificate()]).replace("\"signing\"", "\"encryption\""),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("signing certificate"), "{error}");
    }
    assert!(changed(" use=\"signing\"", "").is_ok());
    assert!(parse(&metadata(&[&weak, &certificate()])).is_ok());
    let wrapped = certificate()
        .as_bytes()
        .chunks(64)
        .map(|line| format!("{}\n  ", String::from_utf8_lossy(line)))
        .collect::<String>();
    assert!(parse(&metadata(&[&wrapped])).is_ok());
}

#[test]
fn insecure_endpoints_are_ignored() {
    for to in [
        "Location=\"http://idp.example/sso\"",
        "Location=\"javascript:alert(1)\"",
        "Location=\"https://169.254.169.254/\"",
        "Location=\"https://a:b@idp.example/\"",
        "Location=\"/sso\"",
        "Location=\"\"",
        "",
    ] {
        assert!(
            changed("Location=\"https://idp.example/sso?tenant=1\"", to).is_err(),
            "{to}"
        );
    }
    assert!(
        changed(
            "https://idp.example/sso?tenant=1",
            "http://127.0.0.1:8080/sso"
        )
        .is_ok()
    );
    assert!(changed("HTTP-Redirect", "SOAP").is_err());
}

#[test]
fn other_documents_are_rejected() {
    for (from, to) in [
        ("entityID=", "other="),
        (IDP, " "),
        (
            "urn:oasis:names:tc:SAML:2.0:protocol",
            "urn:oasis:names:tc:SAML:1.1:protocol",
        ),
        ("IDPSSODescriptor", "SPSSODescriptor"),
        ("urn:oasis:names:tc:SAML:2.0:metadata", "urn:x"),
        ("<md:IDPSSODescriptor", "<!DOCTYPE a><md:IDPSSODescriptor"),
        ("</md:EntityDescriptor>", ""),
        (" ID=\"_m\"", " validUntil=\"soon\""),
    ] {
        assert!(changed(from, to).is_err(), "{from} → {to}");
    }
    let text = format!(
        "\u{feff}<?xml version=\"1.0\"?><!-- c -->{}",
        metadata(&[&certificate()])
    );
    assert!(parse(&text).is_ok());
}

#[test]
fn entity_is_selected_by_its_id() {
    let (one, open, close) = (
        metadata(&[&certificate()]),
        "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" validUntil=\"2026-03-02T00:00:00Z\">",
        "</md:EntitiesDescriptor>",
    );
    let other = one
        .replace(IDP, "https://other.example")
        .replace("_m", "_o");
    assert!(parse(&format!("{open}{one}{close}")).is_ok());
    let both = format!("{open}{one}{other}{close}");
    assert!(parse(&both).unwrap_err().to_string().contains("entity_id"));
    let named = |name: &str| {
        let options = TrustOptions {
            entity_id: Some(name.to_owned()),
            ..TrustOptions::default()
        };
        SamlTrust::parse(&both, &options)
    };
    let trust = named(IDP).unwrap();
    assert_eq!(trust.entity_id(), IDP);
    let until = trust.valid_until().unwrap();
    assert!(trust.still_valid(until - TimeDelta::seconds(1)).is_ok());
    assert!(trust.still_valid(until).is_err());
    assert!(named("https://third.example").is_err());
}

#[test]
fn configured_signature_is_required() {
    let options = TrustOptions {
        metadata_keys: Some(
            SigningKeys::from_der([PROVIDER.certificate.to_der().unwrap()]).unwrap(),
        ),
        ..TrustOptions::default()
    };
    let plain = metadata(&[&certificate()]);
    let blank = plain.replace(
        "<md:IDPSSODescriptor",
        &format!("{}<md:IDPSSODescriptor", sha256_signature("_m")),
    );
    let good = PROVIDER.sign(&blank);
    assert!(SamlTrust::parse(&good, &options).is_ok());
    for bad in [
        plain,
        STRANGER.sign(&blank),
        good.replace("https://idp.example/sso", "https://evil.example/sso"),
        good.replace("ID=\"_m\"", "ID=\"_n\""),
        format!(
            "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">{}</md:EntitiesDescriptor>",
            good.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "")
        ),
    ] {
        assert!(SamlTrust::parse(&bad, &options).is_err(), "{bad:.200}");
    }
}
