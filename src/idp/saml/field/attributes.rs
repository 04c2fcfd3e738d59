//! Unused attributes in the number and size of real directories, and many groups.

use super::*;

/// The result of a sign-in with these additional attributes.
fn signed_in(attributes: &str) -> Result<rolecall_core::identity::Identity, ProviderError> {
    let end = "</saml:AttributeStatement>";
    let xml = draft().replace(end, &format!("{attributes}{end}"));
    let verified = posted(&signed(&xml, Signed::Both), &trust())?;
    Ok(identity::verified_sign_in(&settings(), verified)?.identity)
}

pub(super) fn attribute(name: &str, friendly: &str, values: &[&str]) -> String {
    let value = |text: &&str| format!("<saml:AttributeValue>{text}</saml:AttributeValue>");
    let values: String = values.iter().map(value).collect();
    format!("<saml:Attribute Name=\"{name}\" FriendlyName=\"{friendly}\">{values}</saml:Attribute>")
}

#[test]
fn unused_attributes_never_cause_rejection() {
    let of_case = case("E5").map(|case| {
        let attributes = case["saml"]["attrs"].as_array().unwrap().clone();
        let one = |attribute: &Value| {
            let text = |at: usize| attribute[at].as_str().unwrap();
            // The groups of the draft.
            let (name, friendly) = text(0).split_once('|')?;
            Some(super::attributes::attribute(name, friendly, &[text(1)]))
        };
        attributes.iter().filter_map(one).collect::<String>()
    });
    let photo = "x".repeat(60_000);
    let shibboleth: String = (0..80)
        .map(|n| {
            attribute(
                &format!("urn:oid:1.3.6.1.4.1.5923.1.1.1.{n}"),
                &format!("eduPerson{n}"),
                &["x", "y"],
            )
        })
        .collect();
    let rights: String = (0..600).map(|n| format!("urn:mace:right:{n}")).collect();
    for (vendor, more) in [
        ("E5", of_case.unwrap_or_default()),
        ("Shibboleth: a person's whole record", shibboleth),
        (
            "SimpleSAMLphp: jpegPhoto",
            attribute("urn:oid:0.9.2342.19200300.100.1.60", "jpegPhoto", &[&photo]),
        ),
        (
            "Keycloak: an entitlement of 10 kB",
            attribute("entitlements", "", &[&rights]),
        ),
        (
            "ADFS: an attribute that is an element",
            attribute("address", "", &["<saml:NameID/>x"]),
        ),
    ] {
        let alice = signed_in(&more).unwrap_or_else(|error| panic!("{vendor}: {error:?}"));
        assert_eq!(alice.groups, ["dev", "R&D <x>"], "{vendor}");
        assert_eq!(alice.subject.as_str(), "alice", "{vendor}");
    }
}

#[test]
fn many_groups_are_complete_or_the_limit_is_named() {
    let names = |count: usize| -> String {
        let names = (0..count)
            .map(|n| format!("CN=Application Users {n:04},OU=Groups,DC=corp,DC=example,DC=com"));
        let value = |name: String| format!("<saml:AttributeValue>{name}</saml:AttributeValue>");
        names.map(value).collect()
    };
    let with = |count: usize| {
        let one = "<saml:AttributeValue>R&amp;D &lt;x&gt;</saml:AttributeValue>";
        let xml = draft().replace(one, &names(count));
        let verified = posted(&signed(&xml, Signed::Response), &trust())?;
        Ok(identity::verified_sign_in(&settings(), verified)?.identity)
    };
    for (vendor, count) in [("ADFS: token groups", 600), ("Entra ID: its limit", 150)] {
        let alice =
            with(count).unwrap_or_else(|error: ProviderError| panic!("{vendor}: {error:?}"));
        assert_eq!(alice.groups.len(), count + 1, "{vendor}");
    }
    // By characters of the message, and by elements.
    let short = "<saml:AttributeValue>g</saml:AttributeValue>".repeat(5_000);
    let one = "<saml:AttributeValue>R&amp;D &lt;x&gt;</saml:AttributeValue>";
    let many = signed(&draft().replace(one, &short), Signed::Response);
    for (error, told) in [
        (
            with(5_000).unwrap_err(),
            "more than 524288: configure the provider to send fewer groups",
        ),
        (
            posted(&many, &trust()).unwrap_err(),
            "more than 5000 elements: configure the provider to send less",
        ),
    ] {
        assert!(format!("{error:?}").contains(told), "{error:?}");
    }
}
