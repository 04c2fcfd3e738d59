//! How AWS says no: its codes, their HTTP statuses and its own words, as the STS model and the IAM guide state them.
//!
//! Nothing of a token or a key is ever part of a message.

use std::fmt::Write as _;

use super::trust::Action;
use super::wire::{NAMESPACE, escape};

/// The codes this emulation answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    AccessDenied,
    ExpiredToken,
    ExpiredTokenException,
    IdpCommunicationError,
    IdpRejectedClaim,
    IncompleteSignature,
    InternalFailure,
    InvalidAction,
    InvalidClientTokenId,
    InvalidIdentityToken,
    InvalidParameterValue,
    MalformedPolicyDocument,
    MissingAuthenticationToken,
    PackedPolicyTooLarge,
    RegionDisabled,
    SignatureDoesNotMatch,
    Throttling,
    ValidationError,
}

impl Code {
    /// The code on the wire and its HTTP status.
    pub fn wire(self) -> (&'static str, u16) {
        match self {
            Code::AccessDenied => ("AccessDenied", 403),
            Code::ExpiredToken => ("ExpiredToken", 403),
            Code::ExpiredTokenException => ("ExpiredTokenException", 400),
            Code::IdpCommunicationError => ("IDPCommunicationError", 400),
            Code::IdpRejectedClaim => ("IDPRejectedClaim", 403),
            Code::IncompleteSignature => ("IncompleteSignature", 400),
            Code::InternalFailure => ("InternalFailure", 500),
            Code::InvalidAction => ("InvalidAction", 400),
            Code::InvalidClientTokenId => ("InvalidClientTokenId", 403),
            Code::InvalidIdentityToken => ("InvalidIdentityToken", 400),
            Code::InvalidParameterValue => ("InvalidParameterValue", 400),
            Code::MalformedPolicyDocument => ("MalformedPolicyDocument", 400),
            Code::MissingAuthenticationToken => ("MissingAuthenticationToken", 403),
            Code::PackedPolicyTooLarge => ("PackedPolicyTooLarge", 400),
            Code::RegionDisabled => ("RegionDisabledException", 403),
            Code::SignatureDoesNotMatch => ("SignatureDoesNotMatch", 403),
            Code::Throttling => ("Throttling", 400),
            Code::ValidationError => ("ValidationError", 400),
        }
    }
}

/// One refusal, ready for the wire.
#[derive(Debug)]
pub(super) struct Refusal {
    pub code: Code,
    pub message: String,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Refusal {
            code,
            message: message.into(),
        }
    }

    /// The trust policy did not say yes; AWS never tells which part of it.
    pub fn access_denied(action: Action) -> Self {
        Self::new(
            Code::AccessDenied,
            format!("Not authorized to perform {}", action.wire()),
        )
    }

    pub fn invalid_token(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidIdentityToken, message)
    }

    /// No usable key: the answer for a broken document, a key without `kid` or `alg`, and a key that is not there.
    pub fn no_verification_key() -> Self {
        Self::invalid_token(
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
        )
    }

    pub fn idp_unreachable() -> Self {
        Self::new(
            Code::IdpCommunicationError,
            "The identity provider could not be reached to verify the token",
        )
    }

    pub fn internal() -> Self {
        Self::new(
            Code::InternalFailure,
            "The request processing has failed because of an unknown error, exception or failure.",
        )
    }

    pub fn packed_too_large(percent: usize) -> Self {
        Self::new(
            Code::PackedPolicyTooLarge,
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            ),
        )
    }

    /// The XML of the query protocol.
    pub fn xml(&self, request_id: &str) -> String {
        let (code, status) = self.code.wire();
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        let mut xml = String::with_capacity(320 + self.message.len());
        // Writing into a String cannot fail.
        let _ = write!(
            xml,
            "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>{fault}</Type>\n    <Code>{code}</Code>\n    <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
            escape(&self.message)
        );
        xml
    }
}
