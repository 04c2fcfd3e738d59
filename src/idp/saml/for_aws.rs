//! Reads a provider's response for AWS from a verified assertion (AWS: "Configure SAML assertions for the
//! authentication response").

use rolecall_core::sign_in::{ProviderError, RejectReason, ReplayKey, ResponseForAws};

use super::assertion::VerifiedAssertion;
use super::expectation::OwnedExpected;
use super::settings::AwsApplication;

/// Prefix of the names of AWS attributes.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// The expected values of such a response: audience and recipient are AWS, and there is no request.
pub fn expectation(application: &AwsApplication) -> OwnedExpected {
    OwnedExpected {
        recipients: application.recipients.clone(),
        audiences: application.audiences.clone(),
        in_response_to: None,
        fresh_since: None,
    }
}

/// Reads the AWS attributes.
///
/// # Errors
/// [`RejectReason::Claims`], if there is no role.
pub fn read(verified: VerifiedAssertion) -> Result<ResponseForAws, ProviderError> {
    let values = |name: &str| {
        let values = verified.values(&format!("{ATTRIBUTES}{name}"));
        values.map_err(|error| ProviderError::rejected(RejectReason::Claims, error.to_string()))
    };
    let single = |name: &str| {
        values(name).map(|values| match values {
            [one] => Some(one.clone()),
            _ => None,
        })
    };
    let roles = values("Role")?.to_vec();
    if roles.is_empty() {
        return Err(ProviderError::rejected(
            RejectReason::Claims,
            "the response for AWS contains no role",
        ));
    }
    let tag_keys = verified
        .attributes
        .iter()
        .filter_map(|attribute| attribute.name.strip_prefix(ATTRIBUTES))
        .filter_map(|name| name.strip_prefix("PrincipalTag:"))
        .map(str::to_owned);
    Ok(ResponseForAws {
        roles,
        session_name: single("RoleSessionName")?,
        source_identity: single("SourceIdentity")?,
        tag_keys: tag_keys.collect(),
        replay_key: Some(ReplayKey {
            digest: verified.digest,
            until: verified.not_on_or_after,
        }),
        subject: verified.subject,
    })
}
