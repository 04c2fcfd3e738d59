//! Everything a hostile or broken identity provider, or whoever stands between it and the gateway, can show a service
//! provider: one variant per lie, in families.

mod concealed;
mod delivery;
mod envelope;
mod forgery;
mod markup;
mod parting;
mod statement;
mod wrapping;

use anyhow::Result;
use openssl::x509::X509;

use super::Signed;
use super::plan::{Plan, Step};
use super::signature::Credential;
use super::world::World;
use crate::xml::{Element, Node};

pub use concealed::Concealed;
pub use delivery::Delivery;
pub use envelope::Envelope;
pub use forgery::Forgery;
pub use markup::Markup;
pub use parting::Logout;
pub(super) use parting::Parting;
pub use statement::Statement;
pub use wrapping::{Ids, Wrapping};

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
    Envelope(Envelope),
    /// Well signed, and wrong in what it says.
    Statement(Statement),
    /// What is encrypted must not be believed, or decrypted.
    Concealed(Concealed),
    /// The form that carries it is wrong.
    Delivery(Delivery),
    /// A logout message is wrong; answers to sign-ins are not.
    Logout(Logout),
}

/// What a sound service provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No session, and an audited reason.
    Refused,
    /// A session, as if nothing had been.
    Accepted,
    /// One or the other, cleanly, and never as somebody else.
    Either,
}

/// What a fault may use.
pub(super) struct Facts<'a> {
    /// The provider's own key.
    pub(super) honest: &'a Credential,
    /// A key that nobody knows.
    pub(super) stranger: &'a Credential,
    /// A listener that nobody should talk to.
    pub(super) canary: &'a str,
    /// A file that nobody should open: whoever does, waits for ever.
    pub(super) trap: &'a str,
    /// Where the answer goes.
    pub(super) consumer: &'a str,
    /// What the service provider wants assertions encrypted for.
    pub(super) recipient: Option<&'a X509>,
}

impl Fault {
    /// What a forged document calls the person: nobody at the provider.
    pub const FORGED: &'static str = "00u-mallory";

    /// Changes how an answer is made.
    pub(super) fn apply(self, plan: &mut Plan, facts: &Facts<'_>) -> Result<()> {
        // Where this fault can bite, whatever the provider signs otherwise.
        plan.signed = match self {
            Self::Wrapping(wrapping) => Some(wrapping.signed()),
            Self::Statement(_) => Some(Signed::Both),
            Self::Concealed(concealed) => Some(concealed.signed()),
            Self::Logout(_) => plan.signed,
            Self::Forgery(_) | Self::Markup(_) | Self::Envelope(_) | Self::Delivery(_) => {
                Some(Signed::Assertion)
            }
        };
        match self {
            Self::Wrapping(wrapping) => wrapping.apply(plan),
            Self::Forgery(forgery) => return forgery.apply(plan, facts),
            Self::Markup(markup) => markup.apply(plan, facts),
            Self::Envelope(envelope) => envelope.apply(plan),
            Self::Statement(statement) => statement.apply(plan, facts),
            Self::Concealed(concealed) => return concealed.apply(plan, facts),
            Self::Delivery(delivery) => delivery.apply(plan, facts),
            Self::Logout(_) => {}
        }
        Ok(())
    }

    /// Changes a logout message.
    pub(super) fn part(self, parting: Parting, world: &World) -> Result<Parting> {
        match self {
            Self::Logout(logout) => logout.part(parting, world),
            Self::Wrapping(_)
            | Self::Forgery(_)
            | Self::Markup(_)
            | Self::Envelope(_)
            | Self::Statement(_)
            | Self::Concealed(_)
            | Self::Delivery(_) => Ok(parting),
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
fn falsify(assertion: &mut Element) {
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
