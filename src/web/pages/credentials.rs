//! Credentials, as a page or as JSON. They are issued only for a POST with a CSRF token, never for a link.

mod snippets;
pub mod view;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use rolecall_core::issue::{IdTokenError, IssueError, IssuedRole};

use super::format;
use super::layout::Viewer;
use super::role::RoleFields;
use super::sign_in::renew_id_token;
use crate::web::errors::page::PageError;
use crate::web::http::detached::{DetachedError, detached};
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use crate::web::saml::via_provider;
use view::CredentialsPage;

/// `POST /credentials`: credentials as a page, or as JSON in the format of `credential_process`.
///
/// # Errors
/// [`IssueError`], or an invalid form.
pub async fn credentials(
    posted: CsrfForm<RoleFields>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let (role, return_to) = (form.parse()?, form.page(&[]));
    let json = reply::wants_json(&request);
    let viewer = (!json).then(|| signed_in.viewer());
    let (site, context) = signed_in.scope.parts();
    let issued = detached(site.clone(), context, "credentials", async move {
        let SignedIn { scope, session, .. } = signed_in;
        let (issuer, context) = (scope.site.gateway.issuer(), &scope.context);
        let issued = if json {
            issuer.credentials(context, &session, &role).await
        } else {
            issuer.credentials_page(context, &session, &role).await
        };
        issued.map_err(DetachedError::Failed)
    });
    let issued = match issued.await {
        Ok(issued) => issued,
        Err(DetachedError::Failed(IssueError::AtProvider { start: Some(start) })) => {
            return via_provider::redirect_to_provider(&start);
        }
        Err(DetachedError::Failed(IssueError::IdToken(IdTokenError::SignInAgain {
            provider,
            ..
        }))) if !json => return renew_id_token(&site, &provider, &return_to),
        Err(error) => return Err(error.into_surface()),
    };
    if let Some(viewer) = viewer {
        return credentials_page(viewer, issued, site.gateway.now());
    }
    let json = snippets::process(&issued.credentials, &issued.grant.account().id);
    Ok(HttpResponse::Ok()
        .insert_header((header::VARY, "accept, cookie"))
        .json(json))
}

/// The page that shows credentials.
///
/// # Errors
/// If the page cannot be rendered.
pub fn credentials_page(
    viewer: Viewer,
    issued: IssuedRole,
    now: DateTime<Utc>,
) -> Result<HttpResponse, PageError> {
    let IssuedRole {
        grant,
        credentials,
        duration,
    } = issued;
    let page = CredentialsPage {
        viewer,
        account_id: grant.account().id.to_string(),
        account_name: grant.account().name.to_string(),
        permission_set: grant.permission_set().name.to_string(),
        variant: grant.variant().map(ToString::to_string).unwrap_or_default(),
        expires_at: format::moment(credentials.expires_at),
        left: format::span(credentials.expires_at - now),
        reason: format::duration_and_limit(&duration),
        snippets: snippets::snippets(&credentials, &grant),
    };
    reply::page(StatusCode::OK, &page)
}
