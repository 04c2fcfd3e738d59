//! `AssumeRoleWithWebIdentity`: unsigned, because the token is the proof.

use aws_sdk_sts::Client;
use rolecall_core::aws::AssumeRoleWithWebIdentity;

use super::attempts::AttemptCounter;
use super::error::Failure;
use super::parameters;
use super::response::StsResponse;

/// Calls STS with the retries of the SDK.
pub(super) async fn call(
    client: &Client,
    request: &AssumeRoleWithWebIdentity,
    attempts: &AttemptCounter,
) -> Result<StsResponse, Failure> {
    let session = &request.session;
    let answer = client
        .assume_role_with_web_identity()
        .role_arn(session.role.as_str())
        .role_session_name(request.session_name.as_str())
        .web_identity_token(request.token.expose())
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
