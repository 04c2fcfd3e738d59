//! The only allowed form of a signature (XML Signature 1.1, SAML Core 5.4): one reference to its parent, enveloped,
//! exclusive canonicalization, and an allowed algorithm.
//!
//! Keys in `KeyInfo` are never used; it only selects which configured certificate is tried first.

use openssl::pkey::Id;
use rolecall_core::base::limits;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::{Node, NodeId};

use super::keys::base64_text;
use super::xml::{DSIG, EXCLUSIVE, attribute, elements, is, text};

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Allowed, because responses contain no comments, and in metadata the comments are signed.
const EXCLUSIVE_WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";

const SIGNATURES: &[&str] = &[
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
];
const DIGESTS: &[&str] = &[
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];
const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

/// A signature of the allowed form.
#[derive(Clone, Debug)]
pub struct SignatureShape {
    owner: NodeId,
    owner_id: String,
    owner_name: String,
    sha1: bool,
    key_type: Id,
    value: Vec<u8>,
    certificate: Option<Vec<u8>>,
}

impl SignatureShape {
    /// The signed element.
    pub fn owner(&self) -> NodeId {
        self.owner
    }

    /// Whether this element of the verified document is the signed one.
    pub fn covers(&self, node: Node<'_, '_>) -> bool {
        node.tag_name().name() == self.owner_name
            && attribute(node, "ID") == Some(self.owner_id.as_str())
    }

    /// Whether SHA-1 is used.
    pub fn sha1(&self) -> bool {
        self.sha1
    }

    /// The key type of the algorithm.
    pub fn key_type(&self) -> Id {
        self.key_type
    }

    /// The signature value.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The certificate in `KeyInfo`, only used as a hint.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }
}

/// Checks a signature of this element.
///
/// # Errors
/// [`RejectReason::Structure`], [`RejectReason::Algorithm`].
pub fn signature_shape(
    signature: Node<'_, '_>,
    owner: Node<'_, '_>,
) -> Result<SignatureShape, ProviderError> {
    let (signed_info, signature_value, key_info) = match named(signature)?.as_slice() {
        [("SignedInfo", info), ("SignatureValue", value)] => (*info, *value, None),
        [
            ("SignedInfo", info),
            ("SignatureValue", value),
            ("KeyInfo", key),
        ] => (*info, *value, Some(*key)),
        _ => {
            return Err(structure(
                "a Signature must consist of SignedInfo, SignatureValue, KeyInfo",
            ));
        }
    };
    let [
        ("CanonicalizationMethod", canonicalization),
        ("SignatureMethod", method),
        ("Reference", reference),
    ] = named(signed_info)?[..]
    else {
        return Err(structure("a SignedInfo must have exactly one Reference"));
    };
    let [
        ("Transforms", transforms),
        ("DigestMethod", digest),
        ("DigestValue", value),
    ] = named(reference)?[..]
    else {
        return Err(structure(
            "a Reference must consist of Transforms, DigestMethod, DigestValue",
        ));
    };
    for simple in [method, digest, value, signature_value] {
        leaf(simple)?;
    }
    let owner_id = attribute(owner, "ID").filter(|id| !id.is_empty());
    let owner_id = owner_id.ok_or_else(|| structure("the signed element has no ID"))?;
    if attribute(reference, "URI").and_then(|uri| uri.strip_prefix('#')) != Some(owner_id) {
        return Err(structure("a signature does not refer to its own parent"));
    }
    exclusive(canonicalization)?;
    match elements(transforms).collect::<Vec<_>>().as_slice() {
        [first, second] if is(*first, DSIG, "Transform") && is(*second, DSIG, "Transform") => {
            if algorithm(*first) != ENVELOPED {
                return Err(not_taken("transform", algorithm(*first)));
            }
            leaf(*first)?;
            exclusive(*second)?;
        }
        _ => {
            return Err(structure(
                "only the two transforms of SAML are allowed (Core 5.4.4): configure the provider to sign with \
                 enveloped-signature and exclusive canonicalization",
            ));
        }
    }
    let sha1 =
        weak(method, "signature", SIGNATURES, RSA_SHA1)? | weak(digest, "digest", DIGESTS, SHA1)?;
    Ok(SignatureShape {
        owner: owner.id(),
        owner_id: owner_id.to_owned(),
        owner_name: owner.tag_name().name().to_owned(),
        sha1,
        key_type: match algorithm(method).contains("#ecdsa-") {
            true => Id::EC,
            false => Id::RSA,
        },
        value: text(signature_value)
            .filter(|text| text.len() <= limits::SAML_SIGNATURE_VALUE_BYTES_MAX)
            .as_deref()
            .and_then(base64_text)
            .ok_or_else(|| structure("a SignatureValue is not base64 or too long"))?,
        certificate: key_info.map(hint).transpose()?.flatten(),
    })
}

/// The child elements with their names; all must be of XML Signature.
fn named<'a, 'i>(node: Node<'a, 'i>) -> Result<Vec<(&'i str, Node<'a, 'i>)>, ProviderError> {
    elements(node)
        .map(|child| {
            let name = child.tag_name();
            let own = name.namespace() == Some(DSIG);
            own.then_some((name.name(), child))
                .ok_or_else(|| structure("a signature contains an unexpected element"))
        })
        .collect()
}

/// An element that contains only text.
fn leaf(node: Node<'_, '_>) -> Result<(), ProviderError> {
    match elements(node).next() {
        None => Ok(()),
        Some(_) => Err(structure("a signature contains an unexpected element")),
    }
}

/// Exclusive canonicalization with or without comments (SAML Core 5.4.3), optionally with a list of prefixes (Exclusive
/// XML Canonicalization 4).
fn exclusive(node: Node<'_, '_>) -> Result<(), ProviderError> {
    if ![EXCLUSIVE, EXCLUSIVE_WITH_COMMENTS].contains(&algorithm(node)) {
        return Err(not_taken("canonicalization", algorithm(node)));
    }
    match elements(node).collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        [list] if is(*list, EXCLUSIVE, "InclusiveNamespaces") => {
            leaf(*list)?;
            few_prefixes(attribute(*list, "PrefixList").unwrap_or_default())
        }
        _ => Err(structure("a signature contains an unexpected element")),
    }
}

/// Limits the list, because canonicalization searches each prefix at each element.
fn few_prefixes(list: &str) -> Result<(), ProviderError> {
    let few = list.len() <= limits::SAML_PREFIX_LIST_BYTES_MAX
        && list.split_ascii_whitespace().count() <= limits::SAML_PREFIXES_MAX;
    few.then_some(())
        .ok_or_else(|| structure("an InclusiveNamespaces has too many prefixes"))
}

/// Whether the algorithm uses SHA-1; an error if it is not allowed at all.
fn weak(node: Node<'_, '_>, what: &str, known: &[&str], sha1: &str) -> Result<bool, ProviderError> {
    let algorithm = algorithm(node);
    if known.contains(&algorithm) {
        return Ok(false);
    }
    if algorithm == sha1 {
        return Ok(true);
    }
    Err(not_taken(what, algorithm))
}

/// The certificate in `KeyInfo`, if any. References to other locations are rejected.
fn hint(key_info: Node<'_, '_>) -> Result<Option<Vec<u8>>, ProviderError> {
    let plain =
        |(name, _): &(&str, Node<'_, '_>)| matches!(*name, "X509Data" | "KeyValue" | "KeyName");
    if !named(key_info)?.iter().all(plain) {
        return Err(structure("a KeyInfo refers to another location"));
    }
    let certificate = key_info
        .descendants()
        .find(|node| is(*node, DSIG, "X509Certificate"));
    Ok(certificate.and_then(text).as_deref().and_then(base64_text))
}

fn algorithm<'a>(node: Node<'a, '_>) -> &'a str {
    attribute(node, "Algorithm").unwrap_or_default()
}

fn not_taken(what: &str, algorithm: &str) -> ProviderError {
    let shown: String = algorithm.chars().take(100).collect();
    ProviderError::rejected(
        RejectReason::Algorithm,
        format!(
            "the {what} algorithm {shown:?} is not supported: configure the provider to sign with RSA or ECDSA and SHA-256, and exclusive \
             canonicalization"
        ),
    )
}

fn structure(detail: &str) -> ProviderError {
    ProviderError::rejected(RejectReason::Structure, detail)
}
