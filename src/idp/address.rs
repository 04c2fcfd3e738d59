//! Whether a person's e-mail address is believed, told to the operator when it is not.

use rolecall_core::identity::{
    EmailAddress, EmailDomain, ProviderId, UntrustedEmail, UntrustedEmailReason, trusted_email,
};

/// What an identity says of its address.
pub type Judged = (Option<EmailAddress>, Option<UntrustedEmail>);

/// Judges what the provider sent; see [`trusted_email`].
pub fn judged(
    provider: &ProviderId,
    sent: &[String],
    verified: Option<bool>,
    domains: &[EmailDomain],
) -> Judged {
    match trusted_email(sent, verified, domains) {
        Ok(email) => (email, None),
        Err(untrusted) => {
            let provider = provider.as_str();
            match untrusted.reason() {
                // As configured: of many providers nobody wants the addresses.
                UntrustedEmailReason::OtherDomain => {
                    tracing::debug!(provider, "the address {untrusted}");
                }
                UntrustedEmailReason::NotVerified
                | UntrustedEmailReason::Several
                | UntrustedEmailReason::NotAnAddress => {
                    tracing::warn!(
                        provider,
                        "a person has no e-mail address here: the address {untrusted}"
                    );
                }
            }
            (None, Some(untrusted))
        }
    }
}
