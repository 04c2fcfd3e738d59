//! Encrypted assertions: all supported algorithms, and all kinds of errors.

use super::super::Signed;
use super::super::testing::*;
use super::*;

/// Signed, encrypted, and, if `outer`, signed again.
fn sent(how: Encryption, inner: bool, outer: bool) -> String {
    let assertion = match inner {
        true => signed(&draft(), Signed::Assertion),
        false => unsigned(&draft()),
    };
    let xml = encrypted(&assertion, how);
    match outer {
        true => around(&xml),
        false => xml,
    }
}

fn around(xml: &str) -> String {
    let issuer = format!("{IDP}</saml:Issuer>");
    PROVIDER.sign(&xml.replacen(&issuer, &format!("{issuer}{}", sha256_signature("_r")), 1))
}

#[test]
fn supported_encryption_is_decrypted() {
    let of = |cipher, oaep, beside| Encryption {
        cipher,
        oaep,
        beside,
    };
    for how in [
        GCM,
        of("http://www.w3.org/2009/xmlenc11#aes128-gcm", None, true),
        of(
            "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            Some("sha256"),
            false,
        ),
        of(
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            Some("sha256"),
            true,
        ),
        CBC,
    ] {
        let outer_only = posted(&sent(how, false, true), &trust()).unwrap();
        assert_eq!(outer_only.signed, Signed::Response, "{}", how.cipher);
        assert_eq!(outer_only.subject.as_str(), "alice");
        assert_eq!(outer_only.values("groups").unwrap(), ["dev", "R&D <x>"]);
        let both = posted(&sent(how, true, true), &trust()).unwrap();
        assert_eq!(both.signed, Signed::Both);
    }
    let inner_only = posted(&sent(GCM, true, false), &trust()).unwrap();
    assert_eq!(inner_only.signed, Signed::Assertion);
}

#[test]
fn encryption_does_not_replace_a_signature() {
    let xml = sent(GCM, false, false);
    assert_eq!(reason(posted(&xml, &trust())), RejectReason::Unsigned);
    // A foreign assertion in a signed response: the signature covers the original content.
    let good = sent(GCM, false, true);
    let evil = encrypted(&unsigned(&draft()).replace("alice", "mallory"), GCM);
    let part = |xml: &str| {
        let start = xml.find("<saml:EncryptedAssertion").unwrap();
        xml[start..].to_owned()
    };
    let swapped = good.replace(&part(&good), &part(&evil));
    assert_eq!(reason(posted(&swapped, &trust())), RejectReason::Signature);
    // A cleartext assertion next to it.
    let clear = unsigned(&draft());
    let clear =
        &clear[clear.find("<saml:Assertion").unwrap()..clear.find("</samlp:Response").unwrap()];
    let two = good.replace(
        "<saml:EncryptedAssertion",
        &format!("{clear}<saml:EncryptedAssertion"),
    );
    assert_eq!(reason(posted(&two, &trust())), RejectReason::Structure);
    // An invalid inner signature is rejected even with a valid outer one.
    let tampered = signed(&draft(), Signed::Assertion).replace("alice", "mallory");
    let xml = around(&encrypted(&tampered, GCM));
    assert_eq!(reason(posted(&xml, &trust())), RejectReason::Signature);
}

#[test]
fn cbc_requires_outer_signature_or_setting() {
    let xml = sent(CBC, true, false);
    assert_eq!(reason(posted(&xml, &trust())), RejectReason::Algorithm);
    let allowing = trust_with(SamlPolicy {
        allow_cbc: true,
        ..trust().policy().clone()
    });
    assert!(posted(&xml, &allowing).is_ok());
}

#[test]
fn decryption_failures_are_indistinguishable() {
    let key = [7; 32];
    let other_key = GCM.wrapped(&[8; 32]);
    let gcm = |content: &[u8]| GCM.around(&GCM.wrapped(&key), content);
    let cbc = |content: &[u8]| CBC.around(&CBC.wrapped(&key), content);
    let response = unsigned(&draft());
    let start = response.find("<saml:Assertion").unwrap();
    let all = [
        GCM.element(b"<saml:Assertion"),
        GCM.element(b""),
        GCM.element(b"\xff\xfe\x00"),
        GCM.element(b"<!DOCTYPE a><a/>"),
        GCM.element(b"<a/>"),
        GCM.element(b"</samlp:Response>"),
        GCM.element(b"<saml:Assertion/><saml:Assertion/>"),
        CBC.element(b"<a/>"),
        GCM.around(&other_key, &[1; 100]),
        GCM.around(&GCM.wrapped(&[7; 16]), &[1; 100]),
        GCM.around(&[0; 256], &[1; 100]),
        GCM.around(&[1; 7], &[1; 100]),
        GCM.around(&[], &[1; 100]),
        gcm(&[]),
        gcm(&[1; 11]),
        gcm(&[1; 12]),
        gcm(&[1; 27]),
        gcm(&[1; 28]),
        gcm(&[1; 200]),
        cbc(&[]),
        cbc(&[1; 15]),
        cbc(&[1; 16]),
        cbc(&[1; 31]),
        cbc(&[1; 32]),
        cbc(&[1; 33]),
    ];
    let mut details = std::collections::HashSet::new();
    for element in all {
        let xml = format!("{}{element}</samlp:Response>", &response[..start]);
        for xml in [around(&xml), xml] {
            if element.contains("cbc") && !xml.contains("ds:SignatureValue") {
                continue;
            }
            let Err(error) = posted(&xml, &trust()) else {
                panic!("accepted: {element:.300}");
            };
            details.insert(format!("{error:?}"));
        }
    }
    assert_eq!(details.len(), 1, "{details:#?}");
    assert!(details.iter().all(|one| one.contains("Decryption")));
}

#[test]
fn visible_problems_are_reported() {
    let good = sent(GCM, true, false);
    for (from, to, reason_wanted) in [
        (
            "xmlenc11#aes256-gcm",
            "xmlenc11#aes192-gcm",
            RejectReason::Algorithm,
        ),
        (
            "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
            RejectReason::Algorithm,
        ),
        (
            "xmlenc#rsa-oaep-mgf1p",
            "xmlenc#rsa-1_5",
            RejectReason::Algorithm,
        ),
        (
            "<xenc:CipherData><xenc:CipherValue>",
            "<xenc:CipherData><xenc:CipherReference URI=\"http://127.0.0.1/\"/><xenc:CipherValue>!",
            RejectReason::Structure,
        ),
    ] {
        let outcome = posted(&good.replacen(from, to, 1), &trust());
        assert_eq!(reason(outcome), reason_wanted, "{to}");
    }
    let keyless = trust_with(SamlPolicy::default());
    assert_eq!(reason(posted(&good, &keyless)), RejectReason::Decryption);
}
