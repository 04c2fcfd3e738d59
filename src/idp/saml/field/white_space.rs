//! White space around texts, as tools that print XML readably and directories with careless fields leave it.

use super::*;

/// Texts with white space around them, as printers of XML leave it.
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
fn white_space_around_texts_means_nothing() {
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
        let identity = identity::vouched(&settings, verified).unwrap().identity;
        let email = identity.email.map(|email| email.as_str().to_owned());
        assert_eq!(email.as_deref(), Some("alice@example.com"), "{vendor}");
        // A group is compared with the spaces that are a part of its name.
        let group = match space {
            " " => " dev ",
            _ => "dev",
        };
        assert_eq!(identity.groups[0], group, "{vendor}");
    }
    // White space within a name is a part of it, and other spaces than those of XML are.
    let other = signed(
        &draft().replace(">alice<", ">\u{a0}alice<"),
        Signed::Response,
    );
    let subject = posted(&other, &trust()).unwrap().subject;
    assert_eq!(subject.as_str(), "\u{a0}alice");
}
