//! Credentials, as a page or as JSON. They are issued only for a POST with a CSRF token, never for a link.

mod snippets;
pub mod view;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use rolecall_core::issue::{
    CallerReport, CredentialsRequest, IdTokenError, IssueError, IssuedRole,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::console::CREDENTIALS;
use super::layout::Viewer;
use super::role::RoleFields;
use super::sign_in::renew_id_token;
use super::{format, locked};
use crate::web::errors::page::PageError;
use crate::web::http::detached::{DetachedError, detached};
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use crate::web::saml::via_provider;
use view::{CallerView, CredentialsPage};

/// The fields of the credentials form.
#[derive(Deserialize)]
pub struct CredentialsFields {
    #[serde(flatten)]
    role: RoleFields,
    /// `1` to ask AWS whose the credentials are.
    #[serde(default)]
    verify: String,
}

/// `POST /credentials`: credentials as a page, or as JSON in the format of `credential_process`.
///
/// # Errors
/// [`IssueError`], or an invalid form.
pub async fn credentials(
    posted: CsrfForm<CredentialsFields>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let order = CredentialsRequest {
        role: form.role.parse()?,
        verify: form.verify == "1",
    };
    let return_to = form.role.page(&[]);
    let after_step_up = form.role.page(&[CREDENTIALS]);
    let own_provider = signed_in.session.identity.provider.clone();
    let json = reply::wants_json(&request);
    let viewer = (!json).then(|| signed_in.viewer());
    let (site, context) = signed_in.scope.parts();
    let issued = detached(site.clone(), context, "credentials", async move {
        let SignedIn { scope, session, .. } = signed_in;
        let (issuer, context) = (scope.site.gateway.issuer(), &scope.context);
        let issued = if json {
            let issued = issuer.credentials_by_script(context, &session, &order);
            issued.await
        } else {
            issuer.credentials_page(context, &session, &order).await
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
        Err(DetachedError::Failed(error)) => {
            return Err(locked::issue_error(error, &own_provider, &after_step_up));
        }
        Err(DetachedError::Request(error)) => return Err(error),
    };
    if let Some(viewer) = viewer {
        return credentials_page(viewer, issued, site.gateway.now());
    }
    let mut json = snippets::process(&issued.credentials, &issued.grant.account().id);
    if let Some(report) = &issued.caller {
        json["CallerIdentity"] = caller_json(report);
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::VARY, "accept, cookie"))
        .json(json))
}

/// The caller identity in the words of AWS, or the code of the error.
fn caller_json(report: &CallerReport) -> Value {
    match report {
        CallerReport::Confirmed(identity) => json!({
            "Account": identity.account().as_str(),
            "Arn": identity.arn(),
            "UserId": identity.user_id(),
        }),
        CallerReport::Unanswered(code) => json!({ "Error": code }),
    }
}

fn caller_view(report: &CallerReport) -> CallerView {
    match report {
        CallerReport::Confirmed(identity) => CallerView {
            account: identity.account().to_string(),
            arn: identity.arn().to_owned(),
            user_id: identity.user_id().to_owned(),
            problem: String::new(),
        },
        CallerReport::Unanswered(code) => CallerView {
            problem: format!(
                "AWS did not confirm the identity of these credentials ({code}). They may work nevertheless. Try again in a moment."
            ),
            ..CallerView::default()
        },
    }
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
        caller,
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
        identity: caller.as_ref().map(caller_view),
        snippets: snippets::snippets(&credentials, &grant),
    };
    reply::page(StatusCode::OK, &page)
}
