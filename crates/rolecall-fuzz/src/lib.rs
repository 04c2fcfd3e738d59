//! Fuzz targets for the SAML verifier. For any input, nothing panics or hangs, and only signed content is accepted.
//!
//! An input of [`guard`] is the type of a document and the document. An input of [`verification`] is a program that changes
//! genuine responses ([`mutation`]), or a document. `cargo xtask fuzz` runs both.

mod genuine;
pub mod mutation;
pub mod seeds;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::sign_in::ProviderError;
use rolecalld::idp::saml::guard::{GuardedXml, Shape, decoded};
use rolecalld::idp::saml::{SamlTrust, TrustOptions};

use genuine::genuine;

/// The first byte of an input of [`verification`] that is a document, not a program.
pub const DOCUMENT: u8 = 0xff;

/// Parses a document with the guard. The first byte is the expected type.
///
/// # Panics
/// If a document that the guard accepts does not have the guaranteed structure: a finding.
#[expect(clippy::panic, reason = "a panic reports a finding to the fuzzer")]
pub fn guard(input: &[u8]) {
    let Some((kind, text)) = input.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let shape = match kind % 4 {
        0 => Shape::Response,
        1 => Shape::Logout,
        2 => {
            drop(SamlTrust::parse(&text, &TrustOptions::default()));
            Shape::Metadata
        }
        _ => return drop(decoded(&text)),
    };
    let Ok(guarded) = GuardedXml::parse(&text, shape) else {
        return;
    };
    if let Err(broken) = check_guarantees(&guarded) {
        panic!("{broken}, but the guard accepted it: {text}");
    }
}

fn id_of<'a>(node: roxmltree::Node<'a, '_>) -> Option<&'a str> {
    let id = node
        .attributes()
        .find(|one| one.namespace().is_none() && one.name() == "ID");
    id.map(|one| one.value())
}

/// Checks the guarantees for a guarded document.
fn check_guarantees(guarded: &GuardedXml<'_>) -> Result<(), &'static str> {
    let document = guarded.document();
    let with_id = |id: &str| {
        let nodes = document.descendants();
        nodes.filter(|node| id_of(*node) == Some(id)).count()
    };
    for signature in guarded.signatures() {
        let owner = document
            .get_node(signature.owner())
            .ok_or("the owner of a signature is not in the document")?;
        let id = id_of(owner).ok_or("the owner of a signature has no ID")?;
        if with_id(id) != 1 || !signature.covers(owner) {
            return Err("a signature covers another element");
        }
    }
    let assertions = document
        .descendants()
        .filter(|node| matches!(node.tag_name().name(), "Assertion" | "EncryptedAssertion"));
    let expected = usize::from(guarded.assertion().is_some());
    let is_response = document.root_element().tag_name().name() == "Response";
    if is_response && assertions.count() != expected {
        return Err("there is an assertion at another position");
    }
    if guarded.text().contains("<!DOCTYPE") {
        return Err("there is a document type");
    }
    Ok(())
}

/// Verifies the result of a program, or a document.
///
/// # Panics
/// If content is accepted that the provider has not signed: a finding.
#[expect(clippy::panic, reason = "a panic reports a finding to the fuzzer")]
pub fn verification(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let genuine = genuine();
    let base = usize::from(*first) % genuine.documents.len();
    let document = if *first == DOCUMENT {
        String::from_utf8_lossy(rest).into_owned()
    } else {
        mutation::run(&genuine.documents, base, rest)
    };
    let provider = genuine.provider_of(base);
    match provider.verify(&STANDARD.encode(&document)) {
        Ok(verified) if provider.has_signed(&verified) => {}
        Ok(verified) => panic!(
            "{verified:?} was accepted\nfrom {document}\nwith {}",
            provider.metadata
        ),
        Err(ProviderError::Rejected { .. } | ProviderError::Refused { .. }) => {}
        Err(ProviderError::Misconfigured(error) | ProviderError::Unavailable(error)) => {
            panic!("{error} at {document}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few hundred fixed programs, to run the fuzz target in every test run.
    #[test]
    fn changed_responses_are_never_accepted() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        };
        for length in (0..400).map(|n| 1 + n % 24) {
            let program: Vec<u8> = (0..length).map(|_| byte()).collect();
            verification(&program);
        }
    }

    #[test]
    fn seeds_do_not_cause_findings() -> anyhow::Result<()> {
        for (_, input) in seeds::guard(None)? {
            guard(&input);
        }
        for (_, input) in seeds::verify(None)? {
            verification(&input);
        }
        Ok(())
    }

    #[test]
    fn genuine_responses_are_accepted() {
        let genuine = genuine();
        for (at, document) in genuine.documents.iter().enumerate() {
            let provider = genuine.provider_of(at);
            let verified = provider.verify(&STANDARD.encode(document)).unwrap();
            assert!(provider.has_signed(&verified));
            let other = rolecalld::idp::saml::VerifiedAssertion {
                session_index: None,
                ..verified
            };
            assert!(!provider.has_signed(&other), "other content is accepted");
        }
    }
}
