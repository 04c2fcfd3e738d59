//! `AssumeRoleWithSAML`: unsigned, because the assertion is the proof.

use aws_sdk_sts::Client;
use rolecall_core::aws::AssumeRoleWithSaml;

use super::attempts::AttemptCounter;
use super::error::Failure;
use super::parameters;
use super::response::StsResponse;

/// Calls STS with the retries of the SDK.
pub(super) async fn call(
    client: &Client,
    request: &AssumeRoleWithSaml,
    attempts: &AttemptCounter,
) -> Result<StsResponse, Failure> {
    let session = &request.session;
    let answer = client
        .assume_role_with_saml()
        .role_arn(session.role.as_str())
        .principal_arn(request.principal.as_str())
        .saml_assertion(request.response.expose())
        .duration_seconds(parameters::duration(session.duration))
        .set_policy(parameters::policy(session.session_policy.as_ref()))
        .set_policy_arns(parameters::policy_arns(&session.policy_arns))
        .customize()
        .interceptor(attempts.clone())
        .send()
        .await
        .map_err(|error| Failure::of(&error))?;
    Ok(answer.into())
}
