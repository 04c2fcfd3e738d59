//! Attributes and subjects of signed responses.

use super::super::assertion::{Signed, VerifiedAssertion};
use super::super::testing::{draft, posted, reason, signed, trust, trust_with};
use super::*;

/// The response with one text replaced, signed.
fn says(from: &str, to: &str) -> Result<VerifiedAssertion, ProviderError> {
    assert!(draft().contains(from), "{from}");
    posted(&signed(&draft().replace(from, to), Signed::Both), &trust())
}

#[test]
fn configured_attribute_is_the_subject() {
    let by = |name: &str| {
        trust_with(SamlPolicy {
            subject_attribute: Some(name.to_owned()),
            ..SamlPolicy::default()
        })
    };
    let xml = signed(&draft(), Signed::Response);
    let mail = posted(&xml, &by("urn:oid:0.9.2342.19200300.100.1.3")).unwrap();
    assert_eq!(mail.subject.as_str(), "alice@example.com");
    assert_eq!(mail.name_id.unwrap().value, "alice");
    let friendly = posted(&xml, &by("mail")).unwrap();
    assert_eq!(friendly.subject.as_str(), "alice@example.com");
    for (unfit, told) in [
        ("groups", "has 2 values, expected is one"),
        (
            "eppn",
            "received attributes: \"urn:oid:0.9.2342.19200300.100.1.3\" (\"mail\"), \"groups\"",
        ),
    ] {
        let error = posted(&xml, &by(unfit)).unwrap_err();
        assert!(
            format!("{error:?}").replace("\\\"", "\"").contains(told),
            "{error:?}"
        );
        assert_eq!(reason::<()>(Err(error)), RejectReason::Subject);
    }
    let start = draft().find("<saml:NameID").unwrap();
    let end = draft().find("</saml:NameID>").unwrap() + "</saml:NameID>".len();
    let nameless = format!("{}{}", &draft()[..start], &draft()[end..]);
    let nameless = signed(&nameless, Signed::Response);
    assert!(posted(&nameless, &by("urn:oid:0.9.2342.19200300.100.1.3")).is_ok());
    assert_eq!(reason(posted(&nameless, &trust())), RejectReason::Subject);
}

/// A group name with a trailing space is a different group; for a subject, surrounding white space is ignored.
#[test]
fn trailing_space_is_kept_in_groups_but_not_in_subjects() {
    for (written, value) in [
        ("dev ", "dev "),
        (" dev", " dev"),
        ("\tdev", "dev"),
        ("dev \t", "dev"),
        (" dev\n  ", " dev"),
        ("\n  dev ", "dev "),
        ("\n  dev\r\n ", "dev"),
        ("  \n\t dev &#13; ", "dev"),
        ("<saml:NameID>dev </saml:NameID>", "dev"),
        (" ", " "),
        ("\n", ""),
    ] {
        let verified = says(">dev<", &format!(">{written}<")).unwrap();
        let groups = verified.values("groups").unwrap();
        assert_eq!(groups, [value, "R&D <x>"], "{written:?}");
    }
    for written in [
        "alice ",
        " alice",
        "\talice\t",
        "\n  alice\n",
        "\n  alice ",
        "&#13;\n alice&#9;",
    ] {
        let verified = says(">alice<", &format!(">{written}<")).unwrap();
        assert_eq!(verified.subject.as_str(), "alice", "{written:?}");
        let name_id = verified.name_id.unwrap();
        assert_eq!(name_id.value, "alice", "{written:?}");
    }
    for blank in [" ", "\n", "\t"] {
        let error = says(">alice<", &format!(">{blank}<")).err().unwrap();
        assert!(format!("{error:?}").contains("empty"), "{error:?}");
        assert_eq!(reason::<()>(Err(error)), RejectReason::Subject, "{blank:?}");
    }
    let by_mail = trust_with(SamlPolicy {
        subject_attribute: Some("mail".to_owned()),
        ..SamlPolicy::default()
    });
    let mail = draft().replace(">alice@example.com<", ">alice@example.com <");
    let named = posted(&signed(&mail, Signed::Both), &by_mail).unwrap();
    assert_eq!(named.subject.as_str(), "alice@example.com");
}

#[test]
fn values_are_complete_or_unknown() {
    let name_id = says(">dev<", ">\n <saml:NameID>a</saml:NameID> <").unwrap();
    assert_eq!(name_id.values("groups").unwrap(), ["a", "R&D <x>"]);
    let other = "</saml:AttributeValue><x xmlns=\"urn:x\">contractors</x><saml:AttributeValue>dev<";
    for nested in [
        ">dev</saml:AttributeValue> contractors <saml:AttributeValue>x<",
        "><saml:NameID>a</saml:NameID>\n<x xmlns=\"urn:x\">b</x><",
        ">dev<saml:NameID>a</saml:NameID><",
        "><x xmlns=\"urn:x\">contractors</x><",
        &format!(">{other}"),
    ] {
        let verified = says(">dev<", nested).unwrap();
        assert!(verified.values("groups").is_err(), "{nested}");
        assert_eq!(verified.values("mail").unwrap().len(), 1);
    }
    let again = "</saml:AttributeStatement><saml:AttributeStatement><saml:Attribute Name=\" groups\" FriendlyName=\"roles\"><saml:AttributeValue>more</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>";
    let verified = says("</saml:AttributeStatement>", again).unwrap();
    for name in ["groups", "roles"] {
        assert_eq!(verified.values(name).unwrap(), ["dev", "R&D <x>", "more"]);
    }
    let many: String = (0..2_000)
        .map(|n| format!("<saml:Attribute Name=\"a{n}\"/>"))
        .collect();
    let many = format!("{many}</saml:AttributeStatement>");
    let verified = says("</saml:AttributeStatement>", &many).unwrap();
    assert_eq!(verified.values("groups").unwrap(), ["dev", "R&D <x>"]);
    assert_eq!(verified.attributes.len(), 2_002);
}
