//! A provider's no, in our own words: what a browser brings is not repeated, and an outage is not a refusal.

use rolecall_core::sign_in::ProviderError;

use crate::idp::cache::Trouble;

/// `error` of an authorization response (RFC 6749 4.1.2.1, Core 3.1.2.6) as one of our own words: what a browser brings
/// is not repeated. An outage is not a refusal.
pub fn refusal(error: &str) -> ProviderError {
    const WORDS: [&str; 13] = [
        "access_denied",
        "login_required",
        "interaction_required",
        "account_selection_required",
        "consent_required",
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "invalid_request_uri",
        "invalid_request_object",
        "request_not_supported",
        "registration_not_supported",
    ];
    match error {
        "server_error" | "temporarily_unavailable" => {
            Trouble::nonsense("the provider sent the browser back with an outage of its own").into()
        }
        error => ProviderError::Refused {
            error: WORDS
                .into_iter()
                .find(|word| *word == error)
                .unwrap_or("other"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_browser_are_not_repeated() {
        assert!(matches!(
            refusal("access_denied"),
            ProviderError::Refused {
                error: "access_denied"
            }
        ));
        assert!(matches!(
            refusal("<script>"),
            ProviderError::Refused { error: "other" }
        ));
        assert!(matches!(
            refusal("temporarily_unavailable"),
            ProviderError::Unavailable(_)
        ));
    }
}
