//! The consent page for a registered client, common to both flows. It shows the client, its address, the user and the roles
//! that the client can use.

pub mod qr;
pub mod view;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use rolecall_core::clients::{ConsentChoice, ConsentRequest};
use serde::Deserialize;

use super::format;
use crate::web::errors::page::PageError;
use crate::web::http::extract::SignedIn;
use crate::web::http::reply;
use view::{ConsentPage, ConsentResultPage, DevicePart};

/// The decision of the user, as the form sends it.
#[derive(Deserialize)]
pub struct ConsentForm {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    others: String,
}

impl ConsentForm {
    /// The selected button.
    ///
    /// # Errors
    /// If the form contains no decision.
    pub fn decision(&self) -> Result<ConsentChoice, PageError> {
        match self.decision.as_str() {
            "allow" => Ok(ConsentChoice::Allow),
            "deny" => Ok(ConsentChoice::Deny),
            _ => Err(PageError::bad_request(
                "The form does not contain a decision (allow or deny).",
            )),
        }
    }

    /// The IDs of the other requests that the page showed.
    pub fn shown(&self) -> Vec<String> {
        self.others.split(' ').map(str::to_owned).collect()
    }
}

/// The action and the prefilled values of the consent form.
pub struct Form<'a> {
    /// The URL to which the form is posted.
    pub action: &'a str,
    /// The user code of the device flow, and the part of it that the user has typed.
    pub device: Option<(String, Option<String>)>,
    /// The error of the previous attempt.
    pub error: Option<String>,
}

impl<'a> Form<'a> {
    /// An empty form that is posted to this URL.
    pub fn at(action: &'a str) -> Self {
        Self {
            action,
            device: None,
            error: None,
        }
    }
}

/// Renders the consent page.
///
/// # Errors
/// If the store is unavailable or the page cannot be rendered.
pub async fn page(
    signed_in: &SignedIn,
    asked: &ConsentRequest,
    form: Form<'_>,
) -> Result<HttpResponse, PageError> {
    let site = &signed_in.scope.site;
    let client_info = &asked.requester.client_info;
    let reach = site
        .gateway
        .entitlements()
        .access_summary(&signed_in.session, asked.flow, client_info)
        .await?;
    let here = signed_in.scope.context.client_info.address;
    let location = asked.location(here);
    let device = match (&asked.user_code, form.device) {
        (Some(code), Some((typed, retyped))) => Some(DevicePart {
            first_half: code.first_half().to_owned(),
            user_code: typed,
            retyped,
            phone: qr::svg(&format!(
                "{}/device?{}",
                site.origin(),
                reply::query(&[("user_code", &code.to_string())])
            )),
        }),
        (Some(_) | None, _) => None,
    };
    let others: Vec<String> = asked.others.iter().map(|one| one.id.to_string()).collect();
    let page = ConsentPage {
        viewer: signed_in.viewer(),
        action: form.action.to_owned(),
        name: asked.requester.client_name.to_string(),
        address: format::address(client_info.address),
        own_address: format::address(here),
        location,
        requested_at: format::moment(asked.requester.begun_at),
        roles: reach.roles,
        accounts: reach.accounts,
        until: format::moment(
            site.gateway
                .sessions()
                .client_session_end(&signed_in.session),
        ),
        sign_in_again: site
            .gateway
            .sessions()
            .ends_client_session_early(&signed_in.session)
            .then(|| sign_in_again(signed_in, asked, form.action)),
        device,
        others: asked
            .others
            .iter()
            .map(|one| format::moment(one.begun_at))
            .collect(),
        others_field: others.join(" "),
        error: form.error,
    };
    reply::page(StatusCode::OK, &page)
}

/// The path of a new sign-in that returns to the consent page.
fn sign_in_again(signed_in: &SignedIn, asked: &ConsentRequest, action: &str) -> String {
    let return_to = match &asked.user_code {
        Some(code) => format!(
            "/device?{}",
            reply::query(&[("user_code", &code.to_string())])
        ),
        None => action.to_owned(),
    };
    let query = reply::query(&[("fresh", "true"), ("return_to", &return_to)]);
    format!("/sign-in/{}?{query}", signed_in.session.identity.provider)
}

/// Sends the browser back to the client with a page, because `form-action` blocks a redirect.
///
/// # Errors
/// If the page cannot be rendered.
pub fn return_to_client(signed_in: &SignedIn, to: &str) -> Result<HttpResponse, PageError> {
    let page = ConsentResultPage {
        viewer: signed_in.viewer(),
        allowed: None,
        to: to.to_owned(),
    };
    Ok(reply::refresh(reply::page(StatusCode::OK, &page)?, to))
}
