//! `GetCallerIdentity`, signed (SigV4). It needs no permission and cannot be denied.

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use rolecall_core::aws::CallerIdentity;

use super::assume_role::signed_with;
use super::error::{Failure, NOT_A_RESPONSE};

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
    let identity = CallerIdentity::parse(answer.arn().unwrap_or_default());
    let identity = identity
        .ok()
        .filter(|identity| answer.account() == Some(identity.account().as_str()));
    match identity {
        Some(identity) => Ok(identity.with_user_id(answer.user_id().unwrap_or_default())),
        None => Err(Failure::Foreign {
            status: 200,
            excerpt: NOT_A_RESPONSE.to_owned(),
        }),
    }
}
