//! What is Google's own: `hd`, and that its ID tokens and userinfo carry no groups.

use rolecall_core::identity::EmailDomain;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};

/// Claims that other providers send and Google does not.
pub const NEVER_SENT: [&str; 4] = ["groups", "roles", "amr", "acr"];

/// Whether the issuer is Google's.
pub fn is_google(issuer: &str) -> bool {
    issuer == "https://accounts.google.com"
}

/// Checks that the account belongs to the Workspace domain. The `hd` of the authorization request is only a hint to
/// Google's account chooser; this is what counts.
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
            format!("the account belongs to {domain:?}, not to {wanted}"),
        )),
        None => Err(ProviderError::rejected(
            RejectReason::HostedDomain,
            format!("the account belongs to no Google Workspace, not to {wanted}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_very_domain_will_do() {
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
