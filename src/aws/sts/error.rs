//! Maps error codes and messages of STS to [`StsRefusal`].
//!
//! A refusal is a final response. Only an outage is retried in another Region.

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use rolecall_core::aws::{StsError, StsRefusal};
use rolecall_core::base::BoxError;
use rolecall_core::base::text;

use super::foreign::excerpt;
use crate::egress;

/// Maximum length of an AWS message, in characters.
pub(super) const MESSAGE_CHARS_MAX: usize = 512;
/// Maximum length of an AWS error code, in characters; the longest known has 43.
const CODE_CHARS_MAX: usize = 64;
/// A run of token characters of this length is treated as a secret. Names in messages have at most 64.
pub(super) const SECRET_CHARS_MIN: usize = 100;
/// What a secret is replaced with.
pub(super) const REMOVED: &str = "[removed]";

/// The excerpt of a success that is not one of STS: it is not shown, because it can contain credentials.
pub(super) const NOT_A_RESPONSE: &str = "a success that is not a response of AWS STS";

/// Why a call did not return credentials.
#[derive(Debug)]
pub(super) enum Failure {
    /// AWS refused the request.
    Refused(StsError),
    /// Something other than STS responded, with a status that is not an outage: a proxy, or the server at a wrong address. The
    /// failure does not say anything about the Region.
    Foreign {
        status: u16,
        /// The first words of the response, without secrets.
        excerpt: String,
    },
    /// This request failed, which says nothing about the Region: it could not be sent, or had too little time.
    Request(BoxError),
    /// No response, or an unexpected one. The text never contains parts of the response.
    Outage(BoxError),
}

impl Failure {
    /// Converts an SDK error. Its own texts are not used, because they can contain the response body.
    pub(super) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let outage = match error {
            SdkError::ConstructionFailure(_) => {
                return Self::Request("could not build the request to STS".into());
            }
            _ if status.is_some_and(is_no_outage) && code(error).is_none() => {
                let status = status.unwrap_or_default();
                let answer = error.raw_response();
                let body = answer.and_then(|answer| answer.body().bytes());
                let excerpt = match is_success(status) {
                    // It may be a broken response of STS, with credentials in it.
                    true => NOT_A_RESPONSE.to_owned(),
                    false => excerpt(body.unwrap_or_default()),
                };
                return Self::Foreign { status, excerpt };
            }
            SdkError::TimeoutError(_) => "STS did not respond in time".to_owned(),
            SdkError::DispatchFailure(failure) => {
                let causes = failure.as_connector_error().map(|error| text::chain(error));
                match causes.as_deref().and_then(egress::hint_for) {
                    Some(advice) => format!("STS is not reachable: {advice}"),
                    None => "STS is not reachable".to_owned(),
                }
            }
            SdkError::ResponseError(_) => {
                format!("the response of STS is not XML ({status:?})")
            }
            SdkError::ServiceError(service) => match (service.err().code(), status) {
                (Some(code), Some(status)) if status < 500 || is_throttling(code) => {
                    let message = service.err().message().unwrap_or_default();
                    return Self::Refused(StsError::Refused {
                        refusal: refusal(code, message),
                        code: clean(code, CODE_CHARS_MAX, SECRET_CHARS_MIN),
                        message: clean(message, MESSAGE_CHARS_MAX, SECRET_CHARS_MIN),
                        request_id: error
                            .request_id()
                            .map(|id| clean(id, CODE_CHARS_MAX, SECRET_CHARS_MIN)),
                    });
                }
                _ => format!("STS returned HTTP status {}", status.unwrap_or_default()),
            },
            // The enum of the SDK is non-exhaustive.
            _ => "the call to STS failed".to_owned(),
        };
        Self::Outage(outage.into())
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error()?.code()
}

/// Whether the request was processed.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Whether the server works. 408 and 429 are states of the server, not of the request.
fn is_no_outage(status: u16) -> bool {
    status < 500 && !matches!(status, 408 | 429)
}

fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
            | "PriorRequestNotComplete"
    )
}

/// Maps a code, and the message where the code is ambiguous.
fn refusal(code: &str, message: &str) -> StsRefusal {
    let says = |words: &str| message.to_ascii_lowercase().contains(words);
    match code {
        "AccessDenied" | "AccessDeniedException" => access_denied(message),
        "InvalidIdentityToken" | "InvalidIdentityTokenException" => {
            if says("no openidconnect provider") || says("provider doesn't exist") {
                StsRefusal::ProviderNotRegistered
            } else if says("signature invalid") || says("issuer not present") {
                StsRefusal::Metadata
            } else if says("audience") {
                StsRefusal::Audience
            } else if says("roles claim") {
                StsRefusal::RoleClaim
            } else if says("thumbprint") {
                StsRefusal::Thumbprint
            } else if says("verification key") {
                StsRefusal::KeysUnreachable
            } else if says("subject") || says("nameid") {
                StsRefusal::Subject
            } else {
                StsRefusal::InvalidProof
            }
        }
        // A code of AWS sign-in that the troubleshooting page also lists for STS.
        "AuthSamlInvalidSamlResponseException" if says("issuer not present") => {
            StsRefusal::Metadata
        }
        "IDPRejectedClaim" | "IDPRejectedClaimException" => StsRefusal::RejectedClaim,
        "IDPCommunicationError" | "IDPCommunicationErrorException" => {
            StsRefusal::ProviderUnreachable
        }
        "ExpiredTokenException" => StsRefusal::Expired,
        "ExpiredToken"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => StsRefusal::InvalidCredentials,
        "ValidationError" | "ValidationException"
            if exceeds_duration(message) && says("role chaining") =>
        {
            StsRefusal::ChainedDurationTooLong
        }
        "ValidationError" | "ValidationException" if exceeds_duration(message) => {
            StsRefusal::DurationTooLong
        }
        "ValidationError" | "ValidationException" if says("externalid") => StsRefusal::ExternalId,
        "PackedPolicyTooLarge" | "PackedPolicyTooLargeException" => StsRefusal::PackedTooLarge,
        "MalformedPolicyDocument" | "MalformedPolicyDocumentException" => {
            StsRefusal::MalformedPolicy
        }
        "RegionDisabledException" | "RegionDisabled" => StsRefusal::RegionDisabled,
        "OptInRequired" => StsRefusal::AccountInactive,
        "InvalidAuthorizationMessageException" | "InvalidAuthorizationMessage" => {
            StsRefusal::InvalidMessage
        }
        code if is_throttling(code) => StsRefusal::Throttled,
        _ => StsRefusal::Other,
    }
}

/// Whether the whole message is about the duration. Other messages can contain values of the request, such as a tag, with any
/// words in them.
fn exceeds_duration(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.starts_with("the requested durationseconds exceeds")
}

/// The kind of policy that denied the request, if AWS names it.
fn access_denied(message: &str) -> StsRefusal {
    let message = message.to_ascii_lowercase();
    let causes = [
        ("service control policy", StsRefusal::ServiceControlPolicy),
        ("resource control policy", StsRefusal::ResourceControlPolicy),
        ("sts:tagsession", StsRefusal::TagSession),
        ("sts:setsourceidentity", StsRefusal::SetSourceIdentity),
        ("external id", StsRefusal::ExternalId),
        ("externalid", StsRefusal::ExternalId),
    ];
    let cause = causes
        .into_iter()
        .find(|(words, _)| message.contains(words));
    cause.map_or(StsRefusal::AccessDenied, |(_, refusal)| refusal)
}

/// Sanitizes a message of AWS for users and logs: removes control characters and runs of `secret_chars_min` token characters,
/// and limits the length.
pub(super) fn clean(text: &str, chars_max: usize, secret_chars_min: usize) -> String {
    let token_char = |c: char| c.is_ascii_alphanumeric() || "-_.+/=%".contains(c);
    let mut cleaned = String::with_capacity(text.len().min(4 * chars_max));
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c: char| !token_char(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(run.max(first.len_utf8()));
        if run > 0 && (word.contains("eyJ") || word.len() >= secret_chars_min) {
            cleaned.push_str(REMOVED);
        } else if first.is_control() {
            cleaned.push(' ');
        } else {
            cleaned.push_str(word);
        }
        rest = after;
    }
    match cleaned.char_indices().nth(chars_max) {
        Some((end, _)) => cleaned[..end].to_owned(),
        None => cleaned,
    }
}

#[cfg(test)]
mod tests;
