//! Forms that identity providers send through the browser (SAML Bindings 3.5, HTTP POST).

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use rolecall_core::base::limits;
use rolecall_core::record::rate_limit::Share;

use crate::web::errors::page::PageError;
use crate::web::errors::request::RequestError;
use crate::web::http::address::known;
use crate::web::http::extract::BODY_TIMEOUT;
use crate::web::http::fetch_metadata::{FetchDestination, not_a_navigation};
use crate::web::site::Site;

/// Maximum size of a form in bytes: the message in base64 with percent-encoded `+`, `/` and `=`, and the `RelayState`.
pub const FORM_BYTES_MAX: usize = limits::SAML_MESSAGE_BYTES_MAX / 8 * 9 + 8 * 1024;

/// A form that another site's page sent: `SAMLRequest` or `SAMLResponse`, each at most once, and at most one `RelayState`.
pub struct SamlForm {
    /// `SAMLRequest`, untrusted.
    pub request: Option<String>,
    /// `SAMLResponse`, untrusted.
    pub response: Option<String>,
    /// `RelayState`, untrusted.
    pub relay_state: Option<String>,
    /// Capacity that is reserved until the form is processed; `None` for the query of a redirect.
    pub reservation: Option<Share>,
}

impl FromRequest for SamlForm {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Before the body is read.
        let reservation = match reserve(request) {
            Ok(reservation) => reservation,
            Err(error) => return Box::pin(async { Err(error) }),
        };
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let read = actix_web::rt::time::timeout(BODY_TIMEOUT, body).await;
            let read = read.map_err(|_| RequestError::Status(StatusCode::REQUEST_TIMEOUT))?;
            let body = read.map_err(|_| RequestError::Status(StatusCode::PAYLOAD_TOO_LARGE))?;
            let form = Self::parse(&body).ok_or_else(|| {
                PageError::bad_request("A field of the identity provider's form is repeated.")
            })?;
            Ok(Self {
                reservation,
                ..form
            })
        })
    }
}

/// Reserves capacity for a form, and rejects forms that are neither a navigation nor in a frame.
fn reserve(request: &HttpRequest) -> Result<Option<Share>, PageError> {
    if request.content_type() != "application/x-www-form-urlencoded" {
        return Err(RequestError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into());
    }
    if FetchDestination::of(request) == FetchDestination::Resource {
        return Err(not_a_navigation());
    }
    let Some(site) = request.app_data::<Data<Site>>() else {
        return Ok(None);
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes = length.unwrap_or(FORM_BYTES_MAX).min(FORM_BYTES_MAX);
    let sign_ins = site.gateway.sign_ins();
    Ok(Some(sign_ins.reserve_form(known(request), bytes)?))
}

impl SamlForm {
    /// Parses a form, or the query of a redirect; `None` if a field is repeated.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut found: [Option<String>; 3] = Default::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let known = ["SAMLRequest", "SAMLResponse", "RelayState"];
            let Some(at) = known.iter().position(|known| *known == name) else {
                continue;
            };
            if found[at].replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let [request, response, relay_state] = found;
        Some(Self {
            request,
            response,
            relay_state,
            reservation: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_field_is_rejected() {
        let one = SamlForm::parse(b"SAMLResponse=a%2Bb&RelayState=r&x=1").unwrap();
        assert_eq!(one.response.as_deref(), Some("a+b"));
        assert!(one.request.is_none());
        assert_eq!(one.relay_state.as_deref(), Some("r"));
        for twice in [
            "SAMLResponse=a&SAMLResponse=a",
            "RelayState=a&SAMLResponse=b&RelayState=a",
            "SAMLRequest=&SAMLRequest=",
        ] {
            assert!(SamlForm::parse(twice.as_bytes()).is_none(), "{twice}");
        }
    }
}
