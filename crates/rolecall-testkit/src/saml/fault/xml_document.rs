//! Documents with wrong structure, size or encoding, most with a valid signature.

use super::{step, step_at};
use crate::saml::names::{ASSERTION, PROTOCOL};
use crate::saml::plan::Plan;
use crate::xml::{Element, Node};

/// Faults of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlDocument {
    /// The response is in an element of an unknown namespace.
    ForeignRoot,
    /// The response is in a SOAP envelope.
    Soap,
    /// The assertion without a response.
    AssertionAlone,
    /// A logout response instead of a response.
    OtherMessage,
    /// Two documents.
    TwoRoots,
    /// Text after the document.
    TrailingText,
    /// A NUL and text after the document.
    TrailingNul,
    /// Text before the document.
    LeadingText,
    /// The document is truncated.
    Truncated,
    /// UTF-16 with a declaration.
    Utf16,
    /// UTF-16 without a declaration.
    Utf16Bare,
    /// UTF-8 with a byte order mark.
    ByteOrderMark,
    /// Declares UTF-7.
    Utf7Declared,
    /// Declares Latin-1.
    Latin1Declared,
    /// Declares XML 1.1.
    Xml11,
    /// A correct XML declaration: valid.
    Declared,
    /// Not UTF-8.
    InvalidUtf8,
    /// An empty document.
    Empty,
    /// Not XML.
    NotXml,
    /// JSON.
    Json,
    /// Elements nested this deep.
    Deep(usize),
    /// This number of attributes on one element.
    ManyAttributes(usize),
    /// This number of namespace declarations on one element.
    ManyNamespaces(usize),
    /// This number of elements.
    ManyElements(usize),
    /// This number of assertions.
    ManyAssertions(usize),
    /// This number of signatures.
    ManySignatures(usize),
    /// This number of bytes of ignored text.
    Padded(usize),
    /// An undeclared prefix.
    UndeclaredPrefix,
    /// A duplicate attribute.
    DuplicateAttribute,
    /// An attribute with the name `::`.
    ColonAttribute,
    /// The assertion is in the wrong namespace.
    AssertionNamespace,
    /// An additional `Assertion` of another namespace.
    ForeignAssertion,
    /// `x:ID` in addition to `ID` (attribute pollution, 2025).
    PrefixedId,
    /// `samlp:ID` on the assertion.
    ProtocolIdOnAssertion,
    /// `xml:id` on the forged element.
    XmlId,
    /// `Id` instead of `ID`.
    IdSpelling,
    /// A relative namespace URI, with which canonicalization returns nothing in some libraries (void canonicalization, 2025).
    RelativeNamespace,
    /// As `RelativeNamespace`, with the digest of an empty string.
    VoidDigest,
    /// An element of an unknown namespace in the response.
    ForeignChild,
    /// Empty `Extensions`.
    Extensions,
}

impl XmlDocument {
    pub(super) fn apply(self, plan: &mut Plan) {
        match self {
            Self::ForeignRoot => {
                around(plan, "<Envelope xmlns=\"urn:example:any\">", "</Envelope>");
            }
            Self::Soap => around(
                plan,
                "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>",
                "</s:Body></s:Envelope>",
            ),
            Self::AssertionAlone => plan.after_response_signature.push(step(|response| {
                *response = response.take("Assertion").unwrap_or_default();
            })),
            Self::OtherMessage => plan.after_response_signature.push(step(|response| {
                response.name = "samlp:LogoutResponse".to_owned();
            })),
            Self::TwoRoots => plan.on_text.push(Box::new(|text| format!("{text}{text}"))),
            Self::TrailingText => around(plan, "", "trailing text"),
            Self::TrailingNul => around(plan, "", "\0<evil/>"),
            Self::LeadingText => around(plan, "leading text ", ""),
            Self::Truncated => plan.on_text.push(Box::new(|text| {
                text.strip_suffix("</samlp:Response>")
                    .unwrap_or_default()
                    .to_owned()
            })),
            Self::Utf16 => {
                around(plan, "<?xml version=\"1.0\" encoding=\"UTF-16\"?>", "");
                plan.on_bytes.push(Box::new(|bytes| utf16(&bytes)));
            }
            Self::Utf16Bare => plan.on_bytes.push(Box::new(|bytes| utf16(&bytes))),
            Self::ByteOrderMark => around(plan, "\u{feff}", ""),
            Self::Utf7Declared => around(plan, "<?xml version=\"1.0\" encoding=\"UTF-7\"?>", ""),
            Self::Latin1Declared => {
                around(plan, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", "");
            }
            Self::Xml11 => around(plan, "<?xml version=\"1.1\" encoding=\"UTF-8\"?>", ""),
            Self::Declared => around(plan, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""),
            Self::InvalidUtf8 => plan.on_bytes.push(Box::new(|mut bytes| {
                let middle = bytes.len() / 2;
                bytes.insert(middle, 0xff);
                bytes
            })),
            Self::Empty => plan.on_bytes.push(Box::new(|_| Vec::new())),
            Self::NotXml => plan.on_text.push(Box::new(|_| "not a document".to_owned())),
            Self::Json => plan
                .on_text
                .push(Box::new(|_| "{\"sub\":\"00u-alice\"}".to_owned())),
            Self::Deep(depth) => extend(plan, move || {
                // As text, because a tree of this depth cannot be serialized by recursion.
                let mut deep = Element::new("samlp:Deep");
                deep.children.push(Node::Raw {
                    written: "<a>".repeat(depth) + &"</a>".repeat(depth),
                    meaning: String::new(),
                });
                vec![deep]
            }),
            Self::ManyAttributes(count) => extend(plan, move || {
                let many = (0..count).fold(Element::new("samlp:Many"), |many, n| {
                    many.with(&format!("a{n}"), "1")
                });
                vec![many]
            }),
            Self::ManyNamespaces(count) => extend(plan, move || {
                let many = (0..count).fold(Element::new("samlp:Many"), |many, n| {
                    many.with(&format!("xmlns:n{n}"), format!("urn:example:{n}"))
                });
                vec![many]
            }),
            Self::ManyElements(count) => {
                extend(plan, move || vec![Element::new("samlp:Many"); count]);
            }
            Self::ManyAssertions(count) => {
                plan.after_response_signature.push(step(move |response| {
                    let assertion = response.find("Assertion").cloned();
                    for assertion in std::iter::repeat_n(assertion, count).flatten() {
                        response.append(assertion);
                    }
                }))
            }
            Self::ManySignatures(count) => {
                plan.after_response_signature
                    .push(step_at(&["Assertion"], move |assertion| {
                        let signature = assertion.find("Signature").cloned();
                        for signature in std::iter::repeat_n(signature, count).flatten() {
                            assertion.append(signature);
                        }
                    }))
            }
            Self::Padded(bytes) => extend(plan, move || {
                vec![Element::new("samlp:Padding").text("x".repeat(bytes))]
            }),
            Self::UndeclaredPrefix => extend(plan, || vec![Element::new("nobody:Knows")]),
            Self::DuplicateAttribute => extend(plan, || {
                vec![Element::new("samlp:Twice").with("a", "1").with("a", "2")]
            }),
            Self::ColonAttribute => {
                extend(plan, || vec![Element::new("samlp:Odd").with("::", "1")])
            }
            Self::AssertionNamespace => plan.before_assertion_signature.push(step(|assertion| {
                assertion.set("xmlns:saml", "urn:oasis:names:tc:SAML:1.0:assertion");
            })),
            Self::ForeignAssertion => plan.after_response_signature.push(step(|response| {
                let foreign = Element::new("x:Assertion").with("xmlns:x", "urn:example:any");
                response.append(foreign.text("another namespace"));
            })),
            Self::PrefixedId => plan.after_response_signature.push(step(|response| {
                let genuine = response.attribute("ID").unwrap_or_default().to_owned();
                response.attributes.insert(0, ("x:ID".to_owned(), genuine));
                response.set("xmlns:x", "urn:example:any");
            })),
            Self::ProtocolIdOnAssertion => {
                plan.before_assertion_signature.push(step(|assertion| {
                    assertion.set("xmlns:samlp", PROTOCOL);
                    assertion.set("samlp:ID", "_forged");
                }))
            }
            Self::XmlId => plan.after_response_signature.push(step(|response| {
                let genuine = response
                    .find("Assertion")
                    .and_then(|one| one.attribute("ID"));
                let genuine = genuine.unwrap_or_default().to_owned();
                let evil = Element::new("samlp:Evil").with("xml:id", genuine);
                response.insert_after("Issuer", Element::new("samlp:Extensions").child(evil));
            })),
            Self::IdSpelling => plan.before_assertion_signature.push(step(|assertion| {
                let id = assertion.attribute("ID").unwrap_or_default().to_owned();
                assertion.set("Id", id);
            })),
            Self::RelativeNamespace => plan.before_assertion_signature.push(step(relative)),
            Self::VoidDigest => {
                plan.before_assertion_signature.push(step(relative));
                plan.on_signed_info
                    .push(step_at(&["Reference", "DigestValue"], |value| {
                        // SHA-256 of the empty string.
                        value.set_text("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
                    }));
            }
            Self::ForeignChild => plan.after_response_signature.push(step(|response| {
                response.append(Element::new("x:Any").with("xmlns:x", "urn:example:any"));
            })),
            Self::Extensions => extend(plan, || {
                vec![
                    Element::new("x:Any")
                        .with("xmlns:x", "urn:example:any")
                        .with("xmlns:a", ASSERTION),
                ]
            }),
        }
    }
}

/// Some canonicalizers return an empty string for relative namespace URIs.
fn relative(assertion: &mut Element) {
    assertion.set("xmlns:void", "relative/uri");
    let void = Element::new("void:Any");
    if let Some(subject) = assertion.find_mut("Subject") {
        subject.children.push(Node::Element(void));
    }
}

fn around(plan: &mut Plan, head: &'static str, tail: &'static str) {
    plan.on_text
        .push(Box::new(move |text| format!("{head}{text}{tail}")));
}

/// Adds elements to `samlp:Extensions` of the response, which is not signed.
fn extend(plan: &mut Plan, elements: impl Fn() -> Vec<Element> + 'static) {
    plan.after_response_signature.push(step(move |response| {
        response.insert_after(
            "Issuer",
            Element::new("samlp:Extensions").children(elements()),
        );
    }));
}

fn utf16(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}
