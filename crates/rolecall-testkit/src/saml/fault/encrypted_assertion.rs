//! Encrypted assertions that must be rejected, including attacks on decryption.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{FaultContext, forge_subject, step, step_at};
use crate::saml::SignedElements;
use crate::saml::encryption::{Content, Encryption, Transport};
use crate::saml::plan::{Plan, Signer, Step};
use crate::xml::{Element, Node};

/// Faults of encrypted assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptedAssertion {
    /// The encrypted assertion is not signed (CVE-2026-2092).
    UnsignedInner,
    /// The encrypted assertion is signed with an unknown key.
    ForeignInner,
    /// A forged plaintext assertion is added.
    PlaintextSibling,
    /// A forged encrypted assertion is added to a plaintext one.
    EncryptedSibling,
    /// The encrypted assertion is duplicated.
    Twice,
    /// The encrypted assertion of a signed response is replaced by a forged one.
    Replaced,
    /// The ciphertext in a signed response is truncated to this number of bytes.
    Truncated(Content, usize),
    /// A bit of the last byte is flipped: of the tag, or of the padding.
    LastByteFlipped(Content),
    /// A bit of the 17th byte from the end is flipped: in CBC, this changes only the padding.
    PaddingFlipped,
    /// A bit of the first byte after the IV is flipped.
    FirstByteFlipped(Content),
    /// The encrypted key is random.
    RandomKey,
    /// The key is encrypted with RSAES-PKCS1-v1_5.
    Rsa15,
    /// AES-CBC in an unsigned response.
    UnsignedCbc,
    /// Encrypted for another recipient.
    OtherRecipient,
    /// The plaintext is not XML.
    NotXml,
    /// The plaintext is not UTF-8.
    NotUtf8,
    /// The plaintext is another element.
    NotAnAssertion,
    /// The plaintext is an encrypted assertion.
    Nested,
    /// The plaintext closes the response element.
    BreaksOut,
    /// The plaintext has a document type.
    DocumentTypeInside,
    /// The ciphertext is at a URL: `CipherReference`.
    CipherReference,
    /// The key is at a URL: `RetrievalMethod`.
    RetrievalMethod,
    /// This number of keys.
    ManyKeys(usize),
    /// Two `EncryptedData`.
    TwoData,
    /// The algorithm is Triple DES.
    TripleDes,
    /// No `CipherData`.
    Empty,
}

impl EncryptedAssertion {
    /// The elements to sign so that the fault has an effect.
    pub(super) fn signed(self) -> SignedElements {
        match self {
            Self::Truncated(..)
            | Self::LastByteFlipped(_)
            | Self::FirstByteFlipped(_)
            | Self::PaddingFlipped
            | Self::Rsa15
            | Self::Replaced => SignedElements::Response,
            Self::UnsignedInner
            | Self::ForeignInner
            | Self::PlaintextSibling
            | Self::EncryptedSibling
            | Self::Twice
            | Self::RandomKey
            | Self::UnsignedCbc
            | Self::OtherRecipient
            | Self::NotXml
            | Self::NotUtf8
            | Self::NotAnAssertion
            | Self::Nested
            | Self::BreaksOut
            | Self::DocumentTypeInside
            | Self::CipherReference
            | Self::RetrievalMethod
            | Self::ManyKeys(_)
            | Self::TwoData
            | Self::TripleDes
            | Self::Empty => SignedElements::Assertion,
        }
    }

    /// The algorithm of the encryption.
    fn content(self) -> Content {
        match self {
            Self::Truncated(content, _)
            | Self::LastByteFlipped(content)
            | Self::FirstByteFlipped(content) => content,
            Self::PaddingFlipped | Self::UnsignedCbc => Content::Aes256Cbc,
            Self::Rsa15
            | Self::Replaced
            | Self::UnsignedInner
            | Self::ForeignInner
            | Self::PlaintextSibling
            | Self::EncryptedSibling
            | Self::Twice
            | Self::RandomKey
            | Self::OtherRecipient
            | Self::NotXml
            | Self::NotUtf8
            | Self::NotAnAssertion
            | Self::Nested
            | Self::BreaksOut
            | Self::DocumentTypeInside
            | Self::CipherReference
            | Self::RetrievalMethod
            | Self::ManyKeys(_)
            | Self::TwoData
            | Self::TripleDes
            | Self::Empty => Content::Aes256Gcm,
        }
    }

    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) -> Result<()> {
        let certificate = context
            .recipient
            .context("the service provider has no encryption certificate")?
            .clone();
        let encryption = Encryption::with(self.content());
        plan.encryption = Some((encryption, certificate.clone()));
        let canary = context.canary.to_owned();
        match self {
            Self::UnsignedInner => plan.signed = None,
            Self::ForeignInner => {
                plan.signer = Signer::UnknownKey(Box::new(context.unknown_key.clone()))
            }
            Self::PlaintextSibling => {
                let forged = forged(plan)?;
                plan.after_response_signature
                    .push(step(move |response| response.append(forged.clone())));
            }
            Self::EncryptedSibling => {
                let forged = encryption.encrypt(&forged(plan)?.write(), &certificate)?;
                plan.encryption = None;
                plan.after_response_signature
                    .push(step(move |response| response.append(forged.clone())));
            }
            Self::Twice => plan.after_response_signature.push(step(|response| {
                let again = response.find("EncryptedAssertion").cloned();
                response.children.extend(again.map(Node::Element));
            })),
            Self::Replaced => {
                let forged = encryption.encrypt(&forged(plan)?.write(), &certificate)?;
                plan.after_response_signature.push(step_at(
                    &["EncryptedAssertion"],
                    move |encrypted| {
                        *encrypted = forged.clone();
                    },
                ));
            }
            Self::Truncated(_, length) => plan
                .on_encrypted
                .push(bytes(move |bytes| bytes.truncate(length))),
            Self::LastByteFlipped(_) => plan.on_encrypted.push(bytes(|bytes| flip(bytes, 1))),
            Self::PaddingFlipped => plan.on_encrypted.push(bytes(|bytes| flip(bytes, 17))),
            Self::FirstByteFlipped(_) => plan.on_encrypted.push(bytes(|bytes| {
                let length = bytes.len();
                flip(bytes, length.saturating_sub(16));
            })),
            Self::RandomKey => plan.on_encrypted.push(step_at(KEY, |value| {
                value.set_text(STANDARD.encode([7; 256]));
            })),
            Self::Rsa15 => {
                let transport = Transport::Rsa15;
                plan.encryption = Some((
                    Encryption {
                        transport,
                        ..encryption
                    },
                    certificate,
                ));
            }
            // Signature and encryption are the fault.
            Self::UnsignedCbc => {}
            Self::OtherRecipient => {
                plan.encryption = Some((encryption, context.unknown_key.certificate().clone()));
            }
            Self::NotXml => replace_plaintext(plan, |_| "not an assertion".to_owned()),
            Self::NotUtf8 => plan.on_encrypted.push(step(move |encrypted| {
                // Bytes that are not valid UTF-8.
                let ciphertext = encryption.encrypt_bytes(&[0xff; 64], &certificate);
                *encrypted = ciphertext.unwrap_or_default();
            })),
            Self::NotAnAssertion => replace_plaintext(plan, |_| {
                "<x:Any xmlns:x=\"urn:example:any\">another element</x:Any>".to_owned()
            }),
            Self::Nested => {
                replace_plaintext(plan, move |plain| {
                    let nested = encryption.encrypt(&plain, &certificate);
                    nested.unwrap_or_default().write()
                });
            }
            Self::BreaksOut => {
                replace_plaintext(plan, |plain| format!("{plain}</samlp:Response><evil>"))
            }
            Self::DocumentTypeInside => replace_plaintext(plan, |plain| {
                format!("<!DOCTYPE a [<!ENTITY e \"mallory\">]>{plain}")
            }),
            Self::CipherReference => {
                plan.on_encrypted
                    .push(step_at(&["EncryptedData", "CipherData"], move |data| {
                        let reference = Element::new("xenc:CipherReference");
                        *data = Element::new("xenc:CipherData")
                            .child(reference.with("URI", format!("{canary}/cipher")));
                    }))
            }
            Self::RetrievalMethod => {
                plan.on_encrypted
                    .push(step_at(&["EncryptedData", "KeyInfo"], move |info| {
                        info.children.clear();
                        let retrieval = Element::new("ds:RetrievalMethod");
                        info.append(retrieval.with("URI", format!("{canary}/key")));
                    }));
            }
            Self::ManyKeys(count) => {
                plan.on_encrypted
                    .push(step_at(&["EncryptedData", "KeyInfo"], move |info| {
                        let key = info.find("EncryptedKey").cloned();
                        let many = std::iter::repeat_n(key, count).flatten();
                        info.children.extend(many.map(Node::Element));
                    }));
            }
            Self::TwoData => plan.on_encrypted.push(step(|encrypted| {
                let again = encrypted.find("EncryptedData").cloned();
                encrypted.children.extend(again.map(Node::Element));
            })),
            Self::TripleDes => {
                plan.on_encrypted
                    .push(step_at(&["EncryptedData", "EncryptionMethod"], |method| {
                        method.set(
                            "Algorithm",
                            "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
                        )
                    }))
            }
            Self::Empty => plan.on_encrypted.push(step_at(&["EncryptedData"], |data| {
                data.take("CipherData");
            })),
        }
        Ok(())
    }
}

const KEY: &[&str] = &[
    "EncryptedData",
    "KeyInfo",
    "EncryptedKey",
    "CipherData",
    "CipherValue",
];
const DATA: &[&str] = &["EncryptedData", "CipherData", "CipherValue"];

/// An unsigned assertion about another user.
fn forged(plan: &Plan) -> Result<Element> {
    let assertion = plan.draft.assertion.as_ref().context("no assertion")?;
    let mut forged = assertion.element();
    forged.set("ID", "_forged-assertion");
    forge_subject(&mut forged);
    Ok(forged)
}

fn replace_plaintext(plan: &mut Plan, change: impl Fn(String) -> String + 'static) {
    plan.on_plaintext.push(Box::new(change));
}

/// Changes IV, ciphertext and tag.
fn bytes(change: impl Fn(&mut Vec<u8>) + 'static) -> Step {
    step_at(DATA, move |value| {
        let mut bytes = STANDARD.decode(value.own_text()).unwrap_or_default();
        change(&mut bytes);
        value.set_text(STANDARD.encode(bytes));
    })
}

/// Flips one bit of the byte at this distance from the end.
fn flip(bytes: &mut [u8], from_the_end: usize) {
    let place = bytes.len().saturating_sub(from_the_end);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1;
    }
}
