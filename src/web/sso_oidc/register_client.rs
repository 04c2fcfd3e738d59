//! `RegisterClient`: anybody may, and nothing is kept of it.

use actix_web::HttpResponse;
use rolecall_core::clients::{InvalidRegistration, RegistrationForm};
use serde::Deserialize;
use serde_json::json;

use super::body::Body;
use super::{refusal, required};
use crate::web::errors::problem::Problem;
use crate::web::http::extract::Visitor;

/// A request, with the members that mean something here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(alias = "client_name")]
    client_name: Option<String>,
    #[serde(alias = "client_type")]
    client_type: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(alias = "grant_types")]
    grant_types: Option<Vec<String>>,
    #[serde(alias = "redirect_uris")]
    redirect_uris: Option<Vec<String>>,
    #[serde(alias = "issuer_url")]
    issuer_url: Option<String>,
}

/// `POST /client/register`.
///
/// # Errors
/// [`InvalidRegistration`], under AWS's names; `SlowDownException` when there are too many from one address.
pub async fn register_client(
    visitor: Visitor,
    request: Body<Request>,
) -> Result<HttpResponse, Problem> {
    let request = request.body;
    let form = RegistrationForm {
        client_name: required(request.client_name, "clientName")?,
        client_type: required(request.client_type, "clientType")?,
        scopes: request.scopes.unwrap_or_default(),
        grant_types: request.grant_types.unwrap_or_default(),
        redirect_uris: request.redirect_uris.unwrap_or_default(),
        issuer_url: request.issuer_url,
    };
    let gateway = &visitor.site.gateway;
    gateway
        .clients()
        .admit_registration(&visitor.context)
        .await?;
    let registered = gateway.clients().register_client(form)?;
    Ok(HttpResponse::Ok().json(json!({
        "clientId": registered.id.as_str(),
        "clientSecret": registered.secret.expose(),
        "clientIdIssuedAt": registered.client.issued_at.timestamp(),
        "clientSecretExpiresAt": registered.client.expires_at.timestamp(),
    })))
}

impl From<InvalidRegistration> for Problem {
    fn from(error: InvalidRegistration) -> Self {
        let exception = match error {
            InvalidRegistration::ClientType | InvalidRegistration::TooLarge => {
                "InvalidClientMetadataException"
            }
            InvalidRegistration::Scope => "InvalidScopeException",
            InvalidRegistration::GrantType => "UnsupportedGrantTypeException",
            InvalidRegistration::RedirectUri(_) => "InvalidRedirectUriException",
            InvalidRegistration::StartUrl(_) => "InvalidRequestException",
        };
        refusal(exception, error.to_string())
    }
}
