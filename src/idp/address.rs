//! Whether a person's e-mail address is believed, told to the operator when it is not.

use rolecall_core::identity::{
    Disbelief, EmailAddress, EmailDomain, ProviderId, UnbelievedEmail, believed_email,
};

/// What an identity says of its address.
pub type Judged = (Option<EmailAddress>, Option<UnbelievedEmail>);

/// Judges what the provider sent; see [`believed_email`].
pub fn judged(
    provider: &ProviderId,
    sent: &[String],
    verified: Option<bool>,
    domains: &[EmailDomain],
) -> Judged {
    match believed_email(sent, verified, domains) {
        Ok(email) => (email, None),
        Err(unbelieved) => {
            let provider = provider.as_str();
            match unbelieved.why() {
                // As configured: of many providers nobody wants the addresses.
                Disbelief::OtherDomain => {
                    tracing::debug!(provider, "the address {unbelieved}");
                }
                Disbelief::NotVerified | Disbelief::Several | Disbelief::NotAnAddress => {
                    tracing::warn!(
                        provider,
                        "a person has no e-mail address here: the address {unbelieved}"
                    );
                }
            }
            (None, Some(unbelieved))
        }
    }
}
