//! `GetFederationToken`, signed (SigV4) with the key of an IAM user of the account.

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use rolecall_core::aws::GetFederationToken;

use super::assume_role::signed_with;
use super::attempts::AttemptCounter;
use super::error::Failure;
use super::parameters;
use super::response::StsResponse;

/// One call with the SDK's retries.
pub(super) async fn call(
    client: &Client,
    request: &GetFederationToken,
    attempts: &AttemptCounter,
) -> Result<StsResponse, Failure> {
    let (id, secret) = (request.key.id.as_str(), request.key.secret.expose());
    let key = Credentials::new(id, secret, None, None, "access policy");
    let tags = parameters::tags(&request.tags).map_err(|error| Failure::Request(error.into()))?;
    let answer = client
        .get_federation_token()
        .name(request.name.as_str())
        .duration_seconds(parameters::duration(request.duration))
        .set_policy(parameters::policy(request.session_policy.as_ref()))
        .set_policy_arns(parameters::policy_arns(&request.policy_arns))
        .set_tags(tags)
        .customize()
        .config_override(signed_with(&key))
        .interceptor(attempts.clone())
        .send()
        .await
        .map_err(|error| Failure::of(&error))?;
    Ok(answer.into())
}
