//! Verification of a response: guard, signatures, decryption, checks. The identity is read from signed content only.
//!
//! A pure function of response, trust, time and expected values. It takes a third of a millisecond of CPU time, so
//! callers use a blocking thread.

use chrono::{DateTime, Utc};
use rolecall_core::sign_in::ProviderError;

use super::assertion::{Expected, Signed, VerifiedAssertion};
use super::checks::{self, ResponseChecks};
use super::decrypt::{DecryptedResponse, is_encrypted};
use super::guard::{GuardedXml, Shape, decoded};
use super::signature::{VerifiedXml, XmlSignature, Xmlsec};
use super::trust::SamlTrust;

/// Verifies a posted `SAMLResponse` (Profiles 4.1.4).
///
/// # Errors
/// [`ProviderError::Refused`], if the provider reports that the sign-in failed; [`ProviderError::Rejected`] for the
/// first failed check.
pub fn verify(
    response: &str,
    trust: &SamlTrust,
    now: DateTime<Utc>,
    expected: &Expected<'_>,
) -> Result<VerifiedAssertion, ProviderError> {
    verify_with(&Xmlsec, response, trust, now, expected)
}

/// [`verify`] with another verifier of signatures.
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

/// Guard, signatures and decryption; then `read` with the signed content.
fn authenticated<T>(
    signature: &dyn XmlSignature,
    text: &str,
    trust: &SamlTrust,
    read: impl FnOnce(ResponseChecks<'_, '_>) -> Result<T, ProviderError>,
) -> Result<T, ProviderError> {
    let sent = GuardedXml::parse(text, Shape::Response)?;
    let Some(assertion) = sent.assertion() else {
        return Err(checks::no_assertion(sent.document().root_element()));
    };
    if !is_encrypted(assertion) {
        let verified = signature.verified(&sent, trust.keys())?;
        let (signed, within) = (covered(&sent), verified.document()?);
        return read(ResponseChecks::new(&sent, &within, signed)?);
    }
    // Encrypted content is decrypted after an outer signature, if any, was verified, and from the verified bytes.
    let outer = match sent.root_is_signed() {
        true => Some(signature.verified(&sent, trust.keys())?),
        false => None,
    };
    let around = outer.as_ref().map(VerifiedXml::document).transpose()?;
    let around = around.as_ref().unwrap_or(sent.document());
    let spliced = DecryptedResponse::decrypt(around, outer.is_some(), trust.policy())?;
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
    read(ResponseChecks::new(&opened, within, signed)?)
}

/// The signed content of a guarded document.
fn covered(guarded: &GuardedXml<'_>) -> Signed {
    match (guarded.root_is_signed(), guarded.signatures().len()) {
        (true, 1) => Signed::Response,
        (true, _) => Signed::Both,
        (false, _) => Signed::Assertion,
    }
}

#[cfg(test)]
mod tests;
