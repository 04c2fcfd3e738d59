//! `DecodeAuthorizationMessage`, signed (SigV4). Neither the message nor the answer is part of an error.

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use rolecall_core::aws::EncodedMessage;
use rolecall_core::base::secret::SecretText;

use super::assume_role::signed_with;
use super::error::{Failure, NOT_A_RESPONSE};

/// One call with the SDK's retries.
///
/// The caller chose the message, so an answer that is an error of the server says nothing about the Region: it does not
/// count against calls that issue credentials.
pub(super) async fn call(
    client: &Client,
    credentials: &Credentials,
    message: &EncodedMessage,
) -> Result<SecretText, Failure> {
    let answer = client
        .decode_authorization_message()
        .encoded_message(message.expose())
        .customize()
        .config_override(signed_with(credentials))
        .send()
        .await
        .map_err(|error| match Failure::of(&error) {
            Failure::Outage(source) if error.raw_response().is_some() => Failure::Request(source),
            other @ (Failure::Refused(_)
            | Failure::Foreign { .. }
            | Failure::Request(_)
            | Failure::Outage(_)) => other,
        })?;
    match answer.decoded_message {
        Some(decoded) => Ok(SecretText::new(decoded)),
        None => Err(Failure::Foreign {
            status: 200,
            excerpt: NOT_A_RESPONSE.to_owned(),
        }),
    }
}
