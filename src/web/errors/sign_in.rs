//! Texts for sign-ins and sign-outs that were rejected.

use actix_web::http::StatusCode;
use rolecall_core::sign_in::{
    ProviderError, RejectReason, SignInError, SignOutError, StepUpFailed,
};

use super::error_text::Fault;
use super::page::PageError;
use crate::web::http::reply;

/// The errors of a provider that cannot authenticate with the requested context (OpenID Connect Core Error Code
/// unmet_authentication_requirements 1.0; SAML Core 3.2.2.2, `NoAuthnContext`).
const NO_CONTEXT: [&str; 2] = ["unmet_authentication_requirements", "no_authn_context"];

impl From<SignInError> for PageError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::UnknownProvider => Self::not_found().hint("Choose an identity provider from the list.").action("Sign in", "/sign-in"),
            SignInError::Unreadable => Self::bad_request("The response from the identity provider could not be read.").hint("Sign in again. If the problem persists, contact your administrator and include the reference ID."),
            SignInError::Expired => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "expired_state", "Sign-in expired", "This sign-in has expired, or it was already completed.").hint("Sign in again."),
            SignInError::OtherBrowser => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "other_browser", "Sign-in was started in another browser", "This sign-in was started in another browser or browser profile, or this browser does not accept cookies.").hint("Sign in again in this browser. If someone sent you a link, do not open it: it may sign you in as another user."),
            SignInError::OtherProvider => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "other_provider", "Sign-in was started at another identity provider", "This sign-in was started at a different identity provider than the one that responded.").hint("Sign in again."),
            SignInError::Replayed => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "replayed", "Sign-in response already used", "The response from your identity provider was already used to sign in. It can be used only once.").hint("Sign in again. Do not return to the identity provider's page with the browser's Back button."),
            SignInError::EndedByProvider => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "ended_by_provider", "Session ended by the identity provider", "Your identity provider ended the session that this sign-in belongs to.").hint("Sign in again.").action("Sign in", "/sign-in"),
            SignInError::InteractionRequired(_) => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "interaction_required", "Sign-in required", "Your identity provider requires you to sign in.").hint("Sign in again."),
            SignInError::OtherPerson => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "other_person", "A different user is signed in at the identity provider", "Your identity provider responded for a different user than the one who is signed in here. Nothing was changed.").hint("Sign out at your identity provider, then sign in again as the user who is signed in here."),
            SignInError::StepUp(failed) => Self::from(*failed),
            SignInError::Provider(error) => Self::from(error),
            SignInError::RateLimited(exceeded) => Self::from(exceeded),
            SignInError::Unavailable(error) => Self::from(error),
        }
    }
}

impl From<StepUpFailed> for PageError {
    fn from(failed: StepUpFailed) -> Self {
        let StepUpFailed {
            error,
            provider,
            return_to,
            second_factor,
        } = failed;
        let no_context = second_factor
            && matches!(&error, SignInError::Provider(ProviderError::Refused { error, .. }) if NO_CONTEXT.contains(error));
        let is_other_person = matches!(&error, SignInError::OtherPerson);
        let is_unchanged = matches!(&error, SignInError::Provider(_));
        let page = Self::from(error);
        let page = match no_context {
            true => page.title("Second factor not available").hint("Ask your administrator: the identity provider rejected the authentication context that Rolecall requested. In rolecall.toml, step_up.acr of the provider must list values that it supports."),
            false => page,
        };
        let page = match is_unchanged {
            true => page.append("Your earlier session continues unchanged."),
            false => page,
        };
        if !is_other_person {
            return page.action("Back to the previous page", return_to.as_str());
        }
        // The session at the provider is that of the other person, so it must show its sign-in form again.
        let return_to = return_to.packed();
        let mut query = vec![("return_to", &*return_to), ("fresh", "true")];
        query.extend(second_factor.then_some(("mfa", "true")));
        page.action(
            "Sign in as the same user",
            format!("/sign-in/{provider}?{}", reply::query(&query)),
        )
    }
}

impl From<ProviderError> for PageError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Refused { error, explanation } => {
                // The explanation comes from the browser, so the page must not repeat it.
                Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "refused", "Sign-in denied by the identity provider", "You were not signed in. The identity provider denied the request, or the sign-in was canceled.").hint("Try again. If the request is denied again, ask the administrator of your identity provider whether you are allowed to use this application.").detail(error).log_detail(explanation.unwrap_or_default())
            }
            ProviderError::Rejected { reason: RejectReason::TooManyGroups, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "too_many_groups", "Too many groups", "Your identity provider omitted your groups because you are a member of too many. Rolecall cannot determine your access without them.").hint("Ask your administrator to configure the identity provider so that it sends only the groups that Rolecall uses.").detail(detail),
            ProviderError::Rejected { reason: RejectReason::Claims, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "claims", "Your attributes could not be read", "Your access depends on an attribute that your identity provider sent in a format that Rolecall cannot read.").hint("Contact your administrator and include the details below and the reference ID.").detail(detail),
            ProviderError::Rejected { reason: RejectReason::NotFresh, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "not_fresh", "Not signed in again", "Rolecall requested a new sign-in, but your identity provider used an existing one.").hint("Try again. If it happens again, ask your administrator to configure the identity provider to honor prompt=login and max_age (ForceAuthn for SAML): the time of authentication that it sent (auth_time, AuthnInstant) is before the request.").detail("check: not_fresh").log_detail(detail),
            ProviderError::Rejected { reason, detail } => {
                // The exact reason is only logged: a client learns no more than which check failed.
                Self::new(StatusCode::FORBIDDEN, Fault::Upstream, reason.code(), "Sign-in rejected", "The response from your identity provider failed validation.").hint("Try again. If the problem persists, contact your administrator and include the reference ID.").detail(format!("check: {}", reason.code())).log_detail(detail)
            }
            ProviderError::Misconfigured(source) => Self::new(StatusCode::BAD_GATEWAY, Fault::Gateway, "provider_misconfigured", "Sign-in is not configured correctly", "The configurations of Rolecall and your identity provider do not match. No one can sign in with this provider until an administrator changes the configuration.")
                .hint("Contact your administrator and include the reference ID: the log of the gateway describes what to change. Trying again does not help. Existing sessions continue to work.")
                .caused_by(source.as_ref()),
            ProviderError::Unavailable(source) => Self::new(StatusCode::BAD_GATEWAY, Fault::Gateway, "provider_unavailable", "Identity provider unavailable", "Rolecall could not reach the identity provider. No one can sign in with this provider at the moment.")
                .hint("Try again in a minute. Existing sessions continue to work.")
                .caused_by(source.as_ref()),
        }
    }
}

impl From<SignOutError> for PageError {
    fn from(error: SignOutError) -> Self {
        match error {
            SignOutError::UnknownProvider => SignInError::UnknownProvider.into(),
            SignOutError::Unreadable => Self::bad_request(
                "The sign-out message from the identity provider could not be read.",
            )
            .action("Go to the portal", "/"),
            SignOutError::Expired | SignOutError::Replayed => Self::new(
                StatusCode::BAD_REQUEST,
                Fault::Caller,
                error.code(),
                "Sign-out request expired",
                "This sign-out request was already used, or has expired.",
            )
            .hint("Sign out again, here or at your identity provider.")
            .action("Go to the portal", "/"),
            SignOutError::Provider(error) => Self::from(error)
                .title("Sign-out rejected")
                .hint("Sign out in the portal.")
                .action("Go to the portal", "/"),
            SignOutError::RateLimited(exceeded) => Self::from(exceeded),
            SignOutError::Unavailable(error) => Self::from(error),
        }
    }
}
