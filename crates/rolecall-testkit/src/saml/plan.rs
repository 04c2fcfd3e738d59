//! How an answer is made, step by step: what is said, what is signed and how, and what happens to it afterwards.
//!
//! An honest plan has no steps of its own. A fault adds some.

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
/// Changes the form that carries it: names and values.
pub(super) type FormStep = Box<dyn Fn(&mut Fields)>;
pub(super) type Fields = Vec<(String, String)>;

/// Whose key signs.
pub(super) enum Signer {
    /// The provider's.
    Provider,
    /// A key that nobody knows.
    UnknownKey(Box<Credential>),
    /// HMAC-SHA256 under this secret.
    Hmac(Vec<u8>),
}

/// A response in the making.
pub(super) struct Plan {
    pub(super) draft: Draft,
    /// One more assertion, signed as the first.
    pub(super) second_assertion: Option<Assertion>,
    pub(super) signed: Option<SignedElements>,
    pub(super) signer: Signer,
    pub(super) method: Option<Method>,
    pub(super) digest: Digest,
    /// In place of the certificate; `Some(None)` is none.
    pub(super) key_info: Option<Option<Element>>,
    /// On the assertion, before anything is signed.
    pub(super) before_assertion_signature: Vec<Step>,
    /// On each `ds:SignedInfo`, before its value is made.
    pub(super) on_signed_info: Vec<Step>,
    /// On each `ds:Signature`, after.
    pub(super) on_signature: Vec<Step>,
    /// On the assertion, after its signature was made.
    pub(super) after_assertion_signature: Vec<Step>,
    /// On what is about to be encrypted.
    pub(super) on_plaintext: Vec<TextStep>,
    /// On the encrypted assertion.
    pub(super) on_encrypted: Vec<Step>,
    /// On the response, before its signature is made.
    pub(super) before_response_signature: Vec<Step>,
    /// On the response, after every signature was made.
    pub(super) after_response_signature: Vec<Step>,
    /// On the text of the document.
    pub(super) on_text: Vec<TextStep>,
    /// On its bytes.
    pub(super) on_bytes: Vec<ByteStep>,
    /// On the form's fields.
    pub(super) on_form: Vec<FormStep>,
    /// To whom, and how, the assertion is encrypted.
    pub(super) encryption: Option<(Encryption, X509)>,
    /// The form goes by GET.
    pub(super) by_get: bool,
    relay_state: Option<String>,
}

impl Plan {
    /// An honest one.
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

    /// The form's fields.
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
        // What says no has no assertion to sign.
        let alone = assertions.is_empty() && self.signed.is_some();
        let mut response = self.draft.element(assertions);
        run(&self.before_response_signature, &mut response)?;
        if alone
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

    /// Signs in place, as this plan has it.
    fn sign(&self, target: &mut Element, credential: &Credential) -> Result<()> {
        let (who, secret) = match &self.signer {
            Signer::Provider => (credential, None),
            Signer::UnknownKey(unknown_key) => (unknown_key.as_ref(), None),
            Signer::Hmac(secret) => (credential, Some(secret)),
        };
        let method = self.method.unwrap_or(who.method());
        let uri = match secret {
            None => method.uri(),
            Some(_) => "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        };
        let key_info = match &self.key_info {
            None => Some(who.key_info()?),
            Some(key_info) => key_info.clone(),
        };
        let mut signed_info = signature::signed_info(target, uri, self.digest)?;
        run(&self.on_signed_info, &mut signed_info)?;
        let mut signature = signature::signature(signed_info, key_info, |message| match secret {
            None => signature::sign_with(who, method, message),
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
        .context("a step of a plan")
}
