//! `/decode`: explains denied requests. It reads the text of an error, and has AWS decode the encoded message in it.

mod report;
mod roles;
pub mod view;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Query;
use rolecall_core::access::{Grants, RoleRequest};
use rolecall_core::aws::{DecodedAuthorization, EncodedMessage, ErrorText};
use rolecall_core::base::limits;
use rolecall_core::issue::{DecodeError, DeniedPrincipal, IdTokenError, IssueError};
use serde::Deserialize;

use super::layout::PageLink;
use super::sign_in::silent_path;
use crate::web::errors::page::PageError;
use crate::web::http::detached::{DetachedError, detached};
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use roles::{Choice, RoleList};
use view::DecodePage;

/// `?role=ACCOUNT/ROLE`
#[derive(Deserialize)]
pub struct DecodeQuery {
    /// The role that is selected.
    #[serde(default)]
    role: String,
}

/// The pasted text, and the role to decode it with.
#[derive(Deserialize)]
pub struct DecodeForm {
    #[serde(default)]
    message: String,
    #[serde(default)]
    role: String,
}

/// `GET /decode`. Nothing is issued.
///
/// # Errors
/// If the role is not in the form `ACCOUNT/ROLE`, or the store is unavailable.
pub async fn show(
    signed_in: SignedIn,
    query: Query<DecodeQuery>,
) -> Result<HttpResponse, PageError> {
    let grants = grants(&signed_in).await?;
    let chosen = Choice::parse(&query.role)?;
    let roles = RoleList::new(&grants, chosen.as_ref(), None);
    let page = DecodePage::new(signed_in.viewer(), String::new(), roles);
    reply::page(StatusCode::OK, &page)
}

/// `POST /decode`: reads the text, and has AWS decode its encoded message if a role is chosen. Text and answer are neither
/// logged nor stored.
///
/// # Errors
/// If the form is invalid, no credentials are issued for the role, or a service is unavailable.
pub async fn decode(posted: CsrfForm<DecodeForm>) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    // Browsers send line breaks of a text area as CR LF.
    let message = form.message.replace("\r\n", "\n");
    let grants = grants(&signed_in).await?;
    let chosen = Choice::parse(&form.role)?;
    let text = ErrorText::read(&message);
    let denied = text.denied.as_ref();
    let principal = denied.and_then(|denied| DeniedPrincipal::parse(denied.principal.as_deref()?));
    let roles = RoleList::new(&grants, chosen.as_ref(), principal.as_ref());
    let mut page = DecodePage::new(signed_in.viewer(), message, roles);
    let mut status = StatusCode::OK;
    // Whether AWS's answer says what the text says, and more.
    let mut is_repeated = false;
    let said = denied.and_then(|denied| denied.denied_by.as_ref());
    if let Some(encoded) = text.encoded {
        if let Some(Choice { role, .. }) = chosen {
            match decoded(signed_in, role, encoded).await {
                Ok(decoded) => {
                    let report = report::of_decoded(&decoded, said, &grants);
                    page.reports.push(report);
                    is_repeated = denied.map(|denied| &denied.action) == decoded.action.as_ref();
                }
                Err(DetachedError::Failed(DecodeError::Issue(IssueError::IdToken(
                    IdTokenError::SignInAgain { provider, title },
                )))) => {
                    status = StatusCode::FORBIDDEN;
                    page.problem = Some(report::sign_in_again(&title));
                    page.sign_in = Some(PageLink {
                        href: silent_path(&provider, "/decode"),
                        text: "Sign in again in a new window".to_owned(),
                    });
                }
                Err(DetachedError::Failed(DecodeError::Issue(error))) => return Err(error.into()),
                Err(DetachedError::Failed(error)) => {
                    (status, page.problem) = report::problem(&error);
                }
                Err(DetachedError::Request(error)) => return Err(error),
            }
        } else {
            page.notice = Some(report::role_required(principal.as_ref()));
        }
    } else if page.message.chars().count() > limits::ERROR_TEXT_CHARS_MAX {
        status = StatusCode::PAYLOAD_TOO_LARGE;
        page.problem = Some(report::too_long());
    } else if denied.is_none() && text.authorization_id.is_none() {
        status = StatusCode::UNPROCESSABLE_ENTITY;
        page.problem = Some(report::NOTHING_FOUND.to_owned());
    }
    page.authorization = text.authorization_id.as_ref().map(report::of_id);
    if let Some(denied) = denied.filter(|_| !is_repeated) {
        page.reports.push(report::of_text(denied, &grants));
    }
    reply::page(status, &page)
}

async fn grants(signed_in: &SignedIn) -> Result<Grants, PageError> {
    let scope = &signed_in.scope;
    let entitlements = scope.site.gateway.entitlements();
    let grants = entitlements.grants(&signed_in.session, &scope.context.client_info);
    Ok(grants.await?)
}

/// Asks AWS, to the end even if the browser disconnects: an intent in the audit trail gets its outcome.
async fn decoded(
    signed_in: SignedIn,
    role: RoleRequest,
    message: EncodedMessage,
) -> Result<DecodedAuthorization, DetachedError<DecodeError, PageError>> {
    let (site, context) = signed_in.scope.parts();
    detached(site, context, "decode", async move {
        let SignedIn { scope, session, .. } = signed_in;
        let issuer = scope.site.gateway.issuer();
        let decoded = issuer.decode(&scope.context, &session, &role, &message);
        decoded.await.map_err(DetachedError::Failed)
    })
    .await
}
