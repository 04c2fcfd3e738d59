//! Texts for a role that could not be used. A rejection by AWS that the user or an administrator can resolve says how.

use std::error::Error as StdError;

use actix_web::http::StatusCode;
use rolecall_core::access::{AttributeError, Unmet};
use rolecall_core::aws::{ConsoleSignInError, StsRefusal, UnusableIdToken};
use rolecall_core::base::text;
use rolecall_core::issue::{
    IdTokenError, IssueError, Refused, ResponseMismatch, VerificationFailure,
};

use super::error_text::{ErrorText, Fault};
use super::page::PageError;
use crate::web::pages::format;
use crate::web::pages::sign_in::silent_path;

/// `Retry-After` during an outage.
const OUTAGE_SECONDS: u32 = 5;
/// `Retry-After` when AWS throttles. Its token buckets refill within a second.
const THROTTLED_SECONDS: u32 = 1;

impl From<&IssueError> for ErrorText {
    fn from(error: &IssueError) -> Self {
        let forbidden =
            |code, message: &str| Self::new(StatusCode::FORBIDDEN, Fault::Caller, code, message);
        match error {
            IssueError::NotGranted => forbidden("not_granted", "The role does not exist, or it is not assigned to you.")
                .hint("Ask the owner of the account for access."),
            IssueError::Locked { unmet, .. } => forbidden("condition", &format!("The role is assigned to you, but a condition is not met: it {}.", format::all_of(unmet)))
                .hint(unmet.iter().find_map(Unmet::hint).map_or_else(|| "The portal shows what each role requires.".to_owned(), format::sentence)),
            IssueError::CannotDecode(error) => forbidden("cannot_decode", &format::sentence(&error.to_string()))
                .hint("Choose another role of the account, or ask your administrator."),
            IssueError::Attributes(error @ AttributeError::TooLarge { .. }) => forbidden("packed_too_large", &format::sentence(&error.to_string()))
                .hint(format::sentence(error.hint())),
            IssueError::Attributes(error) => forbidden("template", &format::sentence(&error.to_string()))
                .hint(format::sentence(error.hint())),
            IssueError::AtProvider { .. } => Self::new(StatusCode::CONFLICT, Fault::Caller, "at_provider", "This role requires a SAML response from your identity provider, which requires a browser.")
                .hint("Open the role in the portal. If this message appears in the portal, your administrator must set saml.aws of the identity provider in rolecall.toml."),
            IssueError::IdToken(error) => of_id_token(error),
            IssueError::Mismatch(mismatch) => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, mismatch.code(), mismatch_text(*mismatch))
                .hint("Sign in to Rolecall and to your identity provider as the same user. The identity provider's AWS application must include this role and the SAML provider of the account."),
            IssueError::SessionEnded => Self::not_signed_in(),
            IssueError::Token(source) => Self::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Gateway, "token", "The signing key of the gateway could not be used, so no token was issued for AWS.")
                .hint("Contact your administrator and include the reference ID.")
                .caused_by(source.as_ref()),
            IssueError::OwnCredentials(source) => Self::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Gateway, "own_credentials", "The gateway has no usable AWS credentials, so it cannot assume this role.")
                .hint("Contact your administrator and include the reference ID.")
                .detail("rolecalld check --online shows whose credentials the gateway has")
                .caused_by(source.as_ref()),
            IssueError::Refused(refused) => of_refusal(refused),
            IssueError::StsUnavailable(source) | IssueError::StsUnanswered { source, .. } => outage("sts_unavailable", source.as_ref()),
            IssueError::Unverified(failure) => unverified(failure),
            IssueError::Console(ConsoleSignInError::Unavailable(source)) => outage("console_unavailable", source.as_ref()),
            IssueError::Console(error @ ConsoleSignInError::Refused { .. }) => Self::new(StatusCode::BAD_GATEWAY, Fault::Upstream, "console_refused", "Credentials were issued, but the AWS sign-in endpoint did not create a console session.")
                .hint("Try again, or use credentials instead. A sign-in policy of the account may deny access from your network.")
                .detail(error.to_string()),
            IssueError::RateLimited(exceeded) => exceeded.into(),
            IssueError::FactsUnavailable(error) => error.into(),
            IssueError::Unavailable(error) => error.into(),
        }
    }
}

impl From<IssueError> for PageError {
    fn from(error: IssueError) -> Self {
        let title = match &error {
            IssueError::SessionEnded => return Self::sign_in_first("/", false),
            IssueError::RateLimited(exceeded) => return (*exceeded).into(),
            IssueError::FactsUnavailable(_) | IssueError::Unavailable(_) => {
                "Rolecall is temporarily unavailable"
            }
            IssueError::NotGranted => "This role is not available to you",
            IssueError::Locked { .. } => "The conditions of this role are not met",
            IssueError::CannotDecode(_) => "This role cannot decode messages",
            IssueError::Attributes(AttributeError::TooLarge { .. }) => {
                "Session policies and tags are too large"
            }
            IssueError::Attributes(_) => "This role cannot be used",
            IssueError::AtProvider { .. } => {
                return Self::with_text("Identity provider response required", &error)
                    .action("Go to the portal", "/");
            }
            IssueError::IdToken(IdTokenError::SignInAgain { provider, .. }) => {
                let again = silent_path(provider, "/");
                return Self::with_text("Sign in again", &error).action("Sign in again", again);
            }
            IssueError::IdToken(IdTokenError::Unusable(_)) => "AWS does not accept your ID token",
            IssueError::IdToken(IdTokenError::OtherProvider { .. }) => {
                "This role requires another sign-in"
            }
            IssueError::Mismatch(mismatch) => mismatch_title(*mismatch),
            IssueError::Token(_) => "Tokens cannot be signed",
            IssueError::Refused(refused) if refused.refusal == StsRefusal::NotSts => {
                "The response did not come from AWS"
            }
            IssueError::OwnCredentials(_) => "The gateway's AWS credentials do not work",
            IssueError::Refused(_) => "AWS rejected the request",
            IssueError::StsUnavailable(_) | IssueError::StsUnanswered { .. } => {
                "AWS STS is unavailable"
            }
            IssueError::Unverified(_) => "AWS did not confirm the credentials",
            IssueError::Console(ConsoleSignInError::Unavailable(_)) => "AWS Sign-In is unavailable",
            IssueError::Console(ConsoleSignInError::Refused { .. }) => {
                "AWS rejected the console sign-in"
            }
        };
        Self::with_text(title, &error)
    }
}

fn mismatch_title(mismatch: ResponseMismatch) -> &'static str {
    match mismatch {
        ResponseMismatch::Subject => "The SAML response is for a different user",
        ResponseMismatch::Role => "The SAML response does not include this role",
        ResponseMismatch::SourceIdentity => "The SAML response has a different source identity",
    }
}

fn mismatch_text(mismatch: ResponseMismatch) -> &'static str {
    match mismatch {
        ResponseMismatch::Subject => {
            "Your identity provider sent a SAML response for AWS that was issued for a different user than the one signed in to Rolecall."
        }
        ResponseMismatch::Role => {
            "The SAML response that your identity provider sent for AWS does not include this role."
        }
        ResponseMismatch::SourceIdentity => {
            "The SAML response that your identity provider sent for AWS has a different source identity than this role requires."
        }
    }
}

fn of_id_token(error: &IdTokenError) -> ErrorText {
    let forbidden =
        |fault, message: &str| ErrorText::new(StatusCode::FORBIDDEN, fault, error.code(), message);
    match error {
        IdTokenError::OtherProvider { trusted } => forbidden(Fault::Caller, &format!("AWS trusts sign-ins with {trusted} for this role, and you signed in with another identity provider."))
            .hint(format!("Sign out and sign in with {trusted}.")),
        IdTokenError::SignInAgain { title, .. } => forbidden(Fault::Caller, &format!("AWS trusts your sign-in with {title} for this role, and it is no longer recent enough."))
            .hint(format!("Sign in again with {title} in a browser, then try again.")),
        IdTokenError::Unusable(reason) => forbidden(Fault::Upstream, "AWS does not accept the ID tokens that your identity provider issues, so this role cannot be used.")
            .hint("Contact your administrator and include the reference ID.")
            .detail(unusable(*reason)),
    }
}

fn unusable(reason: UnusableIdToken) -> &'static str {
    match reason {
        UnusableIdToken::TooLarge => {
            "the ID token is longer than 20,000 characters: send fewer groups or claims"
        }
        UnusableIdToken::Algorithm => {
            "the ID token is signed with an algorithm that IAM does not accept: use RS256 or ES256"
        }
        UnusableIdToken::Subject => "the subject of the ID token does not have 6 to 255 characters",
        UnusableIdToken::ShortLived => {
            "the ID token expires within two minutes: raise its lifetime at the identity provider"
        }
    }
}

/// Fresh credentials that `GetCallerIdentity` did not confirm.
fn unverified(failure: &VerificationFailure) -> ErrorText {
    let (hint, causes) = match failure {
        VerificationFailure::OtherIdentity { arn } => (
            "Contact your administrator and include the reference ID. They belong to another principal, which the gateway's log and the audit trail name: the keys of two accounts may be swapped.",
            format!("the credentials belong to {arn}"),
        ),
        VerificationFailure::Sts(error) if error.rejects_signer() => (
            "Try again in a moment. If it happens again, contact your administrator and include the reference ID: AWS rejected the new credentials, so the gateway's clock may be wrong, or the Region of STS may not be active.",
            text::chain(error),
        ),
        VerificationFailure::Sts(error) => (
            "Try again in a moment. If it happens again, contact your administrator and include the reference ID.",
            text::chain(error),
        ),
    };
    let message = "AWS issued credentials, but did not confirm that they belong to this role. They were discarded.";
    let error_text = ErrorText::new(
        StatusCode::BAD_GATEWAY,
        Fault::Upstream,
        "unverified",
        message,
    )
    .hint(hint)
    .detail(failure.code().to_owned());
    ErrorText {
        causes,
        ..error_text
    }
}

fn of_refusal(refused: &Refused) -> ErrorText {
    let request = refused.request_id.as_ref();
    let request = request.map_or_else(String::new, |id| format!(" (AWS request {id})"));
    let (status, retry_after) = if refused.refusal == StsRefusal::Throttled {
        (StatusCode::TOO_MANY_REQUESTS, Some(THROTTLED_SECONDS))
    } else if refused.refusal.is_transient() {
        (StatusCode::SERVICE_UNAVAILABLE, Some(OUTAGE_SECONDS))
    } else {
        (StatusCode::FORBIDDEN, None)
    };
    let (advice, code) = (&refused.advice, refused.refusal.code());
    let error_text = ErrorText::new(status, Fault::Upstream, code, &advice.explanation)
        .hint(&advice.hint)
        .detail(format!("{}: {}{request}", refused.code, refused.message));
    ErrorText {
        retry_after,
        causes: refused.log.clone().unwrap_or_default(),
        ..error_text
    }
}

fn outage(code: &'static str, source: &(dyn StdError + 'static)) -> ErrorText {
    ErrorText::new(
        StatusCode::BAD_GATEWAY,
        Fault::Gateway,
        code,
        "The request could not be completed. Your access is not affected.",
    )
    .hint("Try again in a few seconds.")
    .retry_after(OUTAGE_SECONDS)
    .caused_by(source)
}
