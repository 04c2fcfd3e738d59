//! How an answer is made, step by step: what is said, what is signed and how, and what happens to it afterwards.
//!
//! An honest plan has no steps of its own. A fault adds some.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Signed;
use openssl::x509::X509;

use super::draft::{Assertion, Draft};
use super::encryption::Encryption;
use super::request::Asked;
use super::signature::{self, Credential, Digest, Method};
use super::world::World;
use crate::keys::hs256;
use crate::xml::Element;

/// Changes an element.
pub(super) type Step = Box<dyn Fn(&mut Element) -> Result<()>>;
/// Changes the text of a document.
pub(super) type Writing = Box<dyn Fn(String) -> String>;
/// Changes the bytes of a document.
pub(super) type Encoding = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;
/// Changes the form that carries it: names and values.
pub(super) type Filling = Box<dyn Fn(&mut Fields)>;
pub(super) type Fields = Vec<(String, String)>;

/// Whose key signs.
pub(super) enum Signer {
    /// The provider's.
    Honest,
    /// A key that nobody knows.
    Stranger(Box<Credential>),
    /// HMAC-SHA256 under this secret.
    Hmac(Vec<u8>),
}

/// A response in the making.
pub(super) struct Plan {
    pub(super) draft: Draft,
    /// One more assertion, signed as the first.
    pub(super) also: Option<Assertion>,
    pub(super) signed: Option<Signed>,
    pub(super) signer: Signer,
    pub(super) method: Option<Method>,
    pub(super) digest: Digest,
    /// In place of the certificate; `Some(None)` is none.
    pub(super) key_info: Option<Option<Element>>,
    /// On the assertion, before anything is signed.
    pub(super) unsigned: Vec<Step>,
    /// On each `ds:SignedInfo`, before its value is made.
    pub(super) signing: Vec<Step>,
    /// On each `ds:Signature`, after.
    pub(super) sealed: Vec<Step>,
    /// On the assertion, after its signature was made.
    pub(super) asserted: Vec<Step>,
    /// On what is about to be encrypted.
    pub(super) plain: Vec<Writing>,
    /// On the encrypted assertion.
    pub(super) concealed: Vec<Step>,
    /// On the response, before its signature is made.
    pub(super) wrapped: Vec<Step>,
    /// On the response, after every signature was made.
    pub(super) finished: Vec<Step>,
    /// On the text of the document.
    pub(super) written: Vec<Writing>,
    /// On its bytes.
    pub(super) encoded: Vec<Encoding>,
    /// On the form's fields.
    pub(super) filled: Vec<Filling>,
    /// To whom, and how, the assertion is encrypted.
    pub(super) encryption: Option<(Encryption, X509)>,
    /// The form goes by GET.
    pub(super) by_get: bool,
    relay_state: Option<String>,
}

impl Plan {
    /// An honest one.
    pub(super) fn new(world: &World, asked: &Asked, draft: Draft) -> Self {
        Self {
            draft,
            also: None,
            signed: Some(world.settings.signed),
            signer: Signer::Honest,
            method: None,
            digest: Digest::Sha256,
            key_info: None,
            unsigned: Vec::new(),
            signing: Vec::new(),
            sealed: Vec::new(),
            asserted: Vec::new(),
            plain: Vec::new(),
            concealed: Vec::new(),
            wrapped: Vec::new(),
            finished: Vec::new(),
            written: Vec::new(),
            encoded: Vec::new(),
            filled: Vec::new(),
            encryption: world
                .settings
                .encryption
                .zip(asked.service_provider.encryption.clone()),
            by_get: false,
            relay_state: asked.relay_state.clone(),
        }
    }

    /// The form's fields.
    pub(super) fn fields(&self, credential: &Credential) -> Result<Fields> {
        let text = self.document(credential)?.write();
        let text = self.written.iter().fold(text, |text, step| step(text));
        let bytes = self
            .encoded
            .iter()
            .fold(text.into_bytes(), |bytes, step| step(bytes));
        let mut fields = vec![("SAMLResponse".to_owned(), STANDARD.encode(bytes))];
        if let Some(relay_state) = &self.relay_state {
            fields.push(("RelayState".to_owned(), relay_state.clone()));
        }
        for step in &self.filled {
            step(&mut fields);
        }
        Ok(fields)
    }

    fn document(&self, credential: &Credential) -> Result<Element> {
        let assertions = [&self.draft.assertion, &self.also].into_iter().flatten();
        let assertions = assertions
            .map(|assertion| self.assertion(assertion, credential))
            .collect::<Result<Vec<_>>>()?;
        // What says no has no assertion to sign.
        let alone = assertions.is_empty() && self.signed.is_some();
        let mut response = self.draft.element(assertions);
        run(&self.wrapped, &mut response)?;
        if alone || matches!(self.signed, Some(Signed::Response | Signed::Both)) {
            self.sign(&mut response, credential)?;
        }
        run(&self.finished, &mut response)?;
        Ok(response)
    }

    fn assertion(&self, assertion: &Assertion, credential: &Credential) -> Result<Element> {
        let mut assertion = assertion.element();
        run(&self.unsigned, &mut assertion)?;
        if matches!(self.signed, Some(Signed::Assertion | Signed::Both)) {
            self.sign(&mut assertion, credential)?;
        }
        run(&self.asserted, &mut assertion)?;
        let Some((encryption, certificate)) = &self.encryption else {
            return Ok(assertion);
        };
        let plain = self
            .plain
            .iter()
            .fold(assertion.write(), |plain, step| step(plain));
        let mut encrypted = encryption.encrypt(&plain, certificate)?;
        run(&self.concealed, &mut encrypted)?;
        Ok(encrypted)
    }

    /// Signs in place, as this plan has it.
    fn sign(&self, target: &mut Element, credential: &Credential) -> Result<()> {
        let (who, secret) = match &self.signer {
            Signer::Honest => (credential, None),
            Signer::Stranger(stranger) => (stranger.as_ref(), None),
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
        run(&self.signing, &mut signed_info)?;
        let mut signature = signature::signature(signed_info, key_info, |message| match secret {
            None => signature::sign_with(who, method, message),
            Some(secret) => hs256(secret, message),
        })?;
        run(&self.sealed, &mut signature)?;
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
