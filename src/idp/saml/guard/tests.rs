//! Documents with the structure of SAML, and documents that only resemble it. The latter never reach xmlsec.

use super::super::Signed;
use super::super::testing::{
    PROVIDER, draft, metadata, reason, sha256_signature, signed, unsigned,
};
use super::*;

fn response(xml: &str) -> Result<(), RejectReason> {
    match GuardedXml::parse(xml, Shape::Response) {
        Ok(_) => Ok(()),
        Err(error) => Err(reason(Err::<(), _>(error))),
    }
}

/// A signed response with one text replaced.
fn changed(from: &str, to: &str) -> String {
    let good = signed(&draft(), Signed::Assertion);
    let bad = good.replacen(from, to, 1);
    assert_ne!(good, bad, "{from} not found");
    bad
}

#[test]
fn valid_documents_are_accepted() {
    for how in [Signed::Response, Signed::Assertion, Signed::Both] {
        let xml = signed(&draft(), how);
        let guarded = GuardedXml::parse(&xml, Shape::Response).unwrap();
        assert_eq!(guarded.root_is_signed(), how != Signed::Assertion);
        assert_eq!(
            guarded.signatures().len(),
            1 + usize::from(how == Signed::Both)
        );
        assert!(guarded.assertion().is_some());
    }
    assert_eq!(response(&unsigned(&draft())), Ok(()));
    let nested = changed(">dev<", "><x xmlns=\"urn:x\" Id=\"i\">dev</x><");
    assert_eq!(response(&nested), Ok(()));
    let prefixes = changed(
        "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><x:InclusiveNamespaces xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"xs\"/></ds:Transform>",
    );
    assert_eq!(response(&prefixes), Ok(()));
}

#[test]
fn ambiguous_xml_is_rejected() {
    let good = signed(&draft(), Signed::Assertion);
    for bad in [
        good.replace("</samlp:Response>", ""),
        format!("{good}<a/>"),
        format!("{good}text"),
        format!("{good}\0"),
        format!("\u{feff}{good}"),
        good.replacen("<saml:Issuer>", "<!DOCTYPE a><saml:Issuer>", 1),
        good.replace("alice", "al<!-- -->ice"),
        good.replace("alice", "al<?x ?>ice"),
        good.replace("alice", "<![CDATA[alice]]>"),
        good.replace("alice", "&alice;"),
        good.replace("alice", "al&#0;ice"),
        good.replace("<saml:NameID ", "<saml:NameID a=\"1\" a=\"2\" "),
        good.replace("<saml:NameID ", "<saml:NameID x:a=\"1\" "),
        good.replace("<saml:NameID ", "<saml:NameID xmlns:x=\"relative\" "),
        good.replace("<saml:NameID ", "<saml:NameID xmlns:x=\"\" "),
        good.replace("<saml:NameID ", "<saml:NameID xmlns:x=\"urn:a b\" "),
        good.replace("<saml:NameID ", "<saml:NameID xml:base=\"urn:a\" "),
        good.replace("<saml:NameID ", "<saml:NameID xml:id=\"i\" "),
        String::new(),
        "not xml".to_owned(),
        "{}".to_owned(),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Malformed), "{bad:.60}");
    }
}

#[test]
fn additional_assertion_is_rejected() {
    let evil =
        "<saml:Assertion ID=\"_e\" Version=\"2.0\"><saml:Issuer>i</saml:Issuer></saml:Assertion>";
    for bad in [
        changed("<saml:Assertion ", &format!("{evil}<saml:Assertion ")),
        changed("</saml:Assertion>", &format!("</saml:Assertion>{evil}")),
        changed(
            "<samlp:Status>",
            &format!("<samlp:Extensions>{evil}</samlp:Extensions><samlp:Status>"),
        ),
        changed(
            "</samlp:Status>",
            &format!("<samlp:StatusDetail>{evil}</samlp:StatusDetail></samlp:Status>"),
        ),
        changed(
            "<saml:Subject>",
            &format!("<saml:Advice>{evil}</saml:Advice><saml:Subject>"),
        ),
        changed(">dev<", &format!(">{evil}<")),
        changed(">dev<", "><x:Assertion xmlns:x=\"urn:x\"/><"),
        changed(">dev<", "><saml:EncryptedAssertion/><"),
        changed(
            "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_a\"",
            "xmlns:saml=\"urn:x\" ID=\"_a\"",
        ),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Structure), "{bad:.60}");
    }
}

#[test]
fn response_must_have_children_of_the_schema() {
    for bad in [
        changed("<samlp:Status>", "<samlp:Other/><samlp:Status>"),
        changed("<samlp:Status>", "<samlp:Status/><samlp:Status>"),
        changed("<samlp:Response ", "<samlp:LogoutResponse ")
            .replace("</samlp:Response", "</samlp:LogoutResponse"),
        format!("<e>{}</e>", unsigned(&draft())),
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:1.0:protocol\"/>".to_owned(),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Structure), "{bad:.60}");
    }
}

#[test]
fn ids_must_be_plain_and_unique() {
    for bad in [
        changed("ID=\"_a\"", "ID=\"_r\""),
        changed("ID=\"_r\"", "ID=\"\""),
        changed("ID=\"_r\"", "ID=\"-1\""),
        changed("ID=\"_r\"", "ID=\"1\""),
        changed("ID=\"_r\"", "ID=\"a b\""),
        changed("ID=\"_r\"", "ID=\"_r\" Id=\"_x\""),
        changed("ID=\"_r\"", "ID=\"_r\" id=\"_x\""),
        changed("ID=\"_r\"", "ID=\"_r\" samlp:ID=\"_x\""),
        changed("<saml:NameID ", "<saml:NameID ID=\"_a\" "),
        changed(
            "<saml:NameID ",
            "<saml:NameID xmlns:x=\"urn:x\" x:iD=\"_x\" ",
        ),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Structure), "{bad:.60}");
    }
}

#[test]
fn misplaced_signature_is_rejected() {
    let good = signed(&draft(), Signed::Assertion);
    let start = good.find("<ds:Signature ").unwrap();
    let end = good.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = good[start..end].to_owned();
    let without = format!("{}{}", &good[..start], &good[end..]);
    let at = |place: &str| without.replacen(place, &format!("{signature}{place}"), 1);
    for bad in [
        at("<samlp:Status>"),
        at("<saml:SubjectConfirmation "),
        at("<samlp:StatusCode "),
        at("</samlp:Response>"),
        good.replacen(&signature, &signature.repeat(2), 1),
        good.replacen(
            "<samlp:Status>",
            &format!("<samlp:Extensions>{signature}</samlp:Extensions><samlp:Status>"),
            1,
        ),
        good.replace(
            "http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo",
            "urn:x\"><ds:SignedInfo",
        ),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Structure));
    }
    for good in [
        without.clone(),
        at("<saml:Conditions "),
        at("</saml:Assertion>"),
    ] {
        assert_eq!(response(&good), Ok(()));
    }
}

#[test]
fn signature_must_refer_to_its_parent() {
    let xpath = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>1</ds:XPath></ds:Transform>";
    for bad in [
        changed("URI=\"#_a\"", "URI=\"#_r\""),
        changed("URI=\"#_a\"", "URI=\"\""),
        changed(" URI=\"#_a\"", ""),
        changed("URI=\"#_a\"", "URI=\"http://127.0.0.1/\""),
        changed("URI=\"#_a\"", "URI=\"/etc/passwd\""),
        changed("URI=\"#_a\"", "URI=\"#xpointer(id('_a'))\""),
        changed("</ds:Transforms>", &format!("{xpath}</ds:Transforms>")),
        changed("<ds:Transforms>", &format!("<ds:Transforms>{xpath}")),
        changed("</ds:SignedInfo>", "<ds:Reference/></ds:SignedInfo>"),
        changed("<ds:SignedInfo>", "<ds:SignedInfo/><ds:SignedInfo>"),
        changed("</ds:Signature>", "<ds:Object/></ds:Signature>"),
        changed(
            "</ds:Signature>",
            "<ds:KeyInfo><ds:RetrievalMethod URI=\"http://127.0.0.1/\"/></ds:KeyInfo></ds:Signature>",
        ),
        changed("</ds:DigestValue>", "<a xmlns=\"urn:x\"/></ds:DigestValue>"),
        changed(
            "</ds:SignatureValue>",
            "<a xmlns=\"urn:x\"/></ds:SignatureValue>",
        ),
        changed(
            "xmldsig-more#rsa-sha256\"/>",
            "xmldsig-more#rsa-sha256\"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>",
        ),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Structure), "{bad:.900}");
    }
    for (from, to) in [
        (
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        ),
        (
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        ),
        (
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        ),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", ""),
        (
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
        ),
        ("xml-exc-c14n#", "xml-exc-c14n#WithoutComments"),
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#",
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        ),
        (
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
        ),
    ] {
        assert_eq!(
            response(&changed(from, to)),
            Err(RejectReason::Algorithm),
            "{to}"
        );
    }
}

#[test]
fn document_size_is_limited() {
    let padded = changed(">dev<", &format!(">{}<", "x".repeat(400 * 1024)));
    assert_eq!(response(&padded), Err(RejectReason::Malformed));
    let deep = format!(">{}{}<", "<x>".repeat(10_000), "</x>".repeat(10_000));
    assert_eq!(
        response(&changed(">dev<", &deep)),
        Err(RejectReason::Malformed)
    );
    let many: String = (0..30_000).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(
        response(&changed("<saml:NameID ", &format!("<saml:NameID{many} "))),
        Err(RejectReason::Malformed)
    );
}

#[test]
fn logout_messages_and_metadata_are_checked() {
    let request = "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_l\"><saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">i</saml:Issuer></samlp:LogoutRequest>";
    assert!(GuardedXml::parse(request, Shape::Logout).is_ok());
    assert_eq!(response(request), Err(RejectReason::Structure));
    let signed = request.replace(
        "</saml:Issuer>",
        &format!("</saml:Issuer>{}", sha256_signature("_l")),
    );
    let signed = PROVIDER.sign(&signed);
    assert!(
        GuardedXml::parse(&signed, Shape::Logout)
            .unwrap()
            .root_is_signed()
    );
    let wrapped = request.replace(
        "</samlp:LogoutRequest>",
        "<x:Assertion xmlns:x=\"urn:x\"/></samlp:LogoutRequest>",
    );
    assert!(GuardedXml::parse(&wrapped, Shape::Logout).is_err());
    assert!(GuardedXml::parse(&unsigned(&draft()), Shape::Logout).is_err());
    let commented = format!("<!-- c -->{}", metadata(&[]));
    assert!(GuardedXml::parse(&commented, Shape::Metadata).is_ok());
    assert!(GuardedXml::parse(request, Shape::Metadata).is_err());
}

#[test]
fn foreign_attributes_in_signatures_are_rejected() {
    let long = "x".repeat(limits::SAML_PREFIX_LIST_BYTES_MAX + 1);
    let many = "x ".repeat(limits::SAML_PREFIXES_MAX + 1);
    let most = "x ".repeat(limits::SAML_PREFIXES_MAX);
    let listed = |list: &str, more: &str| {
        changed(
            "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
            &format!(
                "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><e:InclusiveNamespaces xmlns:e=\"http://www.w3.org/2001/10/xml-exc-c14n#\" {more}PrefixList=\"{list}\"/></ds:Transform>"
            ),
        )
    };
    assert_eq!(response(&listed(&most, "")), Ok(()));
    for bad in [
        listed(&long, ""),
        listed(&many, ""),
        listed("xs", "e:PrefixList=\"xs\" "),
        listed("xs", "xml:lang=\"en\" "),
        changed("<ds:Reference ", "<ds:Reference xml:lang=\"en\" "),
        changed(
            "<ds:Reference ",
            "<ds:Reference xmlns:x=\"urn:x\" x:URI=\"#_r\" ",
        ),
        changed(
            "<ds:SignatureMethod ",
            "<ds:SignatureMethod xmlns:x=\"urn:x\" x:y=\"z\" ",
        ),
        changed(
            "<ds:Signature ",
            "<ds:Signature xmlns:x=\"urn:x\" x:y=\"z\" ",
        ),
        changed(
            "<saml:Subject>",
            "<saml:Subject><xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xml:lang=\"en\"/>",
        ),
    ] {
        assert_eq!(response(&bad), Err(RejectReason::Structure), "{bad}");
    }
}
