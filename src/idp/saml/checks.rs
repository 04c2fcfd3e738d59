//! Checks the contents of a response and its assertion (SAML Core 2, Profiles 4.1.4.2 and 4.1.4.3), in order.
//!
//! The assertion is read from verified bytes. An unsigned `Response` around it is only checked for contradictions;
//! nothing else is taken from it.

use chrono::{DateTime, Utc};
use rolecall_core::base::limits;
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use roxmltree::{Document, Node};

use super::assertion::{Expected, Signed, VerifiedAssertion};
use super::clocks::Clocks;
use super::guard::GuardedXml;
use super::statements::{attributes, authentication, person};
use super::trust::SamlTrust;
use super::xml::{
    ASSERTION, PROTOCOL, attribute, children, elements, instant, is, only, text, trimmed,
};
use crate::idp::explanation;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
/// A response without a sign-in of this gateway must not have `InResponseTo`.
pub const NO_RELAY_STATE: &str = "the response has InResponseTo, but the RelayState of the request was not returned \
     with it: configure the provider to return RelayState unchanged (SAML Bindings 3.5.3), and remove a fixed RelayState \
     from the settings of this application at the provider";
/// Maximum number of audiences in a log message.
const AUDIENCES_SHOWN_MAX: usize = 5;
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// A response with valid signatures whose contents are unchecked.
pub struct ResponseChecks<'a, 'i> {
    response: Node<'a, 'i>,
    assertion: Node<'a, 'i>,
    signed: Signed,
}

impl<'a, 'i: 'a> ResponseChecks<'a, 'i> {
    /// `verified` is the signed element: the response, or the assertion in `sent`.
    ///
    /// # Errors
    /// [`RejectReason::Structure`].
    pub fn new(
        sent: &'a GuardedXml<'i>,
        verified: &'a Document<'i>,
        signed: Signed,
    ) -> Result<Self, ProviderError> {
        let root = verified.root_element();
        let (response, assertion) = if is(root, ASSERTION, "Assertion") {
            (sent.document().root_element(), Some(root))
        } else {
            (root, only(root, ASSERTION, "Assertion"))
        };
        let assertion = assertion.ok_or_else(|| {
            rejected(
                RejectReason::Structure,
                "the signed element is not an assertion",
            )
        })?;
        Ok(Self {
            response,
            assertion,
            signed,
        })
    }

    /// Runs all checks.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`] for the first failed check.
    pub fn check(
        self,
        trust: &SamlTrust,
        now: DateTime<Utc>,
        expected: &Expected<'_>,
    ) -> Result<VerifiedAssertion, ProviderError> {
        self.signed_enough(trust)?;
        self.response(trust, now, expected)?;
        let assertion = self.assertion;
        version(assertion)?;
        issuer(only(assertion, ASSERTION, "Issuer"), trust)?;
        let clock = Clocks::new(now, trust);
        let issued = issued(assertion, clock)?;
        let conditions_end = conditions(assertion, clock, expected)?;
        let subject = only(assertion, ASSERTION, "Subject")
            .ok_or_else(|| rejected(RejectReason::Subject, "Subject is missing"))?;
        let confirmed_until = confirmed(subject, clock, expected)?;
        let authentication = authentication(assertion, clock, expected.fresh_since)?;
        let attributes = attributes(assertion)?;
        let (name_id, person) = person(subject, &attributes, trust.policy())?;
        let id = attribute(assertion, "ID").unwrap_or_default();
        let too_old = issued + limits::SIGN_IN_MAX;
        Ok(VerifiedAssertion {
            assertion_id: id.to_owned(),
            digest: SecretDigest::of(
                "rolecall/saml-assertion/v1",
                &[trust.entity_id().as_bytes(), id.as_bytes()],
            ),
            not_on_or_after: conditions_end.min(confirmed_until).min(too_old) + clock.leeway,
            issuer: trust.entity_id().to_owned(),
            signed: self.signed,
            name_id,
            subject: person,
            attributes,
            authn_instant: authentication.instant,
            session_index: authentication.session_index,
            session_not_on_or_after: authentication.session_not_on_or_after,
            authn_context: authentication.context,
        })
    }

    fn signed_enough(&self, trust: &SamlTrust) -> Result<(), ProviderError> {
        let policy = trust.policy();
        let missing = match self.signed {
            Signed::Response if policy.require_signed_assertion => "assertion",
            Signed::Assertion if policy.require_signed_response => "response",
            Signed::Response | Signed::Assertion | Signed::Both => return Ok(()),
        };
        Err(rejected(
            RejectReason::Unsigned,
            format!("the {missing} is not signed, but the configuration requires it"),
        ))
    }

    /// Checks the `Response` (Core 3.2.2; Bindings 3.5.5.2).
    fn response(
        &self,
        trust: &SamlTrust,
        now: DateTime<Utc>,
        expected: &Expected<'_>,
    ) -> Result<(), ProviderError> {
        let response = self.response;
        version(response)?;
        match (attribute(response, "Destination").map(trimmed), self.signed) {
            (Some(to), _) if expected.recipients.contains(&to) => {}
            (None, Signed::Assertion) => {}
            (to, Signed::Response | Signed::Both | Signed::Assertion) => {
                return Err(rejected(
                    RejectReason::Destination,
                    format!("Destination is {} instead of our ACS URL", shown(to)),
                ));
            }
        }
        answers(response, expected)?;
        if let Some(said) = only(response, ASSERTION, "Issuer") {
            issuer(Some(said), trust)?;
        }
        let status = status(response);
        if status != Some(SUCCESS) {
            return Err(rejected(
                RejectReason::Status,
                format!(
                    "the response contains an assertion, but its status is {}",
                    shown(status)
                ),
            ));
        }
        issued(response, Clocks::new(now, trust)).map(drop)
    }
}

/// Why a response contains no assertion: the provider refused or failed, or it is not a response (Core 3.2.2.2).
pub fn no_assertion(response: Node<'_, '_>) -> ProviderError {
    let Some(first) = status(response).filter(|status| *status != SUCCESS) else {
        return rejected(
            RejectReason::Structure,
            "the response contains no assertion",
        );
    };
    let status = only(response, PROTOCOL, "Status");
    let second = status
        .and_then(|status| only(status, PROTOCOL, "StatusCode"))
        .and_then(|code| only(code, PROTOCOL, "StatusCode"))
        .and_then(|code| attribute(code, "Value"))
        .map(trimmed);
    let message = status
        .and_then(|status| only(status, PROTOCOL, "StatusMessage"))
        .and_then(text);
    let word = second.and_then(|code| code.strip_prefix("urn:oasis:names:tc:SAML:2.0:status:"));
    let error = match word.unwrap_or_default() {
        "AuthnFailed" => "authn_failed",
        "NoAuthnContext" => "no_authn_context",
        "NoPassive" => "no_passive",
        "RequestDenied" => "request_denied",
        "UnknownPrincipal" => "unknown_principal",
        _ => {
            let said = explanation::of(None, message.as_deref());
            return rejected(
                RejectReason::Status,
                format!(
                    "the provider returned status {}, {}, message {}",
                    shown(Some(first)),
                    shown(second),
                    said.as_deref().unwrap_or("missing")
                ),
            );
        }
    };
    ProviderError::Refused {
        error,
        explanation: explanation::of(None, message.as_deref()),
    }
}

fn status<'a>(response: Node<'a, '_>) -> Option<&'a str> {
    let status = only(response, PROTOCOL, "Status")?;
    attribute(only(status, PROTOCOL, "StatusCode")?, "Value").map(trimmed)
}

fn version(node: Node<'_, '_>) -> Result<(), ProviderError> {
    if attribute(node, "Version") == Some("2.0") {
        return Ok(());
    }
    Err(rejected(RejectReason::Malformed, "Version is not 2.0"))
}

/// `Issuer` is the provider, with the format of entities (Profiles 4.1.4.2).
fn issuer(node: Option<Node<'_, '_>>, trust: &SamlTrust) -> Result<(), ProviderError> {
    let said = node.and_then(text);
    let said = said.as_deref();
    let format = node.and_then(|node| attribute(node, "Format")).map(trimmed);
    if said == Some(trust.entity_id()) && format.is_none_or(|format| format == ENTITY) {
        return Ok(());
    }
    Err(rejected(
        RejectReason::Issuer,
        format!(
            "Issuer is {}, but the metadata belongs to {:?}; if this is the correct provider, update its metadata",
            shown(said),
            trust.entity_id()
        ),
    ))
}

/// `InResponseTo` is the ID of our request, or absent (Core 3.2.2, Profiles 4.1.5).
fn answers(node: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), ProviderError> {
    if attribute(node, "InResponseTo").map(trimmed) == expected.in_response_to {
        return Ok(());
    }
    let reason = match expected.in_response_to {
        Some(_) => "InResponseTo does not match the request of this sign-in",
        None => NO_RELAY_STATE,
    };
    Err(rejected(RejectReason::InResponseTo, reason))
}

/// `IssueInstant` is neither in the future nor older than a sign-in can take.
fn issued(node: Node<'_, '_>, clock: Clocks) -> Result<DateTime<Utc>, ProviderError> {
    let at = instant(node, "IssueInstant")?
        .ok_or_else(|| rejected(RejectReason::Malformed, "IssueInstant is missing"))?;
    clock.not_ahead("IssueInstant", at)?;
    if clock.now >= at + limits::SIGN_IN_MAX + clock.leeway {
        return Err(clock.late("IssueInstant", at));
    }
    Ok(at)
}

/// `Conditions` (Core 2.5): each must be known and met; an end and an audience are required.
fn conditions(
    assertion: Node<'_, '_>,
    clock: Clocks,
    expected: &Expected<'_>,
) -> Result<DateTime<Utc>, ProviderError> {
    let conditions = only(assertion, ASSERTION, "Conditions")
        .ok_or_else(|| rejected(RejectReason::Conditions, "Conditions are missing"))?;
    if let Some(at) = instant(conditions, "NotBefore")? {
        clock.not_ahead("NotBefore", at)?;
    }
    let end = instant(conditions, "NotOnOrAfter")?.ok_or_else(|| {
        rejected(
            RejectReason::Conditions,
            "NotOnOrAfter of Conditions is missing",
        )
    })?;
    clock.not_past("NotOnOrAfter", end)?;
    let known = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"];
    if let Some(other) =
        elements(conditions).find(|one| !known.iter().any(|name| is(*one, ASSERTION, name)))
    {
        return Err(rejected(
            RejectReason::Conditions,
            format!("unknown condition {}", shown(Some(other.tag_name().name()))),
        ));
    }
    // Each restriction must contain one of our audiences (2.5.1.4).
    let for_us = |restriction: Node<'_, '_>| {
        let mut audiences = children(restriction, ASSERTION, "Audience").filter_map(text);
        audiences.any(|audience| expected.audiences.contains(&audience.as_str()))
    };
    let restrictions = || children(conditions, ASSERTION, "AudienceRestriction");
    if restrictions().next().is_none() || !restrictions().all(for_us) {
        let named = restrictions().flat_map(|one| children(one, ASSERTION, "Audience"));
        let named: Vec<String> = named
            .take(AUDIENCES_SHOWN_MAX)
            .map(|audience| shown(text(audience).as_deref()))
            .collect();
        let named = match named.is_empty() {
            true => "no audience".to_owned(),
            false => named.join(", "),
        };
        return Err(rejected(
            RejectReason::Audience,
            format!(
                "the audience of the assertion is {named}, but our entity ID is {}; configure it as audience at the provider",
                expected.audiences.join(" or ")
            ),
        ));
    }
    Ok(end)
}

/// At least one bearer `SubjectConfirmation` is for our ACS URL, in time and for our request (Profiles 4.1.4.2).
fn confirmed(
    subject: Node<'_, '_>,
    clock: Clocks,
    expected: &Expected<'_>,
) -> Result<DateTime<Utc>, ProviderError> {
    let none = "a bearer SubjectConfirmation is missing";
    let mut outcome = Err(rejected(RejectReason::Confirmation, none));
    for confirmation in children(subject, ASSERTION, "SubjectConfirmation") {
        if attribute(confirmation, "Method").map(trimmed) != Some(BEARER) {
            continue;
        }
        outcome = match (outcome, bearer(confirmation, clock, expected)) {
            (Ok(one), Ok(other)) => Ok(other.max(one)),
            (Ok(good), Err(_)) | (Err(_), Ok(good)) => Ok(good),
            (Err(_), Err(error)) => Err(error),
        };
    }
    outcome
}

fn bearer(
    confirmation: Node<'_, '_>,
    clock: Clocks,
    expected: &Expected<'_>,
) -> Result<DateTime<Utc>, ProviderError> {
    let no = |what: &str| rejected(RejectReason::Confirmation, what);
    let data = only(confirmation, ASSERTION, "SubjectConfirmationData")
        .ok_or_else(|| no("SubjectConfirmationData is missing"))?;
    let to = attribute(data, "Recipient").map(trimmed);
    if !to.is_some_and(|to| expected.recipients.contains(&to)) {
        return Err(no(&format!(
            "Recipient is {} instead of our ACS URL",
            shown(to)
        )));
    }
    if attribute(data, "NotBefore").is_some() {
        return Err(no("a bearer SubjectConfirmation must not have NotBefore"));
    }
    answers(data, expected)?;
    let end = instant(data, "NotOnOrAfter")?.ok_or_else(|| no("NotOnOrAfter is missing"))?;
    clock.not_past("NotOnOrAfter", end)?;
    Ok(end)
}

pub(super) fn rejected(reason: RejectReason, detail: impl Into<String>) -> ProviderError {
    ProviderError::rejected(reason, detail)
}

/// A text from the message, for the log.
fn shown(text: Option<&str>) -> String {
    text.map_or_else(
        || "missing".to_owned(),
        |text| format!("{:?}", text.chars().take(200).collect::<String>()),
    )
}

#[cfg(test)]
mod tests;
