//! Bodies of requests: JSON as AWS's clients send it, or a form as RFC 6749 has it. A member that is there twice makes a
//! body unreadable (RFC 6749 3.2).

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
/// Whoever sends a body slower than this holds a worker's memory for nothing.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body, and how it was written: the answer is written the same way.
pub struct Body<T> {
    /// What it says.
    pub body: T,
    /// Whether it was a form; its members and those of the answer are called as in RFC 6749 then.
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
