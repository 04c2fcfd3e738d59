//! Faults of a malicious or defective identity provider, or of an attacker between it and the service provider.

mod encrypted_assertion;
mod forgery;
mod logout;
mod markup;
mod post_binding;
mod statement;
mod wrapping;
mod xml_document;

use anyhow::Result;
use openssl::x509::X509;

use super::SignedElements;
use super::plan::{Plan, Step};
use super::signature::Credential;
use super::state::ProviderState;
use crate::xml::{Element, Node};

pub use encrypted_assertion::EncryptedAssertion;
pub use forgery::Forgery;
pub use logout::Logout;
pub(super) use logout::LogoutMessage;
pub use markup::Markup;
pub use post_binding::PostBinding;
pub use statement::Statement;
pub use wrapping::{Ids, Wrapping};
pub use xml_document::XmlDocument;

/// A fault of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Signature wrapping: the signed element is not the one that is read.
    Wrapping(Wrapping),
    /// A missing or invalid signature.
    Forgery(Forgery),
    /// Comments, CDATA, processing instructions, document types and entities.
    Markup(Markup),
    /// A document with wrong structure, size or encoding.
    XmlDocument(XmlDocument),
    /// Wrong content with a valid signature.
    Statement(Statement),
    /// A wrong encrypted assertion.
    EncryptedAssertion(EncryptedAssertion),
    /// A wrong form of the POST binding.
    PostBinding(PostBinding),
    /// A wrong logout message; responses to sign-in requests are not affected.
    Logout(Logout),
}

/// Outcome for a correct service provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// The sign-in is rejected and the reason is audited.
    Rejected,
    /// The sign-in succeeds.
    Accepted,
    /// Either outcome is correct, but never a sign-in as another user.
    Either,
}

/// What a fault needs to change a response.
pub(super) struct FaultContext<'a> {
    /// The key of the provider.
    pub(super) provider: &'a Credential,
    /// A key that is not in the metadata.
    pub(super) unknown_key: &'a Credential,
    /// URL of the canary.
    pub(super) canary: &'a str,
    /// Path of the canary file.
    pub(super) canary_file: &'a str,
    /// URL of the assertion consumer service.
    pub(super) consumer: &'a str,
    /// Encryption certificate of the service provider.
    pub(super) recipient: Option<&'a X509>,
}

impl Fault {
    /// The `NameID` in forged assertions, which is not a user of the provider.
    pub const FORGED: &'static str = "00u-mallory";

    /// Changes the plan of a response.
    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) -> Result<()> {
        // The elements to sign so that the fault has an effect, whatever the settings of the provider.
        plan.signed = match self {
            Self::Wrapping(wrapping) => Some(wrapping.signed()),
            Self::Statement(_) => Some(SignedElements::Both),
            Self::EncryptedAssertion(concealed) => Some(concealed.signed()),
            Self::Logout(_) => plan.signed,
            Self::Forgery(_) | Self::Markup(_) | Self::XmlDocument(_) | Self::PostBinding(_) => {
                Some(SignedElements::Assertion)
            }
        };
        match self {
            Self::Wrapping(wrapping) => wrapping.apply(plan),
            Self::Forgery(forgery) => return forgery.apply(plan, context),
            Self::Markup(markup) => markup.apply(plan, context),
            Self::XmlDocument(envelope) => envelope.apply(plan),
            Self::Statement(statement) => statement.apply(plan, context),
            Self::EncryptedAssertion(concealed) => return concealed.apply(plan, context),
            Self::PostBinding(delivery) => delivery.apply(plan, context),
            Self::Logout(_) => {}
        }
        Ok(())
    }

    /// Changes a logout message.
    pub(super) fn apply_to_logout(
        self,
        message_draft: LogoutMessage,
        idp: &ProviderState,
    ) -> Result<LogoutMessage> {
        match self {
            Self::Logout(logout) => logout.apply_to_logout(message_draft, idp),
            Self::Wrapping(_)
            | Self::Forgery(_)
            | Self::Markup(_)
            | Self::XmlDocument(_)
            | Self::Statement(_)
            | Self::EncryptedAssertion(_)
            | Self::PostBinding(_) => Ok(message_draft),
        }
    }
}

/// A step that does not fail.
fn step(change: impl Fn(&mut Element) + 'static) -> Step {
    Box::new(move |element| {
        change(element);
        Ok(())
    })
}

/// A step on the element at `path`.
fn step_at(path: &'static [&'static str], change: impl Fn(&mut Element) + 'static) -> Step {
    step(move |element| {
        if let Some(found) = element.at_mut(path) {
            change(found);
        }
    })
}

/// Replaces the subject and all attribute values of an assertion by those of another user.
fn forge_subject(assertion: &mut Element) {
    if let Some(name_id) = assertion.at_mut(&["Subject", "NameID"]) {
        name_id.set_text(Fault::FORGED);
    }
    assertion.visit_mut(&mut |element| {
        if element.local_name() == "AttributeValue" {
            for node in &mut element.children {
                if let Node::Text(text) = node {
                    *text = text.replace("alice", "mallory");
                }
            }
        }
    });
}
