//! Sends a browser to another site, by a redirect or with a form that the browser posts.

pub mod view;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use rolecall_core::sign_in::Challenge;
use url::Url;

use crate::web::errors::page::PageError;
use crate::web::http::reply::{self, FormTarget};
use view::{AutoPostField, AutoPostPage};

/// Sends the browser to the challenge of a provider, in response to a GET request.
///
/// # Errors
/// If the page cannot be rendered.
pub fn challenge(challenge: Challenge, to: &str) -> Result<HttpResponse, PageError> {
    match challenge {
        Challenge::Redirect(url) => Ok(reply::see_other(url.as_str())),
        Challenge::PostForm { action, fields } => form(&action, fields, to),
    }
}

/// A page whose form is posted to another site; `to` is the name of that site for users.
///
/// # Errors
/// If the page cannot be rendered.
pub fn form(
    action: &Url,
    fields: Vec<(&'static str, String)>,
    to: &str,
) -> Result<HttpResponse, PageError> {
    let page = AutoPostPage {
        to: to.to_owned(),
        action: action.to_string(),
        fields: fields
            .into_iter()
            .map(|(name, value)| AutoPostField { name, value })
            .collect(),
    };
    let mut response = reply::page(StatusCode::OK, &page)?;
    let target = FormTarget(action.origin().ascii_serialization());
    response.extensions_mut().insert(target);
    Ok(response)
}
