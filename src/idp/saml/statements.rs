//! The statements of a verified assertion: subject, authentication, attributes.
//!
//! Text is read completely or not at all; encrypted parts are rejected, never skipped.

use chrono::{DateTime, Utc};
use rolecall_core::identity::{NameId, Subject, UnreadReason};
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::Node;

use super::assertion::{Attribute, named};
use super::checks::rejected;
use super::clocks::Clocks;
use super::trust::SamlPolicy;
use super::xml::{
    ASSERTION, attribute, children, elements, exact_text, instant, is, only, text, trimmed,
};

/// The authentication statement (Core 2.7.2).
pub struct Authentication {
    /// `AuthnInstant`
    pub instant: DateTime<Utc>,
    /// `SessionIndex`, which a logout request may contain.
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`: the latest end of the session (SAML Core 2.7.2).
    pub session_not_on_or_after: Option<DateTime<Utc>>,
    /// `AuthnContextClassRef`
    pub context: Option<String>,
}

/// Reads the authentication statements: at least one is required, their sessions must not have ended, and the first one
/// is returned.
///
/// # Errors
/// [`RejectReason::AuthnStatement`], [`RejectReason::Expired`], [`RejectReason::NotFresh`].
pub fn authentication(
    assertion: Node<'_, '_>,
    clock: Clocks,
    fresh_since: Option<DateTime<Utc>>,
) -> Result<Authentication, ProviderError> {
    let mut statements = children(assertion, ASSERTION, "AuthnStatement");
    let first = statements
        .next()
        .ok_or_else(|| rejected(RejectReason::AuthnStatement, "AuthnStatement is missing"))?;
    let at = instant(first, "AuthnInstant")?
        .ok_or_else(|| rejected(RejectReason::AuthnStatement, "AuthnInstant is missing"))?;
    clock.not_ahead("AuthnInstant", at)?;
    let mut ends: Option<DateTime<Utc>> = None;
    for statement in std::iter::once(first).chain(statements) {
        if let Some(end) = instant(statement, "SessionNotOnOrAfter")? {
            ends = Some(ends.map_or(end, |earlier| earlier.min(end)));
        }
    }
    if let Some(end) = ends
        && clock.now >= end
    {
        return Err(clock.late("SessionNotOnOrAfter", end));
    }
    if let Some(since) = fresh_since
        && at < since - clock.leeway
    {
        let before = (since - at).num_seconds();
        return Err(rejected(
            RejectReason::NotFresh,
            format!("AuthnInstant is {before} s before the start of the sign-in"),
        ));
    }
    let context = only(first, ASSERTION, "AuthnContext")
        .and_then(|context| only(context, ASSERTION, "AuthnContextClassRef"))
        .and_then(text);
    Ok(Authentication {
        instant: at,
        session_index: attribute(first, "SessionIndex").map(|index| trimmed(index).to_owned()),
        session_not_on_or_after: ends,
        context,
    })
}

/// Reads the attributes (Core 2.7.3) and merges those with the same name. All attributes are read; the identity limits
/// how many unused ones it keeps.
///
/// # Errors
/// [`RejectReason::Claims`], if an attribute has no name or is encrypted.
/// [`RejectReason::Claims`]: without a name, or encrypted.
pub fn attributes(assertion: Node<'_, '_>) -> Result<Vec<Attribute>, ProviderError> {
    let mut all: Vec<Attribute> = Vec::new();
    let statements = children(assertion, ASSERTION, "AttributeStatement");
    for node in statements.flat_map(elements) {
        let name = attribute(node, "Name").map(trimmed);
        let name = name.filter(|name| !name.is_empty());
        let Some(name) = name.filter(|_| is(node, ASSERTION, "Attribute")) else {
            return Err(rejected(
                RejectReason::Claims,
                "an attribute is encrypted, or has no name",
            ));
        };
        let values: Option<Vec<String>> = elements(node).map(value).collect();
        let text_beside = node.children().any(|part| !is_blank_or_element(part));
        let unread = match text_beside {
            true => Some(UnreadReason::OutsideValues),
            false => values.is_none().then_some(UnreadReason::Object),
        };
        let values = values.unwrap_or_default();
        let friendly = attribute(node, "FriendlyName").map(trimmed);
        let friendly = friendly.filter(|name| !name.is_empty()).map(str::to_owned);
        if let Some(same) = all.iter_mut().find(|one| one.name == name) {
            same.values.extend(values);
            same.unread = same.unread.or(unread);
            let known = |name: &String| same.friendly_names.contains(name);
            same.friendly_names
                .extend(friendly.filter(|name| !known(name)));
            continue;
        }
        all.push(Attribute {
            name: name.to_owned(),
            friendly_names: friendly.into_iter().collect(),
            values,
            unread,
        });
    }
    Ok(all)
}

/// The text of a value, or of the `NameID` in it (eduPersonTargetedID); `None` for any other element.
fn value(node: Node<'_, '_>) -> Option<String> {
    if !is(node, ASSERTION, "AttributeValue") {
        return None;
    }
    exact_text(node).or_else(|| {
        let mut within = elements(node);
        let name_id = within.next().filter(|one| is(*one, ASSERTION, "NameID"))?;
        let alone = within.next().is_none() && node.children().all(is_blank_or_element);
        text(name_id).filter(|_| alone)
    })
}

fn is_blank_or_element(node: Node<'_, '_>) -> bool {
    !node.is_text() || trimmed(node.text().unwrap_or_default()).is_empty()
}

/// Reads `NameID` and the subject: the configured attribute, or the text of `NameID`.
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
                "the subject is a {what}, which is not supported"
            )));
        }
    };
    let name = match &policy.subject_attribute {
        Some(wanted) => {
            let unread = |reason: UnreadReason| no(format!("the attribute {wanted:?} {reason}"));
            let found = named(attributes, wanted).map_err(unread)?;
            let found = found.ok_or_else(|| no(not_sent(wanted, attributes)))?;
            if let Some(reason) = found.unread {
                return Err(unread(reason));
            }
            match found.values.as_slice() {
                [one] => one.clone(),
                several => {
                    let count = several.len();
                    return Err(no(format!(
                        "the attribute {wanted:?} has {count} values, expected is one"
                    )));
                }
            }
        }
        None => {
            let name = name_id.as_ref();
            let name = name.ok_or_else(|| {
                no("NameID is missing, and subject_attribute is not set".to_owned())
            })?;
            name.value.clone()
        }
    };
    Ok((name_id, subject_of(&name)?))
}

/// Parses a subject, without surrounding white space.
///
/// # Errors
/// [`RejectReason::Subject`].
pub fn subject_of(name: &str) -> Result<Subject, ProviderError> {
    let no = |what: String| rejected(RejectReason::Subject, what);
    let name = trimmed(name);
    if name.is_empty() {
        return Err(no("the subject is empty".to_owned()));
    }
    Subject::parse(name).map_err(|error| no(error.to_string()))
}

/// Describes a missing attribute, with the names of those that were sent.
fn not_sent(wanted: &str, attributes: &[Attribute]) -> String {
    const SHOWN_MAX: usize = 12;
    let names = attributes.iter().take(SHOWN_MAX).map(|one| {
        let friendly = one.friendly_names.first();
        let friendly = friendly.map_or_else(String::new, |name| format!(" ({name:?})"));
        format!("{:?}{friendly}", one.name)
    });
    let names: Vec<String> = names.collect();
    let sent = match names.is_empty() {
        true => "the assertion has no attributes".to_owned(),
        false => format!("received attributes: {}", names.join(", ")),
    };
    let more = match attributes.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("no attribute has the Name or FriendlyName {wanted:?}; {sent}{more}")
}

fn name_id(node: Node<'_, '_>) -> Result<NameId, ProviderError> {
    let value =
        text(node).ok_or_else(|| rejected(RejectReason::Subject, "NameID contains an element"))?;
    let own = |name: &str| attribute(node, name).map(str::to_owned);
    Ok(NameId {
        value,
        format: attribute(node, "Format").map(|format| trimmed(format).to_owned()),
        name_qualifier: own("NameQualifier"),
        sp_name_qualifier: own("SPNameQualifier"),
    })
}

#[cfg(test)]
mod tests;
