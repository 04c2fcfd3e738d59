//! `/device`: the browser part of the device flow. The user enters the code, or opens a link that contains it. In that case
//! the user must also enter the second half, as shown by the program: a link alone must not be sufficient.

pub mod view;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Query;
use rolecall_core::clients::{ConsentChoice, ConsentError, DeviceConsent};
use serde::Deserialize;

use super::consent;
use super::consent::ConsentForm;
use super::consent::view::ConsentResultPage;
use crate::web::errors::code::{ErrorCode, OutcomeLabel};
use crate::web::errors::error_text::{ErrorText, Fault};
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use view::DeviceCodePage;

/// The link of `verificationUriComplete`.
#[derive(Deserialize)]
pub struct DeviceQuery {
    #[serde(default)]
    user_code: String,
}

/// `GET /device`: the field for a code or, with a code in the query, the consent page.
///
/// # Errors
/// [`ConsentError`], except for an unknown code.
pub async fn show(
    signed_in: SignedIn,
    link: Query<DeviceQuery>,
) -> Result<HttpResponse, PageError> {
    if link.user_code.is_empty() {
        return ask_for_code(&signed_in, "", None);
    }
    consent_page(&signed_in, &link.user_code, None, None).await
}

/// The value of `typed` if the user entered the whole code.
const WHOLE_CODE: &str = "whole";

/// The forms of the pages of `/device`.
#[derive(Deserialize)]
pub struct DeviceForm {
    #[serde(default)]
    user_code: String,
    /// [`WHOLE_CODE`], or empty if the code may come from a link: the second half is required then.
    #[serde(default)]
    typed: String,
    /// The second half of the code; present with a decision.
    #[serde(default)]
    retyped: Option<String>,
    #[serde(flatten)]
    consent: ConsentForm,
}

/// `POST /device`: a code that the user entered, or a decision.
///
/// # Errors
/// [`ConsentError`], except for an unknown code.
pub async fn answer(posted: CsrfForm<DeviceForm>) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let Some(retyped) = form.retyped else {
        let typed = (form.typed == WHOLE_CODE).then(|| form.user_code.clone());
        return consent_page(&signed_in, &form.user_code, typed, None).await;
    };
    let answer = DeviceConsent {
        user_code: form.user_code,
        retyped,
        choice: form.consent.decision()?,
        shown: form.consent.shown(),
    };
    let site = &signed_in.scope.site;
    let outcome = site
        .gateway
        .clients()
        .decide_device(&signed_in.scope.context, &signed_in.session, &answer)
        .await;
    let counted = match &outcome {
        Ok(_) => OutcomeLabel::from(answer.choice),
        Err(error) => OutcomeLabel::failed(error),
    };
    site.metrics.consent("device", counted);
    match outcome {
        Ok(_) => {
            let page = ConsentResultPage {
                viewer: signed_in.viewer(),
                allowed: Some(answer.choice == ConsentChoice::Allow),
                to: String::new(),
            };
            reply::page(StatusCode::OK, &page)
        }
        Err(error @ ConsentError::NotRetyped) => {
            consent_page(&signed_in, &answer.user_code, None, Some(error.to_string())).await
        }
        Err(error) => wrong(&signed_in, &answer.user_code, error),
    }
}

/// The consent page for this code.
async fn consent_page(
    signed_in: &SignedIn,
    user_code: &str,
    retyped: Option<String>,
    error: Option<String>,
) -> Result<HttpResponse, PageError> {
    let looked_up = signed_in
        .scope
        .site
        .gateway
        .clients()
        .look_up_device(&signed_in.scope.context, &signed_in.session, user_code)
        .await;
    match looked_up {
        Ok(asked) => {
            let form = consent::Form {
                action: "/device",
                device: Some((user_code.to_owned(), retyped)),
                error,
            };
            consent::page(signed_in, &asked, form).await
        }
        Err(error) => {
            let metrics = &signed_in.scope.site.metrics;
            metrics.consent("device", OutcomeLabel::failed(&error));
            wrong(signed_in, user_code, error)
        }
    }
}

/// An unknown code is requested again; every other error has a page of its own.
fn wrong(
    signed_in: &SignedIn,
    user_code: &str,
    error: ConsentError,
) -> Result<HttpResponse, PageError> {
    match error {
        ConsentError::UnknownCode | ConsentError::NotRetyped => {
            let text = "This code is not valid. It may be mistyped, expired or already used.";
            ask_for_code(signed_in, user_code, Some(text.to_owned()))
        }
        ConsentError::NotFresh => Err(sign_in_again(signed_in, &return_to(user_code))),
        ConsentError::TooManyTries(exceeded) => {
            let minutes = exceeded.retry_after_seconds().div_ceil(60);
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            let error_text = ErrorText {
                code: ErrorCode::new("too_many_tries"),
                message: "No access was granted.".to_owned(),
                ..ErrorText::from(&exceeded)
            };
            Err(
                PageError::with_text("Too many incorrect codes", error_text).hint(format!(
                    "Wait {minutes} {unit}, then start the program again and enter the code that it shows."
                )),
            )
        }
        ConsentError::AuthTimeMissing => Err(auth_time_missing(signed_in, "/device")),
        ConsentError::DeviceFlowOff => Err(PageError::new(
            StatusCode::FORBIDDEN,
            Fault::Caller,
            "device_flow_off",
            "Device codes are disabled",
            "Your organization does not allow programs to sign in with a device code.",
        )
        .hint("Run aws sso login on a machine with a browser, without --use-device-code.")),
        ConsentError::SessionEnded => Err(PageError::sign_in_first(&return_to(user_code), false)),
        ConsentError::Unavailable(error) => Err(error.into()),
    }
}

/// The page to return to after a sign-in, with the code.
fn return_to(user_code: &str) -> String {
    match user_code {
        "" => "/device".to_owned(),
        code => format!("/device?{}", reply::query(&[("user_code", code)])),
    }
}

fn ask_for_code(
    signed_in: &SignedIn,
    user_code: &str,
    error: Option<String>,
) -> Result<HttpResponse, PageError> {
    let page = DeviceCodePage {
        viewer: signed_in.viewer(),
        user_code: user_code.to_owned(),
        error,
    };
    reply::page(StatusCode::OK, &page)
}

/// The error for a sign-in that is too old to authorize a program on another machine. Its button returns to `return_to`.
pub fn sign_in_again(signed_in: &SignedIn, return_to: &str) -> PageError {
    let provider = &signed_in.session.identity.provider;
    let query = reply::query(&[("fresh", "true"), ("return_to", return_to)]);
    PageError::new(
        StatusCode::FORBIDDEN,
        Fault::Caller,
        "not_fresh",
        "Sign in again to continue",
        "To authorize a program on another machine, you must have signed in within the last ten minutes.",
    )
    .hint("If a message or a call asked you to do this, stop: someone may be trying to get your access.")
    .action("Sign in again", format!("/sign-in/{provider}?{query}"))
}

/// The error if the provider does not report when the user signed in. Another sign-in would cause the same error.
pub fn auth_time_missing(signed_in: &SignedIn, return_to: &str) -> PageError {
    let id = &signed_in.session.identity.provider;
    let provider = signed_in.scope.site.gateway.sign_ins().provider(id);
    let title = provider.map_or(id.as_str(), |provider| provider.title());
    let query = reply::query(&[("fresh", "true"), ("return_to", return_to)]);
    let message = format!(
        "To authorize a program on another machine, you must have signed in within the last ten minutes. {title} does not report when you signed in."
    );
    PageError::new(
        StatusCode::FORBIDDEN,
        Fault::Caller,
        "auth_time_missing",
        "Sign-in time unknown",
        message,
    )
    .hint(format!(
        "Ask your administrator to configure the identity provider to send auth_time, or to set auth_time = \"assume_now\" for the provider {id} in rolecall.toml. Then sign in again. Programs on the same machine as your browser do not require this."
    ))
    .action("Sign in again", format!("/sign-in/{id}?{query}"))
}
