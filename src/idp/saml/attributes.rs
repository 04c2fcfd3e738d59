//! XML attributes by their expanded name: those of SAML, XML Signature and XML Encryption have no namespace.
//!
//! `x:NotOnOrAfter` is a different attribute than `NotOnOrAfter`, but some parsers, and `roxmltree` if queried by local
//! name, confuse them. All attributes that are read from SAML elements are listed in one table, and [`foreign_twin`]
//! finds attributes of other namespaces with one of these names.

use roxmltree::{Attribute, Node};

use super::xml::{ASSERTION, DSIG, EXCLUSIVE, METADATA, PROTOCOL, XENC, XENC11};

/// The attributes that are read from an element of SAML.
fn read_of(element: &str) -> &'static [&'static str] {
    match element {
        "Response" | "LogoutResponse" => &[
            "ID",
            "Version",
            "IssueInstant",
            "Destination",
            "InResponseTo",
        ],
        "LogoutRequest" => &[
            "ID",
            "Version",
            "IssueInstant",
            "Destination",
            "NotOnOrAfter",
        ],
        "Assertion" => &["ID", "Version", "IssueInstant"],
        "Issuer" => &["Format"],
        "NameID" => &["Format", "NameQualifier", "SPNameQualifier"],
        "StatusCode" => &["Value"],
        "SubjectConfirmation" => &["Method"],
        "SubjectConfirmationData" => &["Recipient", "NotBefore", "NotOnOrAfter", "InResponseTo"],
        "Conditions" => &["NotBefore", "NotOnOrAfter"],
        "AuthnStatement" => &["AuthnInstant", "SessionIndex", "SessionNotOnOrAfter"],
        "Attribute" => &["Name", "FriendlyName"],
        "EntitiesDescriptor" => &["ID", "validUntil"],
        "EntityDescriptor" => &["ID", "entityID", "validUntil"],
        "IDPSSODescriptor" => &[
            "protocolSupportEnumeration",
            "WantAuthnRequestsSigned",
            "validUntil",
        ],
        "KeyDescriptor" => &["use"],
        "SingleSignOnService" | "SingleLogoutService" => {
            &["Binding", "Location", "ResponseLocation"]
        }
        _ => &[],
    }
}

/// Whether an attribute without namespace is read from this element.
fn is_read(node: Node<'_, '_>, name: &str) -> bool {
    match node.tag_name().namespace() {
        Some(PROTOCOL | ASSERTION | METADATA) => read_of(node.tag_name().name()).contains(&name),
        Some(_) => is_of_signature_or_encryption(node),
        None => false,
    }
}

fn is_of_signature_or_encryption(node: Node<'_, '_>) -> bool {
    matches!(
        node.tag_name().namespace(),
        Some(DSIG | EXCLUSIVE | XENC | XENC11)
    )
}

/// The value of an attribute without namespace.
pub fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let own = |one: &Attribute<'_, '_>| one.namespace().is_none() && one.name() == name;
    let found = node.attributes().find(own);
    found
        .filter(|_| is_read(node, name))
        .map(|attribute| attribute.value())
}

/// An attribute of another namespace that is not allowed on this element: any on elements of XML Signature and XML
/// Encryption, elsewhere one with the name of an attribute that is read.
pub fn foreign_twin<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let mut foreign = node.attributes().filter(|one| one.namespace().is_some());
    let signature = is_of_signature_or_encryption(node);
    let twin = foreign.find(|one| signature || is_read(node, one.name()));
    twin.map(|one| one.name())
}
