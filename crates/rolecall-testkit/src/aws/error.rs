//! AWS errors: codes, HTTP statuses and messages, from the STS service model and the IAM User Guide.
//!
//! Messages do not contain tokens or keys.

use std::fmt::Write as _;

use super::action::Action;
use super::wire::{NAMESPACE, escape};

/// The error codes that the emulator returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCode {
    AccessDenied,
    ExpiredToken,
    ExpiredTokenException,
    IdpCommunicationError,
    IdpRejectedClaim,
    IncompleteSignature,
    InternalFailure,
    InvalidAction,
    InvalidAuthorizationMessage,
    InvalidClientTokenId,
    InvalidIdentityToken,
    InvalidParameterValue,
    MalformedPolicyDocument,
    MissingAuthenticationToken,
    /// A code and status that no operation of the emulator returns by itself.
    Other(&'static str, u16),
    PackedPolicyTooLarge,
    RegionDisabled,
    SignatureDoesNotMatch,
    Throttling,
    ValidationError,
}

impl ErrorCode {
    /// The code in the response and its HTTP status.
    pub fn wire(self) -> (&'static str, u16) {
        match self {
            ErrorCode::AccessDenied => ("AccessDenied", 403),
            ErrorCode::ExpiredToken => ("ExpiredToken", 403),
            ErrorCode::ExpiredTokenException => ("ExpiredTokenException", 400),
            ErrorCode::IdpCommunicationError => ("IDPCommunicationError", 400),
            ErrorCode::IdpRejectedClaim => ("IDPRejectedClaim", 403),
            ErrorCode::IncompleteSignature => ("IncompleteSignature", 400),
            ErrorCode::InternalFailure => ("InternalFailure", 500),
            ErrorCode::InvalidAction => ("InvalidAction", 400),
            ErrorCode::InvalidAuthorizationMessage => ("InvalidAuthorizationMessageException", 400),
            ErrorCode::InvalidClientTokenId => ("InvalidClientTokenId", 403),
            ErrorCode::InvalidIdentityToken => ("InvalidIdentityToken", 400),
            ErrorCode::InvalidParameterValue => ("InvalidParameterValue", 400),
            ErrorCode::MalformedPolicyDocument => ("MalformedPolicyDocument", 400),
            ErrorCode::MissingAuthenticationToken => ("MissingAuthenticationToken", 403),
            ErrorCode::Other(code, status) => (code, status),
            ErrorCode::PackedPolicyTooLarge => ("PackedPolicyTooLarge", 400),
            ErrorCode::RegionDisabled => ("RegionDisabledException", 403),
            ErrorCode::SignatureDoesNotMatch => ("SignatureDoesNotMatch", 403),
            ErrorCode::Throttling => ("Throttling", 400),
            ErrorCode::ValidationError => ("ValidationError", 400),
        }
    }
}

/// An error response.
#[derive(Debug)]
pub(super) struct AwsError {
    pub code: ErrorCode,
    pub message: String,
}

impl AwsError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        AwsError {
            code,
            message: message.into(),
        }
    }

    /// The trust policy does not allow the action. AWS does not report which condition failed.
    pub fn access_denied(action: Action) -> Self {
        Self::new(
            ErrorCode::AccessDenied,
            format!("Not authorized to perform {}", action.wire()),
        )
    }

    /// No policy allows a signed request; AWS names the caller, the action and the resource.
    pub fn not_authorized(caller: &str, action: &str, resource: &str) -> Self {
        Self::new(
            ErrorCode::AccessDenied,
            format!(
                "User: {caller} is not authorized to perform: {action} on resource: {resource}"
            ),
        )
    }

    pub fn invalid_token(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidIdentityToken, message)
    }

    /// No usable key: the document is malformed, the key has no `kid` or `alg`, or the key is not found.
    pub fn no_verification_key() -> Self {
        Self::invalid_token(
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
        )
    }

    pub fn idp_unreachable() -> Self {
        Self::new(
            ErrorCode::IdpCommunicationError,
            "The identity provider could not be reached to verify the token",
        )
    }

    pub fn internal() -> Self {
        Self::new(
            ErrorCode::InternalFailure,
            "The request processing has failed because of an unknown error, exception or failure.",
        )
    }

    pub fn packed_too_large(percent: usize) -> Self {
        Self::new(
            ErrorCode::PackedPolicyTooLarge,
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            ),
        )
    }

    /// The XML response of the query protocol.
    pub fn xml(&self, request_id: &str) -> String {
        let (code, status) = self.code.wire();
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        let mut xml = String::with_capacity(320 + self.message.len());
        // Writing to a String does not fail.
        let _ = write!(
            xml,
            "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>{fault}</Type>\n    <Code>{code}</Code>\n    <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
            escape(&self.message)
        );
        xml
    }
}
