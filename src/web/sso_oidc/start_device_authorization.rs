//! `StartDeviceAuthorization` (RFC 8628 3.1 and 3.2).

use actix_web::HttpResponse;
use rolecall_core::base::secret::ClientSecret;
use rolecall_core::clients::{ClientId, DeviceError, GrantType, TokenError};
use serde::Deserialize;
use serde_json::json;

use super::body::Body;
use super::{refusal, required};
use crate::web::errors::problem::Problem;
use crate::web::http::extract::Visitor;
use crate::web::http::reply;

/// A request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(alias = "client_id")]
    client_id: Option<String>,
    #[serde(alias = "client_secret")]
    client_secret: Option<String>,
    #[serde(alias = "start_url")]
    start_url: Option<String>,
}

/// `POST /device_authorization`.
///
/// # Errors
/// [`TokenError`] and [`DeviceError`], under AWS's names.
pub async fn start_device_authorization(
    visitor: Visitor,
    request: Body<Request>,
) -> Result<HttpResponse, Problem> {
    let Body { body, form } = request;
    let id = required(body.client_id, "clientId")?;
    let secret = ClientSecret::new(required(body.client_secret, "clientSecret")?);
    let start_url = match form {
        true => body.start_url,
        false => Some(required(body.start_url, "startUrl")?),
    };
    let id = ClientId::parse(&id).map_err(|_| TokenError::InvalidClient)?;
    let site = &visitor.site;
    let client = site
        .gateway
        .clients()
        .authenticate_client(&id, &secret, GrantType::DeviceCode)?;
    let started = site
        .gateway
        .clients()
        .start_device_authorization(&visitor.context, (&id, &client), start_url.as_deref())
        .await?;
    let code = started.user_code.to_string();
    let page = format!("{}/device", site.origin());
    let complete = format!("{page}?{}", reply::query(&[("user_code", &code)]));
    let (expires, interval) = (
        started.expires_in.num_seconds(),
        started.interval.num_seconds(),
    );
    let device_code = started.device_code.expose();
    Ok(HttpResponse::Ok().json(match form {
        true => json!({
            "device_code": device_code, "user_code": code, "verification_uri": page,
            "verification_uri_complete": complete, "expires_in": expires, "interval": interval,
        }),
        false => json!({
            "deviceCode": device_code, "userCode": code, "verificationUri": page,
            "verificationUriComplete": complete, "expiresIn": expires, "interval": interval,
        }),
    }))
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        let exception = match error {
            DeviceError::Off => "UnauthorizedClientException",
            DeviceError::StartUrl(_) => "InvalidRequestException",
            DeviceError::TooMany(exceeded) => return exceeded.into(),
            DeviceError::Unavailable(error) => return error.into(),
        };
        refusal(exception, error.to_string())
    }
}
