//! Maps error codes and messages of STS to [`StsRefusal`].
//!
//! A refusal is a final response. Only an outage is retried in another Region.

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use rolecall_core::aws::{StsError, StsRefusal};
use rolecall_core::base::Source;
use rolecall_core::base::text;

use super::foreign::first_words;
use crate::egress;

/// Maximum length of an AWS message, in characters.
const MESSAGE_CHARS_MAX: usize = 512;
/// Maximum length of an AWS error code, in characters; the longest known has 43.
const CODE_CHARS_MAX: usize = 64;
/// A run of token characters of this length is treated as a secret. Names in messages have at most 64.
const SECRET_CHARS_MIN: usize = 100;
/// What a secret is replaced with.
pub(super) const REMOVED: &str = "[removed]";

/// Why a call did not return credentials.
#[derive(Debug)]
pub(super) enum Failure {
    /// AWS refused the request.
    Refused(StsError),
    /// Something other than STS responded, with a status that is not an outage: a proxy, or the server at a wrong address. The
    /// failure does not say anything about the Region.
    Foreign {
        /// HTTP status.
        status: u16,
        /// The first words of the response, without secrets.
        words: String,
    },
    /// This request failed, which says nothing about the Region: it could not be sent, or had too little time.
    Request(Source),
    /// No response, or an unexpected one. The text never contains parts of the response.
    Outage(Source),
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
                let words = match status {
                    // A success that cannot be read may be a broken one of STS, with credentials in it.
                    200..=299 => "a success that is not a response of AWS STS".to_owned(),
                    _ => first_words(body.unwrap_or_default()),
                };
                return Self::Foreign { status, words };
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
        "ExpiredTokenException" | "ExpiredToken" => StsRefusal::Expired,
        "ValidationError" | "ValidationException"
            if says("durationseconds") || says("maxsessionduration") =>
        {
            StsRefusal::DurationTooLong
        }
        "ValidationError" | "ValidationException" if says("externalid") => StsRefusal::ExternalId,
        "PackedPolicyTooLarge" | "PackedPolicyTooLargeException" => StsRefusal::PackedTooLarge,
        "MalformedPolicyDocument" | "MalformedPolicyDocumentException" => {
            StsRefusal::MalformedPolicy
        }
        "RegionDisabledException" | "RegionDisabled" => StsRefusal::RegionDisabled,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => StsRefusal::Signature,
        "OptInRequired" => StsRefusal::AccountInactive,
        code if is_throttling(code) => StsRefusal::Throttled,
        _ => StsRefusal::Other,
    }
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
mod tests {
    use super::*;

    #[test]
    fn error_codes_map_to_refusals() {
        use StsRefusal as R;
        let no_provider =
            "No OpenIDConnect provider found in your account for https://sso.example.com";
        for (code, message, meaning) in [
            (
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                R::AccessDenied,
            ),
            (
                "InvalidIdentityToken",
                no_provider,
                R::ProviderNotRegistered,
            ),
            (
                "InvalidIdentityToken",
                "Incorrect token audience",
                R::Audience,
            ),
            (
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider, please reference …",
                R::KeysUnreachable,
            ),
            (
                "InvalidIdentityToken",
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
                R::Thumbprint,
            ),
            (
                "InvalidIdentityToken",
                "The target role ARN is not present in the roles claim of the identity token",
                R::RoleClaim,
            ),
            (
                "InvalidIdentityToken",
                "Missing a required claim: subject",
                R::Subject,
            ),
            ("InvalidIdentityToken", "", R::InvalidProof),
            (
                "InvalidIdentityToken",
                "Specified provider doesn't exist",
                R::ProviderNotRegistered,
            ),
            (
                "InvalidIdentityToken",
                "Response signature invalid",
                R::Metadata,
            ),
            (
                "AuthSamlInvalidSamlResponseException",
                "Issuer not present in specified provider",
                R::Metadata,
            ),
            (
                "InvalidIdentityToken",
                "Response does not contain the required audience",
                R::Audience,
            ),
            (
                "InvalidIdentityToken",
                "RoleSessionName is required in AuthnResponse",
                R::InvalidProof,
            ),
            ("IDPRejectedClaim", "", R::RejectedClaim),
            ("IDPCommunicationError", "", R::ProviderUnreachable),
            ("ExpiredTokenException", "", R::Expired),
            (
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                R::DurationTooLong,
            ),
            (
                "ValidationError",
                "1 validation error detected: Value at 'roleArn' failed",
                R::Other,
            ),
            (
                "ValidationError",
                "1 validation error detected: Value at 'externalId' failed to satisfy constraint",
                R::ExternalId,
            ),
            ("PackedPolicyTooLarge", "", R::PackedTooLarge),
            ("MalformedPolicyDocument", "", R::MalformedPolicy),
            ("RegionDisabledException", "", R::RegionDisabled),
            ("InvalidClientTokenId", "", R::Signature),
            ("SignatureDoesNotMatch", "", R::Signature),
            ("OptInRequired", "", R::AccountInactive),
            ("Throttling", "Rate exceeded", R::Throttled),
            ("RequestLimitExceeded", "", R::Throttled),
            ("SomethingNew", "", R::Other),
        ] {
            assert_eq!(refusal(code, message), meaning, "{code}: {message}");
        }
    }

    #[test]
    fn denial_names_kind_of_policy() {
        use StsRefusal as R;
        let denied = |why: &str| {
            format!(
                "User: arn:aws:sts::111122223333:assumed-role/x/y is not authorized to perform: sts:AssumeRoleWithWebIdentity on resource: arn:aws:iam::111122223333:role/Developer {why}"
            )
        };
        for (message, meaning) in [
            (
                denied("with an explicit deny in a service control policy"),
                R::ServiceControlPolicy,
            ),
            (
                denied(
                    "because no service control policy allows the sts:AssumeRoleWithWebIdentity action",
                ),
                R::ServiceControlPolicy,
            ),
            (
                denied(
                    "with an explicit deny in a resource control policy: arn:aws:organizations::111122223333:policy/o-1/resource_control_policy/p-1",
                ),
                R::ResourceControlPolicy,
            ),
            (
                denied("because no identity-based policy allows it"),
                R::AccessDenied,
            ),
            (
                "Not authorized to perform sts:TagSession".to_owned(),
                R::TagSession,
            ),
            (
                "Not authorized to perform sts:SetSourceIdentity".to_owned(),
                R::SetSourceIdentity,
            ),
            (
                "Not authorized: the External ID does not match".to_owned(),
                R::ExternalId,
            ),
            (String::new(), R::AccessDenied),
        ] {
            assert_eq!(refusal("AccessDenied", &message), meaning, "{message}");
        }
    }

    #[test]
    fn messages_are_sanitized_and_truncated() {
        assert_eq!(
            clean("The token eyJhbGciOi.x.y is bad\n", 512, 100),
            "The token [removed] is bad "
        );
        assert_eq!(
            clean(&format!("key={}", "A".repeat(120)), 512, 100),
            "[removed]"
        );
        assert_eq!(clean("ünï\u{202e}\u{7}", 512, 100), "ünï\u{202e} ");
        assert_eq!(clean(&"é ".repeat(600), 512, 100).chars().count(), 512);
        let role = "arn:aws:iam::111122223333:role/rolecall/Developer";
        assert_eq!(clean(role, 512, 100), role);
        assert_eq!(clean("", 512, 100), "");
    }
}
