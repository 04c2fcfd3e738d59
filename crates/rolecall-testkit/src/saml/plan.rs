//! The plan of a response: its content, how it is signed, and the steps that change it along the way.
//!
//! Without faults, there are no steps.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::SignedElements;
use openssl::x509::X509;

use super::draft::{Assertion, Draft};
use super::encryption::Encryption;
use super::request::SignInRequest;
use super::signature::{self, Credential, Digest, Method};
use super::state::ProviderState;
use crate::keys::hs256;
use crate::xml::Element;

/// Changes an element.
pub(super) type Step = Box<dyn Fn(&mut Element) -> Result<()>>;
/// Changes the text of a document.
pub(super) type TextStep = Box<dyn Fn(String) -> String>;
/// Changes the bytes of a document.
pub(super) type ByteStep = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;
/// Changes the form fields.
pub(super) type FormStep = Box<dyn Fn(&mut Fields)>;
pub(super) type Fields = Vec<(String, String)>;

/// The key that signs.
pub(super) enum Signer {
    /// The provider's key.
    Provider,
    /// A key that is not in the metadata.
    UnknownKey(Box<Credential>),
    /// HMAC-SHA256 with this secret.
    Hmac(Vec<u8>),
}

/// The plan of a response.
pub(super) struct Plan {
    pub(super) draft: Draft,
    /// A second assertion, which is signed like the first.
    pub(super) second_assertion: Option<Assertion>,
    pub(super) signed: Option<SignedElements>,
    pub(super) signer: Signer,
    pub(super) method: Option<Method>,
    pub(super) digest: Digest,
    /// Replaces `KeyInfo` with the certificate; `Some(None)` omits it.
    pub(super) key_info: Option<Option<Element>>,
    /// Steps on the assertion before it is signed.
    pub(super) before_assertion_signature: Vec<Step>,
    /// Steps on each `ds:SignedInfo` before it is signed.
    pub(super) on_signed_info: Vec<Step>,
    /// Steps on each `ds:Signature` after it is created.
    pub(super) on_signature: Vec<Step>,
    /// Steps on the assertion after it is signed.
    pub(super) after_assertion_signature: Vec<Step>,
    /// Steps on the plaintext before encryption.
    pub(super) on_plaintext: Vec<TextStep>,
    /// Steps on the encrypted assertion.
    pub(super) on_encrypted: Vec<Step>,
    /// Steps on the response before it is signed.
    pub(super) before_response_signature: Vec<Step>,
    /// Steps on the response after it is signed.
    pub(super) after_response_signature: Vec<Step>,
    /// Steps on the text of the document.
    pub(super) on_text: Vec<TextStep>,
    /// Steps on the bytes of the document.
    pub(super) on_bytes: Vec<ByteStep>,
    /// Steps on the form fields.
    pub(super) on_form: Vec<FormStep>,
    /// How and for which certificate the assertion is encrypted.
    pub(super) encryption: Option<(Encryption, X509)>,
    /// Whether the form is submitted by GET.
    pub(super) by_get: bool,
    relay_state: Option<String>,
}

impl Plan {
    /// A plan without faults.
    pub(super) fn new(idp: &ProviderState, requested: &SignInRequest, draft: Draft) -> Self {
        Self {
            draft,
            second_assertion: None,
            signed: Some(idp.settings.signed),
            signer: Signer::Provider,
            method: None,
            digest: Digest::Sha256,
            key_info: None,
            before_assertion_signature: Vec::new(),
            on_signed_info: Vec::new(),
            on_signature: Vec::new(),
            after_assertion_signature: Vec::new(),
            on_plaintext: Vec::new(),
            on_encrypted: Vec::new(),
            before_response_signature: Vec::new(),
            after_response_signature: Vec::new(),
            on_text: Vec::new(),
            on_bytes: Vec::new(),
            on_form: Vec::new(),
            encryption: idp
                .settings
                .encryption
                .zip(requested.service_provider.encryption.clone()),
            by_get: false,
            relay_state: requested.relay_state.clone(),
        }
    }

    /// Builds the form fields.
    pub(super) fn fields(&self, credential: &Credential) -> Result<Fields> {
        let text = self.document(credential)?.write();
        let text = self.on_text.iter().fold(text, |text, step| step(text));
        let bytes = self
            .on_bytes
            .iter()
            .fold(text.into_bytes(), |bytes, step| step(bytes));
        let mut fields = vec![("SAMLResponse".to_owned(), STANDARD.encode(bytes))];
        if let Some(relay_state) = &self.relay_state {
            fields.push(("RelayState".to_owned(), relay_state.clone()));
        }
        for step in &self.on_form {
            step(&mut fields);
        }
        Ok(fields)
    }

    fn document(&self, credential: &Credential) -> Result<Element> {
        let assertions = [&self.draft.assertion, &self.second_assertion]
            .into_iter()
            .flatten();
        let assertions = assertions
            .map(|assertion| self.assertion(assertion, credential))
            .collect::<Result<Vec<_>>>()?;
        // An error response has no assertion to sign.
        let is_error = assertions.is_empty() && self.signed.is_some();
        let mut response = self.draft.element(assertions);
        run(&self.before_response_signature, &mut response)?;
        if is_error
            || matches!(
                self.signed,
                Some(SignedElements::Response | SignedElements::Both)
            )
        {
            self.sign(&mut response, credential)?;
        }
        run(&self.after_response_signature, &mut response)?;
        Ok(response)
    }

    fn assertion(&self, assertion: &Assertion, credential: &Credential) -> Result<Element> {
        let mut assertion = assertion.element();
        run(&self.before_assertion_signature, &mut assertion)?;
        if matches!(
            self.signed,
            Some(SignedElements::Assertion | SignedElements::Both)
        ) {
            self.sign(&mut assertion, credential)?;
        }
        run(&self.after_assertion_signature, &mut assertion)?;
        let Some((encryption, certificate)) = &self.encryption else {
            return Ok(assertion);
        };
        let plain = self
            .on_plaintext
            .iter()
            .fold(assertion.write(), |plain, step| step(plain));
        let mut encrypted = encryption.encrypt(&plain, certificate)?;
        run(&self.on_encrypted, &mut encrypted)?;
        Ok(encrypted)
    }

    /// Signs an element as planned.
    fn sign(&self, target: &mut Element, credential: &Credential) -> Result<()> {
        let (signer, secret) = match &self.signer {
            Signer::Provider => (credential, None),
            Signer::UnknownKey(unknown_key) => (unknown_key.as_ref(), None),
            Signer::Hmac(secret) => (credential, Some(secret)),
        };
        let method = self.method.unwrap_or(signer.method());
        let uri = match secret {
            None => method.uri(),
            Some(_) => "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        };
        let key_info = match &self.key_info {
            None => Some(signer.key_info()?),
            Some(key_info) => key_info.clone(),
        };
        let mut signed_info = signature::signed_info(target, uri, self.digest)?;
        run(&self.on_signed_info, &mut signed_info)?;
        let mut signature = signature::signature(signed_info, key_info, |message| match secret {
            None => signature::sign_with(signer, method, message),
            Some(secret) => hs256(secret, message),
        })?;
        run(&self.on_signature, &mut signature)?;
        target.insert_after("Issuer", signature);
        Ok(())
    }
}

fn run(steps: &[Step], element: &mut Element) -> Result<()> {
    steps
        .iter()
        .try_for_each(|step| step(element))
        .context("a step of the plan failed")
}
