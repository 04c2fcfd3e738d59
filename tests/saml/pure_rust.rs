//! bergshamra, a verifier in pure Rust, behind the same trait as ours, and for arbitrary documents.

use anyhow::{Context, Result, ensure};
use bergshamra::c14n::{C14nMode, canonicalize_doc};
use bergshamra::dsig::VerifyResult;
use bergshamra::dsig::verify::verify_all_document_with_source;
use bergshamra::keys::loader::load_x509_cert_der;
use bergshamra::xml::NodeSet;
use bergshamra::xml::uppsala::{self, Document, NodeId};
use bergshamra::{DsigContext, KeysManager};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use rolecalld::idp::saml::SigningKeys;
use rolecalld::idp::saml::guard::GuardedXml;
use rolecalld::idp::saml::signature::{VerifiedXml, XmlSignature};

/// Uses configured keys only, and rejects external references by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureRust;

impl PureRust {
    /// The name and ID of the outermost signed element, if all signatures are valid.
    pub fn signed(self, text: &str, certificates: &[&[u8]]) -> Result<String> {
        let document = parsed(text)?;
        let owner = outermost(&document, text, certificates)?;
        let element = document.element(owner).context("no element is signed")?;
        let id = element
            .get_attribute("ID")
            .context("the signed element has no ID")?;
        Ok(format!("{}#{id}", element.name.local_name))
    }
}

impl XmlSignature for PureRust {
    fn verified(
        &self,
        xml: &GuardedXml<'_>,
        keys: &SigningKeys,
    ) -> Result<VerifiedXml, ProviderError> {
        let rejected = |error: anyhow::Error| {
            ProviderError::rejected(RejectReason::Signature, format!("{error:#}"))
        };
        let outermost = xml.signatures().first().cloned();
        let outermost = outermost.ok_or_else(|| {
            ProviderError::rejected(RejectReason::Unsigned, "the message is not signed")
        })?;
        let certificates: Vec<&[u8]> = keys.certificates().collect();
        let canonical = canonical(xml.text(), &certificates).map_err(rejected)?;
        Ok(VerifiedXml::new(canonical, outermost))
    }
}

fn parsed(text: &str) -> Result<Document<'_>> {
    uppsala::parse(text).map_err(|error| anyhow::anyhow!("{error}"))
}

/// The element covered by the outermost of several valid signatures.
fn outermost(document: &Document<'_>, text: &str, certificates: &[&[u8]]) -> Result<NodeId> {
    let mut keys = KeysManager::new();
    for certificate in certificates {
        keys.add_key(load_x509_cert_der(certificate)?);
    }
    let context = DsigContext::new(keys);
    let results = verify_all_document_with_source(&context, document, Some(text))?;
    let mut owners = Vec::new();
    for result in &results {
        match result {
            VerifyResult::Valid { references, .. } => {
                ensure!(result.all_reference_digests_verified() && references.len() == 1);
                owners.push(
                    references[0]
                        .resolved_node
                        .context("a reference without a target")?,
                );
            }
            VerifyResult::Invalid { reason } => anyhow::bail!("{reason}"),
        }
    }
    owners.first().copied().context("nothing is signed")
}

/// The canonical form of the outermost signed element without its signature (Exclusive XML Canonicalization 1.0).
fn canonical(text: &str, certificates: &[&[u8]]) -> Result<String> {
    let document = parsed(text)?;
    let owner = outermost(&document, text, certificates)?;
    let children = document.children(owner);
    let named = |node: NodeId, name: &str| {
        let element = document.element(node);
        element.is_some_and(|element| element.name.local_name == *name)
    };
    let signature = children
        .into_iter()
        .find(|child| named(*child, "Signature"));
    let signature = signature.context("the signature is not in the signed element")?;
    let nodes = NodeSet::tree_without_comments(owner, &document)
        .subtract(&NodeSet::tree_with_comments(signature, &document));
    // For the transforms, not for the canonicalization of SignedInfo.
    let below = document.descendants(signature);
    let transform = below.into_iter().rfind(|node| named(*node, "Transform"));
    let lists = transform
        .map(|node| document.children(node))
        .unwrap_or_default();
    let lists = lists.into_iter().filter_map(|node| document.element(node));
    let prefixes: Vec<&str> = lists
        .filter_map(|list| list.get_attribute("PrefixList"))
        .flat_map(str::split_ascii_whitespace)
        .map(|prefix| if prefix == "#default" { "" } else { prefix })
        .collect();
    let bytes = canonicalize_doc(&document, C14nMode::Exclusive, Some(&nodes), &prefixes)?;
    Ok(String::from_utf8(bytes)?)
}
