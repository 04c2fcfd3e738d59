//! SAML single logout.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::ProviderId;
use rolecall_core::record::rate_limit::Share;
use rolecall_core::sign_in::{BrowserDelivery, LogoutMessage, SignOutError};

use super::form::SamlForm;
use crate::web::errors::page::PageError;
use crate::web::http::detached::uninterrupted;
use crate::web::http::extract::RequestScope;
use crate::web::http::fetch_metadata::{FetchDestination, not_a_navigation};
use crate::web::pages::sign_in::{provider_id, title};
use crate::web::pages::{auto_post, sign_out};

/// `GET /sign-in/{provider}/slo`: single logout by Redirect.
///
/// # Errors
/// If the logout request is rejected; see [`SignOutError`].
pub async fn logout_by_redirect(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, PageError> {
    let by = ordered_by(&request)?;
    let id = provider_id(&id)?;
    let query = request.query_string();
    let sent = SamlForm::parse(query.as_bytes());
    let message = || LogoutMessage::Redirect(SecretText::new(query));
    match sent {
        Some(sent) if sent.request.is_none() && sent.response.is_some() => {
            logout_response(&scope, &id, sent.relay_state, message(), None).await
        }
        Some(sent) => logout_request(&scope, &id, sent.request.map(|_| message()), by, None).await,
        None => logout_request(&scope, &id, None, by, None).await,
    }
}

/// `POST /sign-in/{provider}/slo`: single logout by POST.
///
/// # Errors
/// As [`logout_by_redirect`].
pub async fn logout_by_form(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
    form: SamlForm,
) -> Result<HttpResponse, PageError> {
    let by = ordered_by(&request)?;
    let id = provider_id(&id)?;
    let relay_state = form.relay_state.clone();
    let message = |text| LogoutMessage::Post {
        message: SecretText::new(text),
        relay_state: form.relay_state,
    };
    match (form.request, form.response) {
        (None, Some(response)) => {
            logout_response(
                &scope,
                &id,
                relay_state,
                message(response),
                form.reservation,
            )
            .await
        }
        (Some(request), None) => {
            logout_request(&scope, &id, Some(message(request)), by, form.reservation).await
        }
        (Some(_), Some(_)) | (None, None) => logout_request(&scope, &id, None, by, None).await,
    }
}

/// Identity providers may send logout requests to several applications in frames of one page.
fn ordered_by(request: &HttpRequest) -> Result<BrowserDelivery, PageError> {
    match FetchDestination::of(request) {
        FetchDestination::Window => Ok(BrowserDelivery::Navigation),
        FetchDestination::Frame => Ok(BrowserDelivery::Frame),
        FetchDestination::Resource => Err(not_a_navigation()),
    }
}

/// Handles a logout request of the provider and sends the browser back to the provider.
async fn logout_request(
    scope: &RequestScope,
    id: &ProviderId,
    message: Option<LogoutMessage>,
    by: BrowserDelivery,
    reservation: Option<Share>,
) -> Result<HttpResponse, PageError> {
    let outcome = uninterrupted(
        scope,
        id,
        reservation,
        |gateway, context, provider| async move {
            gateway
                .sign_ins()
                .handle_logout_request(&context, &provider, message, by)
                .await
        },
    );
    match outcome.await?? {
        Some(challenge) => auto_post::challenge(challenge, &title(&scope.site, id)),
        None => Ok(sign_out::redirect_to_signed_out(None)),
    }
}

/// Handles a logout response of the provider. The session has already ended, whatever the response contains.
async fn logout_response(
    scope: &RequestScope,
    id: &ProviderId,
    relay_state: Option<String>,
    message: LogoutMessage,
    reservation: Option<Share>,
) -> Result<HttpResponse, PageError> {
    let outcome = uninterrupted(
        scope,
        id,
        reservation,
        |gateway, context, provider| async move {
            gateway
                .sign_ins()
                .handle_logout_response(&context, &provider, relay_state.as_deref(), message)
                .await
        },
    );
    match outcome.await? {
        Ok(()) => Ok(sign_out::redirect_to_signed_out(None)),
        Err(error @ (SignOutError::UnknownProvider | SignOutError::RateLimited(_))) => {
            Err(error.into())
        }
        Err(error) => {
            let reason = error.code();
            tracing::warn!(provider = %id, reason, %error, "single logout failed: the session at the identity provider may still be active");
            Ok(sign_out::redirect_to_signed_out(Some(id)))
        }
    }
}
