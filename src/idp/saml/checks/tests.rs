//! Signed responses with wrong contents, and with allowed variations.

use super::super::testing::*;
use super::*;
use crate::idp::saml::verify;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;

/// A response with all occurrences of a text replaced, signed afterwards.
fn says(from: &str, to: &str) -> Result<VerifiedAssertion, ProviderError> {
    let changed = draft().replace(from, to);
    assert_ne!(changed, draft(), "{from} not found");
    posted(&signed(&changed, Signed::Response), &trust())
}

#[test]
fn wrong_contents_have_specific_reasons() {
    use RejectReason as R;
    let restriction = format!(
        "<saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction>"
    );
    let other = "<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>";
    let both = format!("{restriction}{other}");
    let slash = format!("{SP}/</saml:Audience>");
    for (from, to, reason_wanted) in [
        (
            "Version=\"2.0\" IssueInstant",
            "Version=\"1.1\" IssueInstant",
            R::Malformed,
        ),
        (" Version=\"2.0\"", "", R::Malformed),
        (
            "Destination=\"https://gateway",
            "Destination=\"https://other",
            R::Destination,
        ),
        (&format!(" Destination=\"{ACS}\""), "", R::Destination),
        (
            &format!("InResponseTo=\"{REQUEST}\""),
            "InResponseTo=\"_other\"",
            R::InResponseTo,
        ),
        (&format!("InResponseTo=\"{REQUEST}\""), "", R::InResponseTo),
        (&format!("{IDP}<"), "https://other.example<", R::Issuer),
        (&format!("{IDP}<"), &format!("{IDP} x<"), R::Issuer),
        (
            "<saml:Issuer>",
            "<saml:Issuer Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">",
            R::Issuer,
        ),
        ("status:Success", "status:Responder", R::Status),
        (
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>",
            "",
            R::Status,
        ),
        ("12:00:00Z", "12:03:31Z", R::NotYetValid),
        ("12:00:00Z", "11:47:00Z", R::Expired),
        ("12:00:00Z", "noon", R::Malformed),
        (
            "NotBefore=\"2026-03-01T11:59:00Z\"",
            "NotBefore=\"2026-03-01T12:03:31Z\"",
            R::NotYetValid,
        ),
        ("12:05:00Z\"><saml:Aud", "11:57:00Z\"><saml:Aud", R::Expired),
        (
            " NotOnOrAfter=\"2026-03-01T12:05:00Z\"><saml:Aud",
            "><saml:Aud",
            R::Conditions,
        ),
        ("saml:Conditions", "saml:Circumstances", R::Conditions),
        (&restriction, "", R::Audience),
        (&restriction, other, R::Audience),
        (&restriction, &both, R::Audience),
        (&format!("{SP}</saml:Audience>"), &slash, R::Audience),
        (
            &restriction,
            &format!("{restriction}<saml:Condition/>"),
            R::Conditions,
        ),
        ("cm:bearer", "cm:holder-of-key", R::Confirmation),
        (
            &format!("Recipient=\"{ACS}\""),
            "Recipient=\"https://other.example\"",
            R::Confirmation,
        ),
        (&format!("Recipient=\"{ACS}\""), "", R::Confirmation),
        (
            "Recipient=",
            "NotBefore=\"2026-03-01T11:00:00Z\" Recipient=",
            R::Confirmation,
        ),
        ("12:05:00Z\" InR", "11:57:00Z\" InR", R::Expired),
        (
            " NotOnOrAfter=\"2026-03-01T12:05:00Z\" InR",
            " InR",
            R::Confirmation,
        ),
        ("saml:AuthnStatement", "saml:Statement", R::AuthnStatement),
        (
            "AuthnInstant=\"2026-03-01T11:59:50Z\"",
            "",
            R::AuthnStatement,
        ),
        ("11:59:50Z", "12:03:31Z", R::NotYetValid),
        ("20:00:00Z", "12:00:30Z", R::Expired),
        (">alice<", "><", R::Subject),
        (">alice<", "> \t<", R::Subject),
        (">alice<", ">a\nb<", R::Subject),
        (">alice<", "><b>alice</b><", R::Subject),
        ("saml:NameID", "saml:EncryptedID", R::Subject),
        (
            "</saml:NameID>",
            "</saml:NameID><saml:NameID>bob</saml:NameID>",
            R::Subject,
        ),
        (
            "<saml:Attribute Name=\"groups\"",
            "<saml:Attribute",
            R::Claims,
        ),
        (
            "<saml:Attribute Name=\"groups\">",
            "<saml:EncryptedAttribute/><saml:Attribute Name=\"groups\">",
            R::Claims,
        ),
    ] {
        let outcome = says(from, to);
        assert_eq!(reason(outcome), reason_wanted, "{from} → {to}");
    }
}

#[test]
fn wrong_audience_names_both_audiences() {
    let ours = format!("<saml:Audience>{SP}</saml:Audience>");
    let refused = |to: &str| match says(&ours, to) {
        Err(ProviderError::Rejected { detail, .. }) => detail,
        other => panic!("{other:?}"),
    };
    let slash = refused(&format!(
        "<saml:Audience>{SP}/</saml:Audience><saml:Audience>urn:x</saml:Audience>"
    ));
    let told = format!(
        "the audience of the assertion is \"{SP}/\", \"urn:x\", but our entity ID is {SP};"
    );
    assert!(slash.starts_with(&told), "{slash}");
    let many = "<saml:Audience>urn:x</saml:Audience>".repeat(100);
    assert!(refused(&many).len() < 400);
    let hostile = refused("<saml:Audience>a\nforged: line</saml:Audience>");
    assert!(!hostile.contains('\n'), "{hostile}");
}

#[test]
fn allowed_variations_are_accepted() {
    let ours = format!("<saml:Audience>{SP}</saml:Audience>");
    let restriction = format!("<saml:AudienceRestriction>{ours}</saml:AudienceRestriction>");
    let twice = format!("{restriction}{restriction}");
    let bearer = "<saml:SubjectConfirmation Method";
    let useless = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"/><saml:SubjectConfirmation Method";
    for (from, to) in [
        (
            ours.as_str(),
            &*format!("<saml:Audience>urn:x</saml:Audience>{ours}"),
        ),
        (&restriction, &twice),
        (
            &restriction,
            &format!("<saml:OneTimeUse/>{restriction}<saml:ProxyRestriction Count=\"0\"/>"),
        ),
        (bearer, useless),
        ("12:00:00Z", "12:01:00Z"),
        ("12:00:00Z", "12:00:00.123456789Z"),
        ("12:05:00Z", "11:57:31Z"),
        (
            "NotBefore=\"2026-03-01T11:59:00Z\"",
            "NotBefore=\"2026-03-01T12:03:00Z\"",
        ),
        (" SessionNotOnOrAfter=\"2026-03-01T20:00:00Z\"", ""),
        (
            "<saml:Issuer>",
            "<saml:Issuer Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\">",
        ),
    ] {
        let verified = says(from, to).unwrap_or_else(|error| panic!("{from} → {to}: {error:?}"));
        assert_eq!(verified.subject.as_str(), "alice");
    }
}

#[test]
fn status_of_the_provider_is_reported() {
    let none = |code: &str| {
        let xml = unsigned(&draft());
        let start = xml.find("<saml:Assertion ").unwrap();
        let xml = format!("{}</samlp:Response>", &xml[..start]);
        let success = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
        posted(&xml.replace(success, code), &trust())
    };
    let second = |word: &str| {
        format!(
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{word}\"/></samlp:StatusCode>"
        )
    };
    let message = "<samlp:StatusMessage>\n AADSTS50105: not\r\nassigned&#x202e; to a role. \n</samlp:StatusMessage>";
    let told = "\"AADSTS50105: not assigned to a role.\"";
    for (word, error_wanted) in [
        ("AuthnFailed", "authn_failed"),
        ("RequestDenied", "request_denied"),
    ] {
        for (message, told) in [("", None), (message, Some(told))] {
            match none(&format!("{}{message}", second(word))) {
                Err(ProviderError::Refused { error, explanation }) => {
                    assert_eq!((error, explanation.as_deref()), (error_wanted, told));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let strange = none(&format!("{}{message}", second("Strange"))).unwrap_err();
    assert!(
        format!("{strange:?}").replace("\\\"", "\"").contains(told),
        "{strange:?}"
    );
    let endless = format!(
        "<samlp:StatusMessage>{}</samlp:StatusMessage>",
        "x".repeat(20_000)
    );
    let endless = none(&format!("{}{endless}", second("AuthnFailed"))).unwrap_err();
    assert!(format!("{endless:?}").len() < 1_000);
    assert_eq!(reason(none(&second("Strange"))), RejectReason::Status);
    let success = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    assert_eq!(reason(none(success)), RejectReason::Structure);
    assert_eq!(reason(none("")), RejectReason::Structure);
}

#[test]
fn unsolicited_response_must_not_have_in_response_to() {
    let unasked = draft().replace(&format!(" InResponseTo=\"{REQUEST}\""), "");
    let field = STANDARD.encode(signed(&unasked, Signed::Both));
    let solicited = STANDARD.encode(signed(&draft(), Signed::Both));
    let none = Expected {
        in_response_to: None,
        ..expected()
    };
    assert!(verify(&field, &trust(), now(), &none).is_ok());
    assert_eq!(
        reason(verify(&solicited, &trust(), now(), &none)),
        RejectReason::InResponseTo
    );
    assert_eq!(
        reason(verify(&field, &trust(), now(), &expected())),
        RejectReason::InResponseTo
    );
}

#[test]
fn fresh_sign_in_must_be_after_its_request() {
    let field = STANDARD.encode(signed(&draft(), Signed::Both));
    let since = |at| Expected {
        fresh_since: Some(at),
        ..expected()
    };
    let signed_in = now() - TimeDelta::seconds(40);
    assert!(
        verify(
            &field,
            &trust(),
            now(),
            &since(signed_in + limits::SAML_LEEWAY)
        )
        .is_ok()
    );
    let late = signed_in + limits::SAML_LEEWAY + TimeDelta::seconds(1);
    assert_eq!(
        reason(verify(&field, &trust(), now(), &since(late))),
        RejectReason::NotFresh
    );
}

/// Declares the prefix `x`, and adds an attribute with this prefix to the first matching tag.
fn with_foreign(tag: &str, attribute: &str) -> Result<VerifiedAssertion, ProviderError> {
    let declared = draft().replacen(
        "<samlp:Response ",
        "<samlp:Response xmlns:x=\"urn:x\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:x500=\"urn:oasis:names:tc:SAML:2.0:profiles:attribute:X500\" xmlns:a=\"http://schemas.xmlsoap.org/ws/2009/09/identity/claims\" ",
        1,
    );
    let whole = |(at, _): &(usize, &str)| {
        !declared[at + tag.len()..].starts_with(|next: char| next.is_ascii_alphanumeric())
    };
    let (at, _) = declared.match_indices(tag).find(whole).unwrap();
    let (before, after) = declared.split_at(at + tag.len());
    let changed = format!("{before} {attribute}{after}");
    posted(&signed(&changed, Signed::Response), &trust())
}

#[test]
fn attributes_of_other_namespaces_are_not_confused() {
    for (tag, name) in [
        ("<samlp:Response", "Destination"),
        ("<samlp:Response", "InResponseTo"),
        ("<samlp:Response", "Version"),
        ("<samlp:Response", "IssueInstant"),
        ("<saml:Issuer", "Format"),
        ("<samlp:StatusCode", "Value"),
        ("<saml:Assertion", "Version"),
        ("<saml:NameID", "Format"),
        ("<saml:NameID", "NameQualifier"),
        ("<saml:NameID", "SPNameQualifier"),
        ("<saml:SubjectConfirmation", "Method"),
        ("<saml:SubjectConfirmationData", "Recipient"),
        ("<saml:SubjectConfirmationData", "NotBefore"),
        ("<saml:SubjectConfirmationData", "NotOnOrAfter"),
        ("<saml:SubjectConfirmationData", "InResponseTo"),
        ("<saml:Conditions", "NotBefore"),
        ("<saml:Conditions", "NotOnOrAfter"),
        ("<saml:AuthnStatement", "AuthnInstant"),
        ("<saml:AuthnStatement", "SessionIndex"),
        ("<saml:AuthnStatement", "SessionNotOnOrAfter"),
        ("<saml:Attribute", "Name"),
        ("<saml:Attribute", "FriendlyName"),
    ] {
        let refused = with_foreign(tag, &format!("x:{name}=\"2026-03-01T12:05:00Z\""));
        assert_eq!(reason(refused), RejectReason::Structure, "{tag} {name}");
    }
    // Without its SAML counterpart it is ignored; the signed response is rejected.
    let moved = says(
        "NotOnOrAfter=\"2026-03-01T12:05:00Z\"><saml:Aud",
        "xmlns:x=\"urn:x\" x:NotOnOrAfter=\"2026-03-01T12:05:00Z\"><saml:Aud",
    );
    assert_eq!(reason(moved), RejectReason::Structure);
}

#[test]
fn common_foreign_attributes_are_accepted() {
    for (tag, attribute) in [
        ("<saml:AttributeValue", "xsi:nil=\"false\""),
        ("<saml:NameID", "xsi:type=\"saml:NameIDType\""),
        (
            "<saml:SubjectConfirmationData",
            "xsi:type=\"saml:KeyInfoConfirmationDataType\"",
        ),
        ("<saml:Attribute", "x500:Encoding=\"LDAP\""),
        (
            "<saml:Attribute",
            "a:OriginalIssuer=\"https://adfs.example/adfs/services/trust\"",
        ),
        ("<saml:AttributeValue", "xml:lang=\"en\""),
        ("<saml:Attribute", "xml:lang=\"en\""),
        // A name that is read from another element.
        ("<saml:AttributeValue", "x:Name=\"x\""),
        ("<saml:AuthnContext", "x:NotOnOrAfter=\"x\""),
    ] {
        let verified = with_foreign(tag, attribute);
        let verified = verified.unwrap_or_else(|error| panic!("{attribute}: {error:?}"));
        assert_eq!(verified.subject.as_str(), "alice", "{attribute}");
        assert_eq!(verified.values("groups").unwrap(), ["dev", "R&D <x>"]);
    }
    let nil = "><saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/><saml:AttributeValue>dev<";
    let nil = says(
        "><saml:AttributeValue xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">dev<",
        nil,
    );
    assert_eq!(nil.unwrap().subject.as_str(), "alice");
}
