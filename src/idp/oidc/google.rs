//! Specifics of Google: `hd`, and that its ID tokens and userinfo contain no groups.

use rolecall_core::identity::EmailDomain;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

/// Claims of other providers that Google does not send.
pub const NEVER_SENT: [&str; 4] = ["groups", "roles", "amr", "acr"];

/// Whether the issuer is Google.
pub fn is_google(issuer: &str) -> bool {
    issuer == "https://accounts.google.com"
}

/// Checks that the account belongs to the Google Workspace domain. `hd` in the authorization request is only a hint for
/// the account chooser.
///
/// # Errors
/// [`RejectReason::HostedDomain`].
pub fn check_hosted_domain(
    claims: &Map<String, Value>,
    wanted: &EmailDomain,
) -> Result<(), ProviderError> {
    match claims.get("hd").and_then(Value::as_str) {
        Some(domain) if EmailDomain::parse(domain).as_ref() == Ok(wanted) => Ok(()),
        Some(domain) => Err(ProviderError::rejected(
            RejectReason::HostedDomain,
            format!("the account belongs to the domain {domain:?} instead of {wanted}"),
        )),
        None => Err(ProviderError::rejected(
            RejectReason::HostedDomain,
            format!("the account belongs to no Google Workspace domain instead of {wanted}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_exact_domain_is_accepted() {
        let wanted = EmailDomain::parse("example.com").unwrap();
        let check = |claims: Value| check_hosted_domain(claims.as_object().unwrap(), &wanted);
        assert!(check(json!({"hd": "example.com"})).is_ok());
        for bad in [
            json!({}),
            json!({"hd": "evil.example"}),
            json!({"hd": "sub.example.com"}),
            json!({"hd": ["example.com"]}),
            json!({"hd": true}),
            json!({"hd": "example.com "}),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }
}
