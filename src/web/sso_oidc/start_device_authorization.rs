//! StartDeviceAuthorization (RFC 8628 3.1 and 3.2).

use actix_web::HttpResponse;
use rolecall_core::base::secret::ClientSecret;
use rolecall_core::clients::{ClientId, GrantType, TokenError};
use rolecall_wire::sso_oidc::{StartDeviceAuthorizationRequest, StartDeviceAuthorizationResponse};

use super::body::Body;
use super::required;
use crate::web::errors::oauth::OAuthError;
use crate::web::http::extract::RequestScope;
use crate::web::http::reply;

/// `POST /device_authorization`.
///
/// # Errors
/// [`TokenError`] and [`rolecall_core::clients::DeviceError`], as AWS exceptions.
pub async fn start_device_authorization(
    scope: RequestScope,
    request: Body<StartDeviceAuthorizationRequest>,
) -> Result<HttpResponse, OAuthError> {
    let Body { body, form } = request;
    let id = required(body.client_id, "clientId")?;
    let secret = ClientSecret::new(required(body.client_secret, "clientSecret")?);
    let start_url = match form {
        true => body.start_url,
        false => Some(required(body.start_url, "startUrl")?),
    };
    let id = ClientId::parse(&id).map_err(|_| TokenError::InvalidClient)?;
    let site = &scope.site;
    let client = site
        .gateway
        .clients()
        .authenticate_client(&id, &secret, GrantType::DeviceCode)?;
    let started = site
        .gateway
        .clients()
        .start_device_authorization(&scope.context, (&id, &client), start_url.as_deref())
        .await?;
    let code = started.user_code.to_string();
    let page = format!("{}/device", site.origin());
    let complete = format!("{page}?{}", reply::query(&[("user_code", &code)]));
    let response = StartDeviceAuthorizationResponse {
        device_code: started.device_code.expose().into(),
        expires_in: started.expires_in.num_seconds(),
        interval: started.interval.num_seconds(),
        user_code: code.into(),
        verification_uri: page,
        verification_uri_complete: complete.into(),
    };
    Ok(match form {
        true => HttpResponse::Ok().json(response.for_form()),
        false => HttpResponse::Ok().json(response),
    })
}
