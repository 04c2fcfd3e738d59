//! Extraction of one entity, with pieces of any size.

use super::super::keys::{SigningKeys, base64_text};
use super::super::testing::*;
use super::super::trust::{Binding, SamlTrust};
use super::*;

fn options(entity_id: &str) -> TrustOptions {
    TrustOptions {
        entity_id: Some(entity_id.to_owned()),
        ..TrustOptions::default()
    }
}

fn read(document: &[u8], options: &TrustOptions, piece: usize) -> Result<String, InvalidMetadata> {
    let mut reader = MetadataReader::new(options);
    document
        .chunks(piece)
        .try_for_each(|piece| reader.take(piece))?;
    reader.finish()
}

/// The provider of the other tests in a federation with this many entities.
fn federation(entities: usize, change: impl Fn(&str) -> String) -> String {
    let ours = metadata(&[&PROVIDER.certificate_text()]);
    let ours = ours
        .split_once("?>")
        .map_or(ours.as_str(), |(_, rest)| rest)
        .trim();
    let others: String = (0..entities)
        .map(|n| {
            format!(
                "<md:EntityDescriptor entityID=\"https://idp{n}.example\"><!-- <x entityID='{IDP}'> --><md:Extensions a='>' b=\"/>\"><![CDATA[<md:EntityDescriptor entityID=\"{IDP}\">]]></md:Extensions><md:Organization>{}</md:Organization></md:EntityDescriptor>\n",
                "x".repeat(300)
            )
        })
        .collect();
    change(&format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a federation --><md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" validUntil=\"2026-03-08T00:00:00Z\"><md:EntitiesDescriptor Name='inner'>{others}</md:EntitiesDescriptor><md:EntitiesDescriptor validUntil=\"2026-03-02T00:00:00Z\">{ours}{}</md:EntitiesDescriptor></md:EntitiesDescriptor>\n",
        others.replace("//idp", "//other")
    ))
}

#[test]
fn entity_is_extracted_with_its_enclosing_elements() {
    let document = federation(2_000, str::to_owned);
    assert!(document.len() > limits::UPSTREAM_BYTES_MAX);
    for piece in [1, 7, 1_000, CHUNK_BYTES, document.len()] {
        let text = read(document.as_bytes(), &options(IDP), piece).unwrap();
        assert!(text.len() < 8 * 1024, "{}", text.len());
        let trust = SamlTrust::parse(&text, &options(IDP)).unwrap();
        assert_eq!(trust.entity_id(), IDP);
        let until = trust.valid_until().unwrap().to_rfc3339();
        assert_eq!(until, "2026-03-02T00:00:00+00:00", "the earliest around it");
    }
    let text = MetadataReader::new(&options("https://idp7.example")).read(document.as_bytes());
    assert!(text.unwrap().contains("https://idp7.example"));
}

#[test]
fn small_document_is_kept_as_a_whole() {
    let document = federation(3, str::to_owned);
    assert_eq!(
        read(document.as_bytes(), &TrustOptions::default(), 100).unwrap(),
        document
    );
}

#[test]
fn entity_id_is_unescaped_before_comparison() {
    let wanted = "https://idp.example/?a=1&b=\"2\"";
    let escaped = "https://idp.example/?a=1&amp;b=&#34;2&#x22;";
    let (from, to) = (
        format!("ID=\"_m\" entityID=\"{IDP}\""),
        format!("ID=\"_m\" entityID = '{escaped}'"),
    );
    let document = federation(2_000, |text| text.replace(&from, &to));
    let text = read(document.as_bytes(), &options(wanted), 4_096).unwrap();
    assert!(text.contains(escaped));
    assert!(SamlTrust::parse(&text, &options(wanted)).is_ok());
}

#[test]
fn unusable_documents_have_a_hint() {
    let large = federation(2_000, str::to_owned);
    let certificate = base64_text(&PROVIDER.certificate_text()).unwrap();
    let signed = TrustOptions {
        metadata_keys: Some(SigningKeys::from_der([certificate]).unwrap()),
        ..options(IDP)
    };
    for (document, options, told) in [
        (large.clone(), TrustOptions::default(), "set entity_id"),
        (large.clone(), signed, "MDQ"),
        (
            large.clone(),
            options("https://nobody.example"),
            "no entity with entityID \"https://nobody.example\"",
        ),
        (
            large[..large.len() - 40].to_owned(),
            options(IDP),
            "the document is incomplete",
        ),
        (
            large.replacen("<!-- a federation -->", "<!DOCTYPE x>", 1),
            options(IDP),
            "document type declaration",
        ),
        (
            large.replacen("<!-- a federation -->", "</x>", 1),
            options(IDP),
            "unexpected end tag",
        ),
        (
            format!("{}{large}", "<a>".repeat(DEPTH_MAX + 1)),
            options(IDP),
            "nested too deeply",
        ),
    ] {
        let error = read(document.as_bytes(), &options, 8_192).unwrap_err();
        assert!(error.to_string().contains(told), "{told}: {error}");
    }
    let huge = large.replacen(
        "<md:IDPSSODescriptor",
        &format!(
            "<md:Extensions>{}</md:Extensions><md:IDPSSODescriptor",
            "x".repeat(limits::UPSTREAM_BYTES_MAX)
        ),
        1,
    );
    let error = read(huge.as_bytes(), &options(IDP), 8_192).unwrap_err();
    assert!(
        error.to_string().contains("exceeds the size limit"),
        "{error}"
    );
    let utf16: Vec<u8> = "<md:EntityDescriptor/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = read(&utf16, &TrustOptions::default(), 100).unwrap_err();
    assert!(
        error.to_string().contains("is UTF-16, but must be UTF-8"),
        "{error}"
    );
}

/// Memory does not grow with the document.
#[test]
fn memory_is_bounded_by_one_entity() {
    let head = federation(0, str::to_owned);
    let end = head.find("<md:EntitiesDescriptor Name='inner'>").unwrap();
    let mut reader = MetadataReader::new(&options(IDP));
    reader.take(&head.as_bytes()[..end]).unwrap();
    let one = format!(
        "<md:EntityDescriptor entityID=\"x\"><!-- {} --><?x {} ?>{}</md:EntityDescriptor>",
        "c".repeat(200_000),
        "p".repeat(200_000),
        "t".repeat(200_000)
    );
    for _ in 0..20 {
        reader.take(one.as_bytes()).unwrap();
        let finder = &reader.finder;
        assert!(reader.whole.as_ref().map_or(0, Vec::len) <= limits::UPSTREAM_BYTES_MAX);
        assert!(finder.markup.capacity() + finder.found.capacity() <= 4 * CHUNK_BYTES);
    }
    assert!(reader.whole.is_none());
    reader.take(&head.as_bytes()[end..]).unwrap();
    assert!(SamlTrust::parse(&reader.finish().unwrap(), &options(IDP)).is_ok());
}

/// Extensions in which a federation member inserts the requested entity with another URL.
fn planted() -> [String; 4] {
    let evil = metadata(&[&STRANGER.certificate_text()])
        .replace("https://idp.example/sso", "https://evil.example/sso")
        .replace("\"_m\"", "\"_p\"");
    let bare = evil.replace(" xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"", "");
    [
        format!("<x:a xmlns:x=\"urn:x\" xmlns:md=\"urn:x\">{bare}</x:a>"),
        format!("<x xmlns=\"urn:x\"><EntitiesDescriptor>{evil}</EntitiesDescriptor></x>"),
        format!("<md:EntitiesDescriptor>{bare}</md:EntitiesDescriptor>"),
        evil,
    ]
}

#[test]
fn entity_in_extensions_is_ignored() {
    let wanted = format!("\"_m\" entityID=\"{IDP}\"");
    let place = "<md:EntitiesDescriptor validUntil=\"2026-03-02T00:00:00Z\">";
    // Next to the requested entity, and in another group.
    for at in [place, "<md:EntitiesDescriptor Name='inner'>"] {
        for planted in planted() {
            let member = format!(
                "{at}<md:EntityDescriptor entityID=\"https://member.example\"><md:Extensions>{planted}</md:Extensions></md:EntityDescriptor>"
            );
            for entities in [0, 2_000] {
                let document = federation(entities, |text| text.replacen(at, &member, 1));
                let trusted = |document: &str| {
                    let text = read(document.as_bytes(), &options(IDP), 8_192)?;
                    SamlTrust::parse(&text, &options(IDP))
                };
                let trust = trusted(&document).unwrap();
                let place = trust.single_sign_on(Binding::Redirect).unwrap();
                assert_eq!(place.location.host_str(), Some("idp.example"), "{planted}");
                let without = document.replace(&wanted, "\"_m\" entityID=\"https://gone.example\"");
                let error = trusted(&without).unwrap_err().to_string();
                assert!(
                    error.contains(&format!("entityID {IDP:?}")),
                    "{error}: {planted}"
                );
            }
        }
    }
}

#[test]
fn entity_of_another_namespace_is_ignored() {
    let other = "xmlns:md=\"urn:x\" ID=\"_m\"";
    let ours = "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_m\"";
    let document = federation(2_000, |text| text.replace(ours, other));
    let error = read(document.as_bytes(), &options(IDP), 8_192).unwrap_err();
    assert!(error.to_string().contains("contains no entity"), "{error}");
    // In the default namespace, which no enclosing element overrides.
    let document = federation(2_000, |text| text.replace(ours, "ID=\"_m\""));
    let text = read(document.as_bytes(), &options(IDP), 8_192).unwrap();
    assert!(SamlTrust::parse(&text, &options(IDP)).is_ok());
}

#[test]
fn repeated_entities_are_bounded() {
    let (one, rest) = (
        metadata(&[&PROVIDER.certificate_text()]),
        "</md:EntitiesDescriptor>",
    );
    let open = "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">";
    let empty = format!("<md:EntityDescriptor entityID=\"{IDP}\"/>");
    for one in [one, empty] {
        let many = one.repeat(2 * limits::UPSTREAM_BYTES_MAX / one.len());
        let mut reader = MetadataReader::new(&options(IDP));
        let document = format!("{open}{many}{rest}");
        let mut pieces = document.as_bytes().chunks(CHUNK_BYTES);
        let error = pieces.try_for_each(|piece| reader.take(piece)).unwrap_err();
        assert!(error.to_string().contains("too often"), "{error}");
        assert!(reader.finder.found.len() <= limits::UPSTREAM_BYTES_MAX);
    }
}
