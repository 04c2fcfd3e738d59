//! Roles for which AWS trusts the user's identity provider: redirects to the provider, which returns a SAML response for AWS.
//!
//! The response is a form of another site, sent without cookies. It does not sign in to the gateway: the pending request
//! belongs to an existing session, and the browser continues it with a request that includes the cookies.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::base::secret::{ProofTicket, SamlResponse};
use rolecall_core::issue::ProofOutcome;
use rolecall_core::sign_in::SignInError;
use url::Url;

use super::form::SamlForm;
use crate::web::errors::page::PageError;
use crate::web::http::detached::{DetachedError, detached, uninterrupted};
use crate::web::http::extract::{RequestScope, SignedIn};
use crate::web::http::fetch_metadata::require_navigation;
use crate::web::http::reply;
use crate::web::pages::console::visit_response;
use crate::web::pages::credentials::credentials_page;
use crate::web::pages::sign_in::provider_id;
use crate::web::pages::sign_in::view::{ProviderChoice, SignInPage};

/// Sends the browser to the provider with a page, because `form-action` blocks a redirect after a form.
///
/// # Errors
/// If the page cannot be rendered.
pub fn redirect_to_provider(start: &Url) -> Result<HttpResponse, PageError> {
    let page = SignInPage {
        notice: Some(
            "Redirecting to your identity provider, which signs you in to AWS for this role …"
                .to_owned(),
        ),
        providers: vec![ProviderChoice {
            title: "your identity provider".to_owned(),
            href: start.to_string(),
        }],
        email_field: false,
        email: String::new(),
        email_error: None,
        return_to: String::new(),
    };
    let page = reply::page(StatusCode::OK, &page)?;
    Ok(reply::refresh(page, start.as_str()))
}

/// `POST /sign-in/{provider}/aws-acs`: receives the provider's response for AWS.
///
/// # Errors
/// If the response is rejected; see [`SignInError`].
pub async fn receive(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
    form: SamlForm,
) -> Result<HttpResponse, PageError> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let response = SamlResponse::new(form.response.ok_or(SignInError::Unreadable)?);
    let received = uninterrupted(
        &scope,
        &id,
        form.reservation,
        |gateway, context, provider| async move {
            gateway
                .issuer()
                .receive_for_aws(&context, &provider, response)
                .await
        },
    );
    let ticket = received.await??;
    let path = format!("/sign-in/{id}/aws-continue/{}", ticket.expose());
    Ok(reply::see_other(&path))
}

/// `GET /sign-in/{provider}/aws-continue/{ticket}`: completes the pending request of the session.
///
/// # Errors
/// [`rolecall_core::issue::IssueError`].
pub async fn resume(
    signed_in: SignedIn,
    path: Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let (_, ticket) = path.into_inner();
    let viewer = signed_in.viewer();
    let (site, context) = signed_in.scope.parts();
    let outcome = detached(site.clone(), context, "provider", async move {
        let SignedIn { scope, session, .. } = signed_in;
        let ticket = ProofTicket::new(ticket);
        let gateway = &scope.site.gateway;
        let outcome = gateway
            .issuer()
            .continue_with_proof(&scope.context, &session, &ticket);
        outcome.await.map_err(DetachedError::Failed)
    });
    match outcome.await.map_err(DetachedError::<_, PageError>::into_surface)? {
        ProofOutcome::Visit(visit) => visit_response(false, &visit),
        ProofOutcome::Issued(issued) => credentials_page(viewer, *issued, site.gateway.now()),
        ProofOutcome::AlreadyUsed => Err(PageError::bad_request(
            "No request is waiting for this response from your identity provider: it was already used, has expired, or was \
             never requested.",
        )
        .hint("Choose the role again in the portal.")
        .action("Go to the portal", "/")),
    }
}
