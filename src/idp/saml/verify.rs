//! The way of a response: guard, signatures, decryption, checks. Nothing is read for identity but what a signature covers.
//!
//! It is a pure function of response, trust, time and expectation. It takes a third of a millisecond of a processor, so callers are
//! on a blocking thread.

use chrono::{DateTime, Utc};
use rolecall_core::sign_in::ProviderError;

use super::assertion::{Expected, Signed, VerifiedAssertion};
use super::checks::{self, Reading};
use super::decrypt::{Spliced, is_encrypted};
use super::guard::{GuardedXml, Shape, decoded};
use super::signature::{VerifiedXml, XmlSignature, Xmlsec};
use super::trust::SamlTrust;

/// Verifies a `SAMLResponse` as it was posted (Profiles 4.1.4).
///
/// # Errors
/// [`ProviderError::Refused`] when the provider says that nobody signed in, [`ProviderError::Rejected`] with the first reason found
/// otherwise.
pub fn verify(
    response: &str,
    trust: &SamlTrust,
    now: DateTime<Utc>,
    expected: &Expected<'_>,
) -> Result<VerifiedAssertion, ProviderError> {
    verify_with(&Xmlsec, response, trust, now, expected)
}

/// [`verify`], with another verifier of signatures.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_with(
    signature: &dyn XmlSignature,
    response: &str,
    trust: &SamlTrust,
    now: DateTime<Utc>,
    expected: &Expected<'_>,
) -> Result<VerifiedAssertion, ProviderError> {
    trust.still_valid(now)?;
    authenticated(signature, &decoded(response)?, trust, |reading| {
        reading.check(trust, now, expected)
    })
}

/// Guard, signatures, decryption; then `read`, with what a signature covers.
fn authenticated<T>(
    signature: &dyn XmlSignature,
    text: &str,
    trust: &SamlTrust,
    read: impl FnOnce(Reading<'_, '_>) -> Result<T, ProviderError>,
) -> Result<T, ProviderError> {
    let sent = GuardedXml::parse(text, Shape::Response)?;
    let Some(assertion) = sent.assertion() else {
        return Err(checks::no_assertion(sent.document().root_element()));
    };
    if !is_encrypted(assertion) {
        let verified = signature.verified(&sent, trust.keys())?;
        let (signed, within) = (covered(&sent), verified.document()?);
        return read(Reading::new(&sent, &within, signed)?);
    }
    // What is encrypted is opened only after a signature around it has been verified, and only as it was verified.
    let outer = match sent.root_is_signed() {
        true => Some(signature.verified(&sent, trust.keys())?),
        false => None,
    };
    let around = outer.as_ref().map(VerifiedXml::document).transpose()?;
    let around = around.as_ref().unwrap_or(sent.document());
    let spliced = Spliced::decrypt(around, outer.is_some(), trust.policy())?;
    let opened = spliced.guarded()?;
    let inner = match (opened.signatures(), &outer) {
        ([], Some(_)) => None,
        (_, _) => Some(signature.verified(&opened, trust.keys())?),
    };
    let signed = match (&outer, &inner) {
        (Some(_), None) => Signed::Response,
        (Some(_), Some(_)) => Signed::Both,
        (None, _) => Signed::Assertion,
    };
    let within = inner.as_ref().map(VerifiedXml::document).transpose()?;
    let within = within.as_ref().unwrap_or(opened.document());
    read(Reading::new(&opened, within, signed)?)
}

/// What the signatures of a guarded document cover.
fn covered(guarded: &GuardedXml<'_>) -> Signed {
    match (guarded.root_is_signed(), guarded.signatures().len()) {
        (true, 1) => Signed::Response,
        (true, _) => Signed::Both,
        (false, _) => Signed::Assertion,
    }
}

#[cfg(test)]
mod tests;
