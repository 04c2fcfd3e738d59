//! `DecodeAuthorizationMessage`, signed (SigV4). Neither the message nor the answer is part of an error.

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use rolecall_core::aws::EncodedMessage;
use rolecall_core::base::secret::SecretText;

use super::assume_role::signed_with;
use super::error::Failure;

/// One call with the SDK's retries.
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
        .map_err(|error| Failure::of(&error))?;
    match answer.decoded_message {
        Some(decoded) => Ok(SecretText::new(decoded)),
        None => Err(Failure::Outage(
            "the response of STS contains no decoded message".into(),
        )),
    }
}
