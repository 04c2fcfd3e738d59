//! What a verified assertion states: who the person is, how and when they proved it, and what is known of them.
//!
//! A text is taken whole or not at all; what is encrypted within is refused, never passed over.

use chrono::{DateTime, Utc};
use rolecall_core::identity::{NameId, Subject};
use rolecall_core::limits;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::Node;

use super::assertion::Attribute;
use super::checks::{early, late, rejected};
use super::trust::SamlPolicy;
use super::xml::{ASSERTION, all_text, children, elements, instant, is, only, text, trimmed};

/// How the person signed in at the provider (Core 2.7.2).
pub struct Authentication {
    /// `AuthnInstant`
    pub instant: DateTime<Utc>,
    /// `SessionIndex`
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`
    pub session_not_on_or_after: Option<DateTime<Utc>>,
    /// `AuthnContextClassRef`
    pub context: Option<String>,
}

/// The authentication statements: there must be one, their sessions must go on, and the first says how it was.
///
/// # Errors
/// [`RejectReason::AuthnStatement`], [`RejectReason::Expired`], [`RejectReason::NotFresh`].
pub fn authentication(
    assertion: Node<'_, '_>,
    now: DateTime<Utc>,
    fresh_since: Option<DateTime<Utc>>,
) -> Result<Authentication, ProviderError> {
    let mut statements = children(assertion, ASSERTION, "AuthnStatement");
    let first = statements
        .next()
        .ok_or_else(|| rejected(RejectReason::AuthnStatement, "there is no AuthnStatement"))?;
    let at = instant(first, "AuthnInstant")?
        .ok_or_else(|| rejected(RejectReason::AuthnStatement, "there is no AuthnInstant"))?;
    if at > now + limits::LEEWAY {
        return Err(early("AuthnInstant", at, now));
    }
    let mut ends: Option<DateTime<Utc>> = None;
    for statement in std::iter::once(first).chain(statements) {
        if let Some(end) = instant(statement, "SessionNotOnOrAfter")? {
            ends = Some(ends.map_or(end, |earlier| earlier.min(end)));
        }
    }
    if let Some(end) = ends
        && now >= end
    {
        return Err(late("SessionNotOnOrAfter", end, now));
    }
    if let Some(since) = fresh_since
        && at < since - limits::LEEWAY
    {
        let before = (since - at).num_seconds();
        return Err(rejected(
            RejectReason::NotFresh,
            format!("AuthnInstant lies {before} s before the sign-in"),
        ));
    }
    let context = only(first, ASSERTION, "AuthnContext")
        .and_then(|context| only(context, ASSERTION, "AuthnContextClassRef"))
        .and_then(text);
    Ok(Authentication {
        instant: at,
        session_index: first.attribute("SessionIndex").map(str::to_owned),
        session_not_on_or_after: ends,
        context: context.map(|context| trimmed(&context).to_owned()),
    })
}

/// The attributes (Core 2.7.3), those of one name together.
///
/// # Errors
/// [`RejectReason::Claims`]: too many, without a name, or encrypted.
pub fn attributes(assertion: Node<'_, '_>) -> Result<Vec<Attribute>, ProviderError> {
    let mut all: Vec<Attribute> = Vec::new();
    let statements = children(assertion, ASSERTION, "AttributeStatement");
    for node in statements.flat_map(elements) {
        let name = node.attribute("Name").filter(|name| !name.is_empty());
        let Some(name) = name.filter(|_| is(node, ASSERTION, "Attribute")) else {
            return Err(rejected(
                RejectReason::Claims,
                "an attribute is encrypted, or has no name",
            ));
        };
        let values = children(node, ASSERTION, "AttributeValue").map(value);
        if let Some(same) = all.iter_mut().find(|one| one.name == name) {
            same.values.extend(values);
            continue;
        }
        if all.len() == limits::CLAIMS_MAX {
            return Err(rejected(
                RejectReason::Claims,
                "there are too many attributes",
            ));
        }
        all.push(Attribute {
            name: name.to_owned(),
            friendly_name: node.attribute("FriendlyName").map(str::to_owned),
            values: values.collect(),
        });
    }
    Ok(all)
}

/// The text of a value as it stands; of one with elements inside, such as a `NameID`, what is in those.
fn value(node: Node<'_, '_>) -> String {
    text(node).unwrap_or_else(|| trimmed(&all_text(node)).to_owned())
}

/// `NameID`, and whom it means: the configured attribute where there is one, else the text of `NameID`.
///
/// # Errors
/// [`RejectReason::Subject`].
pub fn person(
    subject: Node<'_, '_>,
    attributes: &[Attribute],
    policy: &SamlPolicy,
) -> Result<(Option<NameId>, Subject), ProviderError> {
    let no = |what: String| rejected(RejectReason::Subject, what);
    let mut identifiers =
        elements(subject).filter(|node| !is(*node, ASSERTION, "SubjectConfirmation"));
    let name_id = match (identifiers.next(), identifiers.next()) {
        (None, _) => None,
        (Some(node), None) if is(node, ASSERTION, "NameID") => Some(name_id(node)?),
        (Some(node), _) => {
            let what = node.tag_name().name();
            return Err(no(format!(
                "the subject is named by {what}, which is not taken"
            )));
        }
    };
    let text = match &policy.subject_attribute {
        Some(wanted) => {
            let found = attributes.iter().find(|one| one.name == *wanted);
            match found.map(|one| one.values.as_slice()) {
                Some([one]) => one.clone(),
                Some(_) | None => {
                    return Err(no(format!(
                        "the attribute {wanted:?} has not exactly one value"
                    )));
                }
            }
        }
        None => {
            let name = name_id.as_ref();
            let name =
                name.ok_or_else(|| no("there is no NameID, and no subject_attribute".to_owned()))?;
            name.value.clone()
        }
    };
    if trimmed(&text).is_empty() {
        return Err(no("the name of the person is blank".to_owned()));
    }
    let subject = Subject::parse(&text).map_err(|error| no(error.to_string()))?;
    Ok((name_id, subject))
}

fn name_id(node: Node<'_, '_>) -> Result<NameId, ProviderError> {
    let value = text(node)
        .ok_or_else(|| rejected(RejectReason::Subject, "there is an element in NameID"))?;
    let attribute = |name: &str| node.attribute(name).map(str::to_owned);
    Ok(NameId {
        value,
        format: attribute("Format"),
        name_qualifier: attribute("NameQualifier"),
        sp_name_qualifier: attribute("SPNameQualifier"),
    })
}
