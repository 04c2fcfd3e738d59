//! Request bodies: JSON from AWS clients, or a form as in RFC 6749. A repeated member makes a body invalid (RFC 6749 3.2).

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::web::errors::oauth::OAuthError;
use crate::web::errors::request::RequestError;

const BODY_BYTES_MAX: usize = 32 * 1024;
/// Time to receive a body. A slower client would only occupy memory.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body and its encoding. The response has the member names of the same encoding.
pub struct Body<T> {
    /// The parsed body.
    pub body: T,
    /// Whether it was a form, with the member names of RFC 6749.
    pub form: bool,
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, OAuthError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = is_form(request);
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let payload = payload.await.map_err(|_| OAuthError::UnreadableBody)?;
            let read = payload.to_bytes_limited(BODY_BYTES_MAX);
            let read = actix_web::rt::time::timeout(BODY_TIMEOUT, read).await;
            let read = read.map_err(|_| RequestError::Status(StatusCode::REQUEST_TIMEOUT))?;
            let bytes = read
                .map_err(|_| RequestError::Status(StatusCode::PAYLOAD_TOO_LARGE))?
                .map_err(|_| OAuthError::UnreadableBody)?;
            let body = match form {
                true => {
                    serde_urlencoded::from_bytes(&bytes).map_err(|_| OAuthError::UnreadableBody)?
                }
                false => serde_json::from_slice(&bytes).map_err(|_| OAuthError::UnreadableBody)?,
            };
            Ok(Self { body, form })
        })
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
