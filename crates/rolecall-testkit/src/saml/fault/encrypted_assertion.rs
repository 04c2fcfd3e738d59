//! Encrypted assertions that must not be believed, or that ask the wrong question of whoever decrypts them.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{FaultContext, forge_subject, step, step_at};
use crate::saml::SignedElements;
use crate::saml::encryption::{Content, Encryption, Transport};
use crate::saml::plan::{Plan, Signer, Step};
use crate::xml::{Element, Node};

/// What is wrong with the encrypted assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptedAssertion {
    /// Nobody signed it (CVE-2026-2092).
    UnsignedInner,
    /// Somebody else signed it.
    ForeignInner,
    /// A forged assertion in clear beside it.
    PlaintextSibling,
    /// A forged one, encrypted, beside the genuine one in clear.
    EncryptedSibling,
    /// Twice.
    Twice,
    /// In a signed response, a forged one took its place.
    Replaced,
    /// Only so many bytes are left, under a signed response.
    Truncated(Content, usize),
    /// The last byte is turned: the tag, or the padding.
    LastByteFlipped(Content),
    /// The last byte but sixteen is turned: in CBC, the padding and nothing else.
    PaddingFlipped,
    /// The first byte after the IV is turned.
    FirstByteFlipped(Content),
    /// The wrapped key is noise.
    RandomKey,
    /// RSAES-PKCS1-v1_5 wraps the key.
    Rsa15,
    /// AES-CBC in a response that is not signed.
    UnsignedCbc,
    /// For somebody else.
    OtherRecipient,
    /// No XML inside.
    NotXml,
    /// Not UTF-8 inside.
    NotUtf8,
    /// Not an assertion inside.
    NotAnAssertion,
    /// An encrypted assertion inside.
    Nested,
    /// It breaks out of its place: what is inside closes the response.
    BreaksOut,
    /// A document type inside.
    DocumentTypeInside,
    /// The bytes are said to be on the network: `CipherReference`.
    CipherReference,
    /// The key is said to be on the network: `RetrievalMethod`.
    RetrievalMethod,
    /// This many keys.
    ManyKeys(usize),
    /// Two `EncryptedData`.
    TwoData,
    /// Triple DES.
    TripleDes,
    /// No `CipherData`.
    Empty,
}

impl EncryptedAssertion {
    /// What has to be signed for it to bite.
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

    /// What it is encrypted with.
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
            .context("nothing is encrypted for it")?
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
            Self::LastByteFlipped(_) => plan.on_encrypted.push(bytes(|bytes| turn(bytes, 1))),
            Self::PaddingFlipped => plan.on_encrypted.push(bytes(|bytes| turn(bytes, 17))),
            Self::FirstByteFlipped(_) => plan.on_encrypted.push(bytes(|bytes| {
                let length = bytes.len();
                turn(bytes, length.saturating_sub(16));
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
            // How it is signed and encrypted is all that is wrong.
            Self::UnsignedCbc => {}
            Self::OtherRecipient => {
                plan.encryption = Some((encryption, context.unknown_key.certificate().clone()));
            }
            Self::NotXml => inside(plan, |_| "no assertion at all".to_owned()),
            Self::NotUtf8 => plan.on_encrypted.push(step(move |encrypted| {
                // Latin-1 inside, which is no UTF-8 once it is decrypted.
                let noise = encryption.encrypt_bytes(&[0xff; 64], &certificate);
                *encrypted = noise.unwrap_or_default();
            })),
            Self::NotAnAssertion => inside(plan, |_| {
                "<x:Any xmlns:x=\"urn:example:any\">not one of ours</x:Any>".to_owned()
            }),
            Self::Nested => {
                inside(plan, move |plain| {
                    let nested = encryption.encrypt(&plain, &certificate);
                    nested.unwrap_or_default().write()
                });
            }
            Self::BreaksOut => inside(plan, |plain| format!("{plain}</samlp:Response><evil>")),
            Self::DocumentTypeInside => inside(plan, |plain| {
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

/// An assertion of somebody else, unsigned.
fn forged(plan: &Plan) -> Result<Element> {
    let assertion = plan.draft.assertion.as_ref().context("no assertion")?;
    let mut forged = assertion.element();
    forged.set("ID", "_forged-assertion");
    forge_subject(&mut forged);
    Ok(forged)
}

fn inside(plan: &mut Plan, change: impl Fn(String) -> String + 'static) {
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

/// Turns one bit of the byte so far from the end.
fn turn(bytes: &mut [u8], from_the_end: usize) {
    let place = bytes.len().saturating_sub(from_the_end);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1;
    }
}
