//! Metadata of federations and as saved by administrators.

use super::super::aggregate::MetadataReader;
use super::*;
use crate::idp::saml::testing::metadata;

#[test]
fn one_entity_is_extracted_from_a_federation_aggregate() {
    let Some(packed) = file("L1-federation-3000-entities.xml.gz") else {
        return;
    };
    let mut document = Vec::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed.as_slice());
    std::io::Read::read_to_end(&mut unpacked, &mut document).unwrap();
    let text = String::from_utf8(document.clone()).unwrap();
    let ids: Vec<&str> = text
        .split("entityID=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let with_role = text
        .split("<md:EntityDescriptor")
        .skip(1)
        .position(|one| one.contains("IDPSSODescriptor"));
    for id in [ids[0], ids[ids.len() / 2], ids[ids.len() - 1]] {
        let options = TrustOptions {
            entity_id: Some(id.to_owned()),
            ..TrustOptions::default()
        };
        let taken = MetadataReader::new(&options)
            .read(document.as_slice())
            .unwrap();
        assert!(
            taken.contains(id) && taken.len() < 64 * 1024,
            "{id}: {}",
            taken.len()
        );
        match SamlTrust::parse(&taken, &options) {
            Ok(trust) => assert_eq!(trust.entity_id(), id),
            Err(error) => assert!(
                with_role.is_none() || error.to_string().contains("certificate"),
                "{id}: {error}"
            ),
        }
    }
}

#[test]
fn expiring_metadata_causes_a_warning() {
    let good = metadata(&[&PROVIDER.certificate_text()]);
    let until = good.replace(" ID=", " validUntil=\"2026-03-01T12:00:00Z\" ID=");
    let warnings = |text: &str, days: i64| {
        let trust = SamlTrust::parse(text, &TrustOptions::default()).unwrap();
        trust.warnings(now() + TimeDelta::days(days)).join("; ")
    };
    assert!(
        warnings(&until, 0).contains("was valid until 2026-03-01 12:00:00 UTC: all sign-ins fail")
    );
    assert!(!warnings(&until, -1).contains("was valid until"));
    let trust = SamlTrust::parse(&good, &TrustOptions::default()).unwrap();
    let end = (trust.keys().not_after().unwrap() - now()).num_days();
    assert!(warnings(&good, end - 29).contains("signing certificate of the provider expires on"));
    assert_eq!(warnings(&good, end - 32), "");
}

#[test]
fn unusable_metadata_has_a_reason() {
    let read = |document: &[u8]| {
        let options = TrustOptions::default();
        let text = MetadataReader::new(&options)
            .read(document)
            .map_err(|error| error.to_string())?;
        SamlTrust::parse(&text, &options).map_err(|error| error.to_string())
    };
    if let Some(document) = file("V1-metadata-utf16.xml") {
        let told = read(&document).unwrap_err();
        assert!(
            told.contains("the encoding is UTF-16, but must be UTF-8"),
            "V1: {told}"
        );
    }
    if let Some(document) = file("V2-metadata-pem-armour.xml") {
        assert!(read(&document).is_ok(), "V2: {:?}", read(&document));
    }
    let good = metadata(&[&PROVIDER.certificate_text()]);
    let certificate = PROVIDER.certificate_text();
    let armoured = good.replace(
        &certificate,
        &format!("\n-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"),
    );
    assert!(read(armoured.as_bytes()).is_ok());
    assert!(read(format!("\u{feff}\r\n{good}").as_bytes()).is_ok());
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| good.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let html = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>";
    for (case, document, told) in [
        (
            "AD FS, saved by PowerShell",
            utf16(u16::to_le_bytes),
            "UTF-16",
        ),
        (
            "UTF-16, the other way round",
            utf16(u16::to_be_bytes),
            "UTF-16",
        ),
        ("Latin-1", b"<a>M\xfcller</a>".to_vec(), "must be UTF-8"),
        (
            "a sign-in page",
            html.as_bytes().to_vec(),
            "this is an HTML page",
        ),
        (
            "an error page",
            html.to_uppercase().into_bytes(),
            "this is an HTML page",
        ),
    ] {
        let error = read(&document).unwrap_err();
        assert!(error.contains(told), "{case}: {error}");
    }
    let marked = STANDARD.encode(format!("\u{feff}{}", signed(&draft(), Signed::Both)));
    is_alice(
        "a byte order mark before the response",
        verify(&marked, &trust(), now(), &expected()),
    );
}
