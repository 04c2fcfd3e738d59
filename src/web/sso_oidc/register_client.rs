//! RegisterClient. It requires no authentication and stores nothing: the client secret contains the registration.

use actix_web::HttpResponse;
use rolecall_core::clients::RegistrationForm;
use rolecall_wire::sso_oidc::{RegisterClientRequest, RegisterClientResponse};

use super::body::Body;
use super::required;
use crate::web::errors::oauth::OAuthError;
use crate::web::http::extract::RequestScope;

/// `POST /client/register`.
///
/// # Errors
/// [`rolecall_core::clients::InvalidRegistration`], as AWS exceptions; `SlowDownException` if the rate
/// limit of the address is exceeded.
pub async fn register_client(
    scope: RequestScope,
    request: Body<RegisterClientRequest>,
) -> Result<HttpResponse, OAuthError> {
    let request = request.body;
    let form = RegistrationForm {
        client_name: required(request.client_name, "clientName")?,
        client_type: required(request.client_type, "clientType")?,
        scopes: request.scopes.unwrap_or_default(),
        grant_types: request.grant_types.unwrap_or_default(),
        redirect_uris: request.redirect_uris.unwrap_or_default(),
        issuer_url: request.issuer_url,
    };
    let gateway = &scope.site.gateway;
    gateway.clients().admit_registration(&scope.context).await?;
    let registered = gateway.clients().register_client(form)?;
    Ok(HttpResponse::Ok().json(RegisterClientResponse {
        client_id: registered.id.to_string(),
        client_id_issued_at: registered.client.issued_at.timestamp(),
        client_secret: registered.secret.expose().into(),
        client_secret_expires_at: registered.client.expires_at.timestamp(),
    }))
}
