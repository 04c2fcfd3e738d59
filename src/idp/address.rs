//! Decides whether an e-mail address from a provider is accepted, and logs rejected addresses.

use rolecall_core::identity::{
    EmailAddress, EmailDomain, ProviderId, UntrustedEmail, UntrustedEmailReason, trusted_email,
};

/// The accepted address, or why it was rejected.
pub type EmailDecision = (Option<EmailAddress>, Option<UntrustedEmail>);

/// Decides about the address that a provider sent; see [`trusted_email`].
pub fn decide(
    provider: &ProviderId,
    sent: &[String],
    verified: Option<bool>,
    domains: &[EmailDomain],
) -> EmailDecision {
    match trusted_email(sent, verified, domains) {
        Ok(email) => (email, None),
        Err(untrusted) => {
            let provider = provider.as_str();
            match untrusted.reason() {
                // Expected if `domains` is empty.
                UntrustedEmailReason::OtherDomain => {
                    tracing::debug!(provider, "the e-mail address {untrusted}");
                }
                UntrustedEmailReason::NotVerified
                | UntrustedEmailReason::Several
                | UntrustedEmailReason::NotAnAddress => {
                    tracing::warn!(
                        provider,
                        "the user has no accepted e-mail address: the address {untrusted}"
                    );
                }
            }
            (None, Some(untrusted))
        }
    }
}
