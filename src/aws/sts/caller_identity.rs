//! `GetCallerIdentity`, signed (SigV4). It needs no permission and cannot be denied.

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use rolecall_core::aws::CallerIdentity;

use super::assume_role::signed_with;
use super::error::Failure;

/// One call with the SDK's retries.
pub(super) async fn call(
    client: &Client,
    credentials: &Credentials,
) -> Result<CallerIdentity, Failure> {
    let answer = client
        .get_caller_identity()
        .customize()
        .config_override(signed_with(credentials))
        .send()
        .await
        .map_err(|error| Failure::of(&error))?;
    let arn = answer.arn().unwrap_or_default();
    let identity = CallerIdentity::parse(arn).map_err(|error| Failure::Outage(error.into()))?;
    match answer.account() == Some(identity.account().as_str()) {
        true => Ok(identity.with_user_id(answer.user_id().unwrap_or_default())),
        false => Err(Failure::Outage(
            "STS answered with an account that is not the one of the ARN".into(),
        )),
    }
}
