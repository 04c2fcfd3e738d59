//! Everything a hostile or broken identity provider, or whoever stands between it and the gateway, can show a service
//! provider: one variant per lie, in families.

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

/// One thing that is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is signed is not what is read.
    Wrapping(Wrapping),
    /// The signature is none, or made in a way that nobody may accept.
    Forgery(Forgery),
    /// Comments, CDATA, instructions, document types, entities.
    Markup(Markup),
    /// The document is not of the shape, size or encoding that it should be.
    XmlDocument(XmlDocument),
    /// Well signed, and wrong in what it says.
    Statement(Statement),
    /// What is encrypted must not be believed, or decrypted.
    EncryptedAssertion(EncryptedAssertion),
    /// The form that carries it is wrong.
    PostBinding(PostBinding),
    /// A logout message is wrong; answers to sign-ins are not.
    Logout(Logout),
}

/// What a sound service provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// No session, and an audited reason.
    Rejected,
    /// A session, as if nothing had been.
    Accepted,
    /// One or the other, cleanly, and never as somebody else.
    Either,
}

/// What a fault may use.
pub(super) struct FaultContext<'a> {
    /// The provider's own key.
    pub(super) provider: &'a Credential,
    /// A key that nobody knows.
    pub(super) unknown_key: &'a Credential,
    /// A listener that nobody should talk to.
    pub(super) canary: &'a str,
    /// A file that nobody should open: whoever does, waits for ever.
    pub(super) canary_file: &'a str,
    /// Where the answer goes.
    pub(super) consumer: &'a str,
    /// What the service provider wants assertions encrypted for.
    pub(super) recipient: Option<&'a X509>,
}

impl Fault {
    /// What a forged document calls the person: nobody at the provider.
    pub const FORGED: &'static str = "00u-mallory";

    /// Changes how an answer is made.
    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) -> Result<()> {
        // Where this fault can bite, whatever the provider signs otherwise.
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

/// A step that cannot fail.
fn step(change: impl Fn(&mut Element) + 'static) -> Step {
    Box::new(move |element| {
        change(element);
        Ok(())
    })
}

/// A step on what is at `path` below.
fn step_at(path: &'static [&'static str], change: impl Fn(&mut Element) + 'static) -> Step {
    step(move |element| {
        if let Some(found) = element.at_mut(path) {
            change(found);
        }
    })
}

/// Makes an assertion speak of somebody else, in every way that it names a person.
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
