//! A provider's response for AWS, read from a verified assertion (AWS: "Configure SAML assertions for the authentication
//! response").

use rolecall_core::sign_in::{ProviderError, RejectReason, ReplayKey, ResponseForAws};

use super::assertion::VerifiedAssertion;
use super::expectation::Expectation;
use super::settings::AwsApplication;

/// What the names of AWS's attributes begin with.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// What such a response is held against: AWS's names and addresses, never ours. Nobody here asked for it by an id.
pub fn expectation(application: &AwsApplication) -> Expectation {
    Expectation {
        recipients: application.recipients.clone(),
        audiences: application.audiences.clone(),
        in_response_to: None,
        fresh_since: None,
    }
}

/// What it says to AWS.
///
/// # Errors
/// [`RejectReason::Claims`] when it names no role.
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
            "the response for AWS names no role",
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
        once: Some(ReplayKey {
            digest: verified.digest,
            until: verified.not_on_or_after,
        }),
        subject: verified.subject,
    })
}
