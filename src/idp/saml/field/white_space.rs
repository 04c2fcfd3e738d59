//! White space around text, as left by XML formatters and in directory fields.

use super::*;

/// Adds white space around text, as XML formatters do.
fn spaced(space: &str) -> String {
    let texts = [
        ("<saml:Issuer>", "</saml:Issuer>"),
        ("<saml:Audience>", "</saml:Audience>"),
        ("xs:string\">", "</saml:AttributeValue>"),
        ("<saml:AttributeValue>", "</saml:AttributeValue>"),
    ];
    let mut xml = draft();
    for (start, end) in texts {
        xml = xml.replace(start, &format!("{start}{space}"));
        if !xml.contains(&format!("{space}{end}")) {
            xml = xml.replace(end, &format!("{space}{end}"));
        }
    }
    xml.replace(">alice<", &format!(">{space}alice{space}<"))
}

#[test]
fn surrounding_white_space_is_ignored() {
    if let Some(case) = case("R1") {
        let space = case["saml"]["nl"].as_str().unwrap().to_owned();
        is_alice(
            "R1",
            posted(&signed(&spaced(&space), Signed::Response), &trust()),
        );
    }
    for (vendor, space) in [
        ("Shibboleth, printed readably", "\n                "),
        ("WSO2: tabs", "\n\t\t"),
        ("a .NET serializer", "&#13;\n  "),
    ] {
        let xml = spaced(space);
        for how in [Signed::Response, Signed::Assertion, Signed::Both] {
            is_alice(vendor, posted(&signed(&xml, how), &trust()));
        }
    }
    for (vendor, space) in [
        ("ADFS: a directory's field with a space at its end", " "),
        ("Ping: tabs", "\t"),
    ] {
        let verified = posted(&signed(&spaced(space), Signed::Response), &trust()).unwrap();
        assert_eq!(verified.subject.as_str(), "alice", "{vendor}");
        let mut settings = settings();
        settings.domains =
            vec![rolecall_core::identity::EmailDomain::parse("example.com").unwrap()];
        let identity = identity::verified_sign_in(&settings, verified)
            .unwrap()
            .identity;
        let email = identity.email.map(|email| email.as_str().to_owned());
        assert_eq!(email.as_deref(), Some("alice@example.com"), "{vendor}");
        // Trailing spaces are part of a group name.
        let group = match space {
            " " => " dev ",
            _ => "dev",
        };
        assert_eq!(identity.groups[0], group, "{vendor}");
    }
    // White space inside a name is significant, as are characters that XML does not treat as white space.
    let other = signed(
        &draft().replace(">alice<", ">\u{a0}alice<"),
        Signed::Response,
    );
    let subject = posted(&other, &trust()).unwrap().subject;
    assert_eq!(subject.as_str(), "\u{a0}alice");
}

/// White space of URIs, identifiers and references collapses (XML Schema 3.2.17, 3.3.8).
#[test]
fn white_space_around_uris_and_references_is_ignored() {
    for (vendor, space) in [
        ("a template with spaces", " "),
        ("WSO2: line breaks", "\n  "),
    ] {
        let mut xml = draft();
        for name in [
            "Destination",
            "InResponseTo",
            "Recipient",
            "Value",
            "Method",
            "Format",
        ] {
            let pieces: Vec<&str> = xml.split(&format!(" {name}=\"")).collect();
            let spaced = |piece: &&str| {
                let (value, rest) = piece.split_once('"').unwrap();
                format!(" {name}=\"{space}{value}{space}\"{rest}")
            };
            let rest: String = pieces[1..].iter().map(spaced).collect();
            assert!(!rest.is_empty(), "{name}");
            xml = format!("{}{rest}", pieces[0]);
        }
        let verified = posted(&signed(&xml, Signed::Both), &trust()).unwrap();
        let name_id = verified.name_id.as_ref().unwrap();
        let format = name_id.format.as_deref().unwrap();
        assert_eq!(format, format.trim(), "{vendor}");
        is_alice(vendor, Ok(verified));
        let entity = metadata(&[&PROVIDER.certificate_text()])
            .replace("entityID=\"", &format!("entityID=\"{space}"));
        for entity_id in [None, Some(IDP.to_owned())] {
            let options = TrustOptions {
                entity_id,
                ..TrustOptions::default()
            };
            let taken =
                super::super::aggregate::MetadataReader::new(&options).read(entity.as_bytes());
            let trust = SamlTrust::parse(&taken.unwrap(), &options).unwrap();
            assert_eq!(trust.entity_id(), IDP, "{vendor}");
        }
    }
}
