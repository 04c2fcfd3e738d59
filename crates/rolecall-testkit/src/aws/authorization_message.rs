//! Encoded authorization messages: DecodeAuthorizationMessage, and the messages that denied requests get.
//!
//! A message is encrypted, so that only this operation can read it, and only in the account that it was made for.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use serde_json::{Value, json};

use super::action::Action;
use super::authorize::Call;
use super::error::{AwsError, ErrorCode};
use super::issued::SessionKind;
use super::signer::Signer;
use super::state::AwsState;
use super::wire::{NAMESPACE, Parameters, escape};
use crate::iam::Decision;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The key of an emulator's messages.
pub(super) struct MessageKey([u8; 32]);

impl MessageKey {
    pub fn new() -> anyhow::Result<Self> {
        let mut key = [0; 32];
        openssl::rand::rand_bytes(&mut key)?;
        Ok(MessageKey(key))
    }

    fn seal(&self, account: &str, message: &Value) -> anyhow::Result<String> {
        let mut sealed = vec![0; NONCE_BYTES];
        openssl::rand::rand_bytes(&mut sealed)?;
        let mut tag = [0; TAG_BYTES];
        let text = message.to_string();
        let (cipher, nonce) = (Cipher::aes_256_gcm(), sealed.clone());
        let of = account.as_bytes();
        let encrypted = encrypt_aead(cipher, &self.0, Some(&nonce), of, text.as_bytes(), &mut tag)?;
        sealed.extend(encrypted);
        sealed.extend(tag);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open(&self, account: &str, encoded: &str) -> anyhow::Result<String> {
        let sealed = URL_SAFE_NO_PAD.decode(encoded)?;
        let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES).context("too short")?;
        let at = rest.len().checked_sub(TAG_BYTES).context("too short")?;
        let (encrypted, tag) = rest.split_at(at);
        let cipher = Cipher::aes_256_gcm();
        let text = decrypt_aead(
            cipher,
            &self.0,
            Some(nonce),
            account.as_bytes(),
            encrypted,
            tag,
        )?;
        Ok(String::from_utf8(text)?)
    }
}

/// Answers the operation: the XML of success or an error.
pub(super) fn decode(
    state: &AwsState,
    signer: &Signer,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, AwsError> {
    let mut parameters = Parameters::new(form);
    let encoded = parameters.required("EncodedMessage", 1, 10_240);
    parameters.finish()?;
    let is_federated_user = signer
        .session()
        .is_some_and(|session| session.kind == SessionKind::FederatedUser);
    if is_federated_user {
        return Err(AwsError::new(
            ErrorCode::AccessDenied,
            "Cannot call DecodeAuthorizationMessage with federated user credentials",
        ));
    }
    Call::of_signer(signer, Action::DecodeAuthorizationMessage, "*").check(state)?;
    let decoded = state.message_key.open(signer.account(), encoded);
    let decoded = decoded.map_err(|_| {
        AwsError::new(
            ErrorCode::InvalidAuthorizationMessage,
            "Message is not valid",
        )
    })?;
    Ok(format!(
        "<DecodeAuthorizationMessageResponse xmlns=\"{NAMESPACE}\">\n  <DecodeAuthorizationMessageResult>\n    \
         <DecodedMessage>{}</DecodedMessage>\n  </DecodeAuthorizationMessageResult>\n  <ResponseMetadata>\n    \
         <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n</DecodeAuthorizationMessageResponse>\n",
        escape(&decoded)
    ))
}

/// AWS's sentence about a denied request, with the kind of policy and the encoded message.
pub(super) fn denial(
    state: &AwsState,
    signer: &Signer,
    (action, resource): (&str, &str),
    conditions: &[(&str, &str)],
    decision: &Decision,
) -> Result<String, AwsError> {
    let items = |values: Vec<Value>| json!({ "items": values });
    let value = |text: &str| json!({ "value": text });
    let conditions = conditions
        .iter()
        .map(|(key, text)| json!({ "key": key, "values": items(vec![value(text)]) }));
    let matched = decision.statement().map(|statement| {
        json!({
            "statementId": statement.sid.as_deref().unwrap_or_default(),
            "effect": "DENY",
            "principals": items(vec![value(signer.id())]),
            "principalGroups": items(Vec::new()),
            "actions": items(vec![value(action)]),
            "resources": items(vec![value(resource)]),
            "conditions": items(Vec::new()),
        })
    });
    let message = json!({
        "allowed": false,
        "explicitDeny": matched.is_some(),
        "matchedStatements": items(matched.into_iter().collect()),
        "failures": items(Vec::new()),
        "context": {
            "principal": { "id": signer.id(), "arn": signer.arn() },
            "action": action,
            "resource": resource,
            "conditions": items(conditions.collect()),
        },
    });
    let sealed = state.message_key.seal(signer.account(), &message);
    let encoded = sealed.map_err(|_| AwsError::internal())?;
    Ok(format!(
        "You are not authorized to perform this operation. User: {} is not authorized to perform: {action} on resource: {resource} {}. \
         Encoded authorization failure message: {encoded}",
        signer.arn(),
        decision.reason(action)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_in_their_account_only() -> anyhow::Result<()> {
        let key = MessageKey::new()?;
        let message = json!({ "allowed": false });
        let encoded = key.seal("111122223333", &message)?;
        assert_eq!(key.open("111122223333", &encoded)?, message.to_string());
        assert!(key.open("444455556666", &encoded).is_err());
        assert!(MessageKey::new()?.open("111122223333", &encoded).is_err());
        for end in 0..encoded.len() {
            assert!(key.open("111122223333", &encoded[..end]).is_err(), "{end}");
        }
        Ok(())
    }
}
