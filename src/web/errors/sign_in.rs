//! Why a sign-in or a sign-out was refused.

use actix_web::http::StatusCode;
use rolecall_core::sign_in::{ProviderError, RejectReason, SignInError, SignOutError};

use super::explanation::Fault;
use super::page::PageError;

impl From<SignInError> for PageError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::UnknownProvider => Self::not_found().hint("Choose how to sign in from the list.").action("Sign in", "/sign-in"),
            SignInError::Unreadable => Self::bad_request("The identity provider sent you back with an address that cannot be read.").hint("Start again. If it happens again, tell your administrator the reference below."),
            SignInError::Expired => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "expired_state", "That took too long", "This sign-in has expired, or it was completed already.").hint("Start again; it is quick if you are still signed in at your provider."),
            SignInError::OtherBrowser => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "other_browser", "Begin in this browser", "This sign-in was begun in another browser or window, or this browser does not keep cookies.").hint("Start again here. If a link was sent to you, do not follow it: somebody may be trying to sign you in as themselves."),
            SignInError::OtherProvider => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "other_provider", "Begin again", "This sign-in was begun at another identity provider.").hint("Start again."),
            SignInError::Replayed => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "replayed", "That was used already", "What your identity provider sent has signed somebody in already, and counts once.").hint("Start again; do not go back to the provider's page with the browser's back button."),
            SignInError::EndedByProvider => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "ended_by_provider", "Sign-in has ended", "Your identity provider has ended the session that this sign-in belongs to.").hint("Sign in again.").action("Sign in", "/sign-in"),
            SignInError::Provider(error) => Self::from(error),
            SignInError::RateLimited(exceeded) => Self::from(exceeded),
            SignInError::Unavailable(error) => Self::from(error),
        }
    }
}

impl From<ProviderError> for PageError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Refused { error, explanation } => {
                // A browser brought the explanation, so the page does not repeat it.
                Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "refused", "Your identity provider said no", "You were not signed in: the identity provider refused, or the sign-in was cancelled.").hint("Try again. If it refuses again, ask whoever runs your identity provider whether you may use this application.").detail(error).logged(explanation.unwrap_or_default())
            }
            ProviderError::Rejected { reason: RejectReason::TooManyGroups, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "too_many_groups", "You are in too many groups", "Your identity provider left your groups out because there are too many, and Rolecall does not guess which ones you have.").hint("Ask your administrator to send only the groups that matter here.").detail(detail),
            ProviderError::Rejected { reason: RejectReason::Claims, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "claims", "Your attributes could not be read", "Your identity provider sent something about you that Rolecall cannot read and on which your access depends.").hint("Give your administrator the line below and the reference.").detail(detail),
            ProviderError::Rejected { reason, detail } => {
                // What exactly is for the operator's log alone: an attacker learns only which check.
                Self::new(StatusCode::FORBIDDEN, Fault::Upstream, reason.code(), "That sign-in could not be accepted", "What your identity provider sent did not pass the checks.").hint("Try again. If it happens again, tell your administrator the reference below.").detail(format!("check: {}", reason.code())).logged(detail)
            }
            ProviderError::Misconfigured(source) => Self::new(StatusCode::BAD_GATEWAY, Fault::Ours, "provider_misconfigured", "Sign-in is not set up correctly", "Rolecall and your identity provider do not fit together, so nobody can be signed in through it until an administrator has changed the configuration.")
                .hint("Tell your administrator the reference below: the gateway's log says what to change. Trying again does not help. Sessions that exist go on working.")
                .because(source.as_ref()),
            ProviderError::Unavailable(source) => Self::new(StatusCode::BAD_GATEWAY, Fault::Ours, "provider_unavailable", "Your identity provider does not answer", "Rolecall could not reach the identity provider, so nobody can be signed in through it right now.")
                .hint("Try again in a minute. Sessions that exist go on working.")
                .because(source.as_ref()),
        }
    }
}

impl From<SignOutError> for PageError {
    fn from(error: SignOutError) -> Self {
        match error {
            SignOutError::UnknownProvider => SignInError::UnknownProvider.into(),
            SignOutError::Unreadable => Self::bad_request(
                "The identity provider sent you here to sign out with a message that cannot be read.",
            )
            .action("Go to the portal", "/"),
            SignOutError::Expired | SignOutError::Replayed => Self::new(
                StatusCode::BAD_REQUEST,
                Fault::Caller,
                error.code(),
                "That was used already",
                "This request to sign out was used already, or took too long.",
            )
            .hint("Sign out again, here or at your identity provider.")
            .action("Go to the portal", "/"),
            SignOutError::Provider(error) => Self::from(error)
                .title("That sign-out could not be accepted")
                .hint("Sign out in the portal itself.")
                .action("Go to the portal", "/"),
            SignOutError::RateLimited(exceeded) => Self::from(exceeded),
            SignOutError::Unavailable(error) => Self::from(error),
        }
    }
}
