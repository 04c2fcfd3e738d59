//! The surface of a request: pages and their JSON form, or one of the interfaces of AWS clients, whose errors have exactly
//! the format of AWS's services. The path determines the surface, so every error has a format that the client can read.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpRequest, HttpResponse};
use rolecall_core::audit::ReferenceId;
use rolecall_wire::{http, signin, sso, sso_oidc};
use serde::Serialize;

use super::error_text::ErrorText;
use super::oauth::OAuthError;
use super::page::PageError;
use super::request::RequestError;
use super::signin::AwsSignInError;
use super::sso::SsoError;
use crate::web::http::reply;

const ERROR_TYPE: HeaderName = HeaderName::from_static(http::ERROR_TYPE);
const REQUEST_ID: HeaderName = HeaderName::from_static(http::REQUEST_ID);

/// The kind of client that reads the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A browser that requested a page.
    Page,
    /// A client that requested JSON.
    Json,
    /// A client of `sso`, the portal interface (2019-06-10).
    Sso,
    /// A client of `sso-oidc` (2019-06-10).
    OAuth,
    /// A client of `signin`, the interface of `aws login`.
    SignIn,
}

/// The response to a request that failed.
pub struct ErrorResponse {
    /// The HTTP response.
    pub response: HttpResponse,
    /// The error, for the log and the metrics.
    pub error_text: ErrorText,
}

impl Surface {
    /// Determined by the path for AWS clients, otherwise by `Accept`.
    pub fn of(request: &HttpRequest) -> Self {
        match request.path() {
            sso::path::LIST_ACCOUNTS
            | sso::path::LIST_ACCOUNT_ROLES
            | sso::path::GET_ROLE_CREDENTIALS
            | sso::path::LOGOUT => Self::Sso,
            sso_oidc::path::REGISTER_CLIENT
            | sso_oidc::path::START_DEVICE_AUTHORIZATION
            | sso_oidc::path::CREATE_TOKEN => Self::OAuth,
            signin::path::CREATE_OAUTH2_TOKEN => Self::SignIn,
            _ if reply::wants_json(request) => Self::Json,
            _ => Self::Page,
        }
    }

    fn is_of_aws(self) -> bool {
        match self {
            Self::Sso | Self::OAuth | Self::SignIn => true,
            Self::Page | Self::Json => false,
        }
    }

    /// Adds the header under which AWS clients log the request ID.
    pub fn add_request_id(self, headers: &mut HeaderMap, reference: &ReferenceId) {
        if self.is_of_aws()
            && let Ok(value) = HeaderValue::from_str(reference.as_str())
        {
            headers.insert(REQUEST_ID, value);
        }
    }

    /// The response to an error of a handler, an extractor or the framework.
    pub fn respond(self, error: &Error, reference: &ReferenceId) -> ErrorResponse {
        if let Some(error) = error.as_error::<PageError>() {
            self.page(error, reference)
        } else if let Some(error) = error.as_error::<SsoError>() {
            error.to_response()
        } else if let Some(error) = error.as_error::<OAuthError>() {
            error.to_response()
        } else if let Some(error) = error.as_error::<AwsSignInError>() {
            error.to_response()
        } else if let Some(error) = error.as_error::<RequestError>() {
            self.reject(error.clone(), reference)
        } else {
            let status = error.as_response_error().status_code();
            self.reject(RequestError::Status(status), reference)
        }
    }

    /// The response to a request that was rejected before a handler ran.
    pub fn reject(self, error: RequestError, reference: &ReferenceId) -> ErrorResponse {
        match self {
            Self::Page | Self::Json => self.page(&error.into(), reference),
            Self::Sso => SsoError::from(error).to_response(),
            Self::OAuth => OAuthError::from(error).to_response(),
            Self::SignIn => AwsSignInError::from(error).to_response(),
        }
    }

    fn page(self, error: &PageError, reference: &ReferenceId) -> ErrorResponse {
        let response = match self {
            Self::Page => error.page(reference),
            Self::Json | Self::Sso | Self::OAuth | Self::SignIn => error.json(reference),
        };
        ErrorResponse::new(response, error.error_text().clone())
    }
}

impl ErrorResponse {
    /// A response, with `Retry-After` if the error has it.
    pub fn new(mut response: HttpResponse, error_text: ErrorText) -> Self {
        if let Some(seconds) = error_text.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Self {
            response,
            error_text,
        }
    }

    /// A response for AWS clients, which read the exception name from a header.
    pub fn of_aws(exception: &'static str, body: &impl Serialize, error_text: ErrorText) -> Self {
        let mut response = HttpResponse::build(error_text.status).json(body);
        let exception = HeaderValue::from_static(exception);
        response.headers_mut().insert(ERROR_TYPE, exception);
        Self::new(response, error_text)
    }
}
