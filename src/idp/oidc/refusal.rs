//! Error responses of the authorization endpoint: mapped to fixed codes, because pages never repeat text from the
//! browser. Outages are distinguished from refusals.

use rolecall_core::sign_in::ProviderError;

use crate::idp::cache::FetchError;
use crate::idp::explanation;

/// The registered errors of the authorization endpoint (IANA OAuth Extensions Error Registry).
const REGISTERED: [&str; 17] = [
    "access_denied",
    "login_required",
    "interaction_required",
    "account_selection_required",
    "consent_required",
    "unmet_authentication_requirements",
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "invalid_target",
    "invalid_authorization_details",
    "invalid_request_uri",
    "invalid_request_object",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
];

/// Converts `error` of an authorization response (RFC 6749 4.1.2.1, Core 3.1.2.6) to a registered code or `other`, with
/// the explanation of the provider for the log.
pub fn refusal(error: &str, description: Option<&str>) -> ProviderError {
    if matches!(error, "server_error" | "temporarily_unavailable") {
        let explanation = explanation::of(Some(error), description).unwrap_or_default();
        return FetchError::malformed(format!("the provider reported an outage: {explanation}"))
            .into();
    }
    match REGISTERED.into_iter().find(|word| *word == error) {
        Some(word) => ProviderError::Refused {
            error: word,
            explanation: explanation::of(None, description),
        },
        None => ProviderError::Refused {
            error: "other",
            explanation: explanation::of(Some(error), description),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(error: &str, description: Option<&str>) -> (&'static str, Option<String>) {
        match refusal(error, description) {
            ProviderError::Refused { error, explanation } => (error, explanation),
            error @ (ProviderError::Rejected { .. }
            | ProviderError::Misconfigured(_)
            | ProviderError::Unavailable(_)) => panic!("{error}"),
        }
    }

    #[test]
    fn registered_errors_keep_their_codes() {
        for word in REGISTERED {
            assert_eq!(refused(word, None), (word, None));
        }
        assert_eq!(
            refused("<script>", None),
            ("other", Some("\"<script>\"".to_owned()))
        );
    }

    #[test]
    fn explanation_is_kept_for_the_log() {
        for (vendor, description, shown) in [
            (
                "Entra ID",
                "AADSTS50105: Your administrator has configured the application to block users.\r\nTrace ID: 1",
                "\"AADSTS50105: Your administrator has configured the application to block users. Trace ID: 1\"",
            ),
            (
                "Okta",
                "User is not assigned to the client application.",
                "\"User is not assigned to the client application.\"",
            ),
            (
                "hostile",
                "a\u{1b}[2Jb\u{202e}c\nerror: \"forged\"",
                r#""a[2Jbc error: \"forged\"""#,
            ),
        ] {
            assert_eq!(
                refused("access_denied", Some(description)),
                ("access_denied", Some(shown.to_owned())),
                "{vendor}"
            );
        }
    }

    #[test]
    fn outage_is_not_a_refusal() {
        let ProviderError::Unavailable(reason) =
            refusal("temporarily_unavailable", Some("maintenance"))
        else {
            panic!("expected an outage");
        };
        assert!(reason.to_string().contains("maintenance"), "{reason}");
    }
}
