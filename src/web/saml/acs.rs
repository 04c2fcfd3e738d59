//! The assertion consumer service (SAML Profiles 4.1.2), and the metadata of the gateway.

use actix_web::http::header;
use actix_web::web::{Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::base::secret::{SamlResponse, State};
use rolecall_core::sign_in::{AcceptedResponse, PostedResponse, SignInError};
use serde::Deserialize;

use super::form::SamlForm;
use crate::web::errors::page::PageError;
use crate::web::http::detached::uninterrupted;
use crate::web::http::extract::RequestScope;
use crate::web::http::fetch_metadata::require_navigation;
use crate::web::http::reply;
use crate::web::pages::sign_in::{finish, provider_id};

/// `GET /sign-in/{provider}/metadata`: the gateway's SAML metadata for this provider.
///
/// # Errors
/// If there is no such SAML provider.
pub async fn metadata(scope: RequestScope, id: Path<String>) -> Result<HttpResponse, PageError> {
    let document = scope
        .site
        .gateway
        .sign_ins()
        .saml_metadata(&provider_id(&id)?)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/samlmetadata+xml")
        .body(document))
}

/// `POST /sign-in/{provider}/acs`: the assertion consumer service (SAML Profiles 4.1.2). The core determines the
/// purpose of the response ([`rolecall_core::sign_in::SignIns::accept_response`]).
///
/// # Errors
/// [`SignInError`].
pub async fn consume(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
    form: SamlForm,
) -> Result<HttpResponse, PageError> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let secrets = scope.site.cookies.secrets(&request);
    let posted = PostedResponse {
        response: SamlResponse::new(form.response.ok_or(SignInError::Unreadable)?),
        relay_state: form.relay_state,
    };
    let accepted = uninterrupted(
        &scope,
        &id,
        form.reservation,
        |gateway, context, provider| async move {
            gateway
                .sign_ins()
                .accept_response(&context, &provider, &secrets, posted)
                .await
        },
    );
    let outcome = match accepted.await? {
        Ok(AcceptedResponse::Held(state)) => {
            let query = reply::query(&[("state", state.expose())]);
            return Ok(reply::see_other(&format!("/sign-in/{id}/continue?{query}")));
        }
        Ok(AcceptedResponse::SignedIn(completed)) => Ok(*completed),
        Err(error) => Err(error),
    };
    finish(&scope, &request, &id, outcome)
}

/// The query of `/continue`.
#[derive(Deserialize)]
pub struct ResumeQuery {
    /// The `state` of the sign-in whose response is held.
    state: String,
}

/// `GET /sign-in/{provider}/continue`: completes a sign-in whose response is held. Unlike the form of
/// another site, this request has the cookies of the browser.
///
/// # Errors
/// [`SignInError`].
pub async fn resume(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
    continued: Query<ResumeQuery>,
) -> Result<HttpResponse, PageError> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let secrets = scope.site.cookies.secrets(&request);
    let state = State::new(continued.into_inner().state);
    let outcome = uninterrupted(&scope, &id, None, |gateway, context, provider| async move {
        gateway
            .sign_ins()
            .complete_held_sign_in(&context, &provider, &secrets, state)
            .await
    });
    finish(&scope, &request, &id, outcome.await?)
}
