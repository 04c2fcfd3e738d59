//! Signatures that must be rejected: missing, by unknown keys, with weak algorithms, or with wrong references and transforms.

use anyhow::Result;

use super::{FaultContext, step, step_at};
use crate::saml::names::{ENVELOPED, EXCLUSIVE};
use crate::saml::plan::{Plan, Signer};
use crate::saml::signature::{Credential, Digest, Method, reference};
use crate::xml::{Element, Node};

/// Faults of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// The response is not signed.
    Unsigned,
    /// Signed with an unknown key, with its certificate.
    SelfSigned,
    /// Signed with an unknown key, with the provider's certificate.
    UnknownKeyUnderProviderCertificate,
    /// Signed with an unknown key, with `KeyValue`.
    UnknownKeyValue,
    /// Signed with an unknown key, with a `RetrievalMethod`.
    UnknownKeyRetrievalMethod,
    /// Signed with an unknown key, without `KeyInfo`.
    UnknownKeyWithoutKeyInfo,
    /// Signed with the provider's key, without `KeyInfo`: valid.
    NoKeyInfo,
    /// Signed with the provider's key, with another certificate: valid, because it is ignored.
    ForeignKeyInfo,
    /// HMAC with the PEM of the public key.
    HmacPublicKey,
    /// HMAC with the DER of the certificate.
    HmacCertificate,
    /// HMAC with an empty key.
    HmacEmpty,
    /// RSA with SHA-1 and a SHA-1 digest.
    Sha1,
    /// RSA with SHA-256 and a SHA-1 digest.
    Sha1Digest,
    /// RSA with MD5 and an MD5 digest.
    Md5,
    /// RSA with SHA-512: valid.
    Sha512,
    /// An unknown signature method.
    UnknownMethod,
    /// An HMAC truncated to zero bits (CVE-2009-0217).
    HmacOutputLength,
    /// An empty `SignatureValue`.
    EmptyValue,
    /// A `SignatureValue` of zeros.
    ZeroValue,
    /// One bit of the `SignatureValue` is flipped.
    BitFlipped,
    /// No `SignedInfo`.
    NoSignedInfo,
    /// A second, forged `SignedInfo` (CVE-2025-29775).
    TwoSignedInfos,
    /// A comment in `DigestValue` (CVE-2025-29774).
    DigestComment,
    /// `DigestValue` of the empty string.
    DigestOfNothing,
    /// No reference: a valid signature over nothing.
    NoReference,
    /// A second reference to the same element (CVE-2026-33487).
    TwoReferences,
    /// The reference is empty: it is to the whole document.
    ReferenceEmpty,
    /// The reference is an HTTP URL; signed with an unknown key.
    ReferenceHttp,
    /// The reference is a file URL; signed with an unknown key.
    ReferenceFile,
    /// The reference is to another element.
    ReferenceElsewhere,
    /// The reference is an XPointer.
    ReferenceXPointer,
    /// The assertion has no ID, and the reference is empty.
    NoAssertionId,
    /// An XPath transform that selects everything, which some libraries accept.
    XPathTransform,
    /// An XPath transform that runs for minutes; signed with an unknown key.
    XPathBomb,
    /// An XSLT transform that sends a request; signed with an unknown key.
    XsltTransform,
    /// An XSLT transform that does not end; signed with an unknown key.
    XsltBomb,
    /// Four transforms.
    ManyTransforms,
    /// No enveloped-signature transform.
    NotEnveloped,
    /// Canonicalization with comments.
    WithComments,
    /// Inclusive canonicalization.
    Inclusive,
    /// An additional `ds:Object`.
    Object,
    /// The subject is changed after signing.
    TamperedSubject,
    /// An attribute is changed after signing.
    TamperedAttribute,
    /// The audience is changed after signing.
    TamperedAudience,
    /// A time is changed after signing.
    TamperedTime,
}

/// A style sheet that makes 2^DEPTH calls.
const XSLT: &str = "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">\
<xsl:template match=\"/\"><xsl:copy-of select=\"document('CANARY')\"/><xsl:call-template name=\"t\"><xsl:with-param name=\"n\" select=\"DEPTH\"/></xsl:call-template></xsl:template>\
<xsl:template name=\"t\"><xsl:param name=\"n\"/><xsl:if test=\"$n &gt; 0\"><xsl:call-template name=\"t\"><xsl:with-param name=\"n\" select=\"$n - 1\"/></xsl:call-template>\
<xsl:call-template name=\"t\"><xsl:with-param name=\"n\" select=\"$n - 1\"/></xsl:call-template></xsl:if></xsl:template></xsl:stylesheet>";

impl Forgery {
    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) -> Result<()> {
        let unknown_key = || Signer::UnknownKey(Box::new(context.unknown_key.clone()));
        match self {
            Self::Unsigned => plan.signed = None,
            Self::SelfSigned => plan.signer = unknown_key(),
            Self::UnknownKeyUnderProviderCertificate => {
                plan.signer = unknown_key();
                plan.key_info = Some(Some(context.provider.key_info()?));
            }
            Self::UnknownKeyValue => {
                plan.signer = unknown_key();
                plan.key_info = Some(Some(key_value(context.unknown_key)?));
            }
            Self::UnknownKeyRetrievalMethod => {
                plan.signer = unknown_key();
                let retrieval = Element::new("ds:RetrievalMethod")
                    .with("URI", format!("{}/certificate", context.canary))
                    .with(
                        "Type",
                        "http://www.w3.org/2000/09/xmldsig#rawX509Certificate",
                    );
                plan.key_info = Some(Some(Element::new("ds:KeyInfo").child(retrieval)));
            }
            Self::UnknownKeyWithoutKeyInfo => {
                plan.signer = unknown_key();
                plan.key_info = Some(None);
            }
            Self::NoKeyInfo => plan.key_info = Some(None),
            Self::ForeignKeyInfo => plan.key_info = Some(Some(context.unknown_key.key_info()?)),
            Self::HmacPublicKey => plan.signer = Signer::Hmac(context.provider.key().public_pem()?),
            Self::HmacCertificate => {
                plan.signer = Signer::Hmac(context.provider.certificate().to_der()?);
            }
            Self::HmacEmpty => plan.signer = Signer::Hmac(vec![0]),
            Self::HmacOutputLength => {
                plan.signer = Signer::Hmac(vec![0]);
                plan.on_signed_info
                    .push(step_at(&["SignatureMethod"], |method| {
                        method.append(Element::new("ds:HMACOutputLength").text("0"));
                    }));
                plan.on_signature.push(value(|_| String::new()));
            }
            Self::Sha1 => (plan.method, plan.digest) = (Some(Method::RsaSha1), Digest::Sha1),
            Self::Sha1Digest => plan.digest = Digest::Sha1,
            Self::Md5 => (plan.method, plan.digest) = (Some(Method::RsaMd5), Digest::Md5),
            Self::Sha512 => (plan.method, plan.digest) = (Some(Method::RsaSha512), Digest::Sha512),
            Self::UnknownMethod => {
                plan.on_signed_info
                    .push(step_at(&["SignatureMethod"], |method| {
                        method.set("Algorithm", "urn:example:trust-me");
                    }))
            }
            Self::EmptyValue => plan.on_signature.push(value(|_| String::new())),
            Self::ZeroValue => plan.on_signature.push(value(|_| "A".repeat(344))),
            Self::BitFlipped => plan.on_signature.push(value(|text| {
                let first = if text.starts_with('A') { "B" } else { "A" };
                format!("{first}{}", text.get(1..).unwrap_or_default())
            })),
            Self::NoSignedInfo => plan.on_signature.push(step(|signature| {
                signature.take("SignedInfo");
            })),
            Self::TwoSignedInfos => plan.on_signature.push(step(|signature| {
                if let Some(mut forged) = signature.find("SignedInfo").cloned() {
                    if let Some(value) = forged.at_mut(&["Reference", "DigestValue"]) {
                        value.set_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
                    }
                    signature.prepend(forged);
                }
            })),
            Self::DigestComment => {
                plan.on_signature.push(step_at(
                    &["SignedInfo", "Reference", "DigestValue"],
                    |value| {
                        let comment = Node::Comment(
                            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
                        );
                        value.children.insert(0, comment);
                    },
                ));
            }
            Self::DigestOfNothing => {
                let nothing = Digest::Sha256.of("")?;
                plan.on_signed_info
                    .push(step_at(&["Reference", "DigestValue"], move |value| {
                        value.set_text(&nothing);
                    }));
            }
            Self::NoReference => plan.on_signed_info.push(step(|signed_info| {
                signed_info.take("Reference");
            })),
            Self::TwoReferences => plan.on_signed_info.push(step(|signed_info| {
                let first = signed_info.find("Reference").cloned();
                signed_info.children.extend(first.map(Node::Element));
            })),
            Self::ReferenceEmpty => refer(plan, String::new()),
            Self::ReferenceHttp => {
                plan.signer = unknown_key();
                refer(plan, format!("{}/reference", context.canary));
            }
            Self::ReferenceFile => {
                plan.signer = unknown_key();
                refer(plan, format!("file://{}", context.canary_file));
            }
            Self::ReferenceElsewhere => refer(plan, "#_elsewhere".to_owned()),
            Self::ReferenceXPointer => refer(plan, "#xpointer(/)".to_owned()),
            Self::NoAssertionId => {
                plan.draft.assertion(|assertion| assertion.id = None);
                refer(plan, String::new());
            }
            Self::XPathTransform => transform(plan, &xpath("count(//. | //@*) > 0")),
            Self::XPathBomb => {
                plan.signer = unknown_key();
                transform(
                    plan,
                    &xpath("count(//*[count(//*[count(//*) > 1]) > 1]) > 0"),
                );
                plan.after_response_signature.push(step(|response| {
                    let padding = (0..2_000).map(|_| Element::new("samlp:Padding"));
                    response
                        .insert_after("Issuer", Element::new("samlp:Extensions").children(padding));
                }));
            }
            Self::XsltTransform => {
                plan.signer = unknown_key();
                transform(plan, &xslt(context.canary, 1)?);
            }
            Self::XsltBomb => {
                plan.signer = unknown_key();
                transform(plan, &xslt(context.canary, 40)?);
            }
            Self::ManyTransforms => {
                let again = Element::new("ds:Transform").with("Algorithm", EXCLUSIVE);
                transform(plan, &again);
                transform(plan, &again);
            }
            Self::NotEnveloped => {
                plan.on_signed_info
                    .push(step_at(&["Reference", "Transforms"], |all| {
                        all.children.remove(0);
                    }))
            }
            Self::WithComments => {
                canonicalize(plan, "http://www.w3.org/2001/10/xml-exc-c14n#WithComments")
            }
            Self::Inclusive => {
                canonicalize(plan, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
            }
            Self::Object => plan.on_signature.push(step(|signature| {
                signature.append(Element::new("ds:Object").text("a decoy"));
            })),
            Self::TamperedSubject => plan
                .after_assertion_signature
                .push(step(super::forge_subject)),
            Self::TamperedAttribute => {
                plan.after_assertion_signature.push(step_at(
                    &["AttributeStatement", "Attribute"],
                    |attribute| {
                        attribute.set("Name", "groups");
                    },
                ));
            }
            Self::TamperedAudience => {
                let path = &["Conditions", "AudienceRestriction"];
                plan.after_assertion_signature
                    .push(step_at(path, |restriction| {
                        restriction
                            .append(Element::new("saml:Audience").text("https://evil.example"));
                    }));
            }
            Self::TamperedTime => {
                plan.after_assertion_signature
                    .push(step_at(&["Conditions"], |conditions| {
                        conditions.set("NotOnOrAfter", "2099-01-01T00:00:00Z");
                    }))
            }
        }
        Ok(())
    }
}

fn value(change: impl Fn(&str) -> String + 'static) -> crate::saml::plan::Step {
    step_at(&["SignatureValue"], move |value| {
        let text = change(&value.own_text());
        value.set_text(text);
    })
}

/// Signs a reference to `uri` with the digest of the element.
fn refer(plan: &mut Plan, uri: String) {
    plan.on_signed_info.push(step(move |signed_info| {
        let original = signed_info.take("Reference").unwrap_or_default();
        let digest = original.find("DigestValue").map(Element::own_text);
        let digest = digest.unwrap_or_default();
        signed_info.append(reference(&uri, Digest::Sha256.uri(), &digest));
    }));
}

/// Signs with an additional transform at the end.
fn transform(plan: &mut Plan, transform: &Element) {
    let transform = transform.clone();
    plan.on_signed_info
        .push(step_at(&["Reference", "Transforms"], move |all| {
            all.append(transform.clone());
        }));
}

fn canonicalize(plan: &mut Plan, method: &'static str) {
    plan.on_signed_info
        .push(step_at(&["Reference", "Transforms"], move |all| {
            let kept = Element::new("ds:Transform").with("Algorithm", ENVELOPED);
            *all = Element::new("ds:Transforms")
                .child(kept)
                .child(Element::new("ds:Transform").with("Algorithm", method));
        }));
}

fn xpath(expression: &str) -> Element {
    Element::new("ds:Transform")
        .with("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
        .child(Element::new("ds:XPath").text(expression))
}

fn xslt(canary: &str, depth: usize) -> Result<Element> {
    let sheet = XSLT
        .replace("CANARY", canary)
        .replace("DEPTH", &depth.to_string());
    Ok(Element::new("ds:Transform")
        .with("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
        .child(Element::parse(&sheet)?))
}

fn key_value(credential: &Credential) -> Result<Element> {
    use base64::Engine;
    let key = credential.key().private_key().rsa()?;
    let number = |name, number: &openssl::bn::BigNumRef| {
        let text = base64::engine::general_purpose::STANDARD.encode(number.to_vec());
        Element::new(name).text(text)
    };
    let key = Element::new("ds:RSAKeyValue")
        .child(number("ds:Modulus", key.n()))
        .child(number("ds:Exponent", key.e()));
    Ok(Element::new("ds:KeyInfo").child(Element::new("ds:KeyValue").child(key)))
}
