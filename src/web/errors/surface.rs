//! Which surface a request is for: pages and JSON for people and the company's own programs, or one of the interfaces of
//! AWS's clients, whose errors are written exactly as AWS's own services write them. The address decides, so whatever refuses
//! a request, its client can read why.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpRequest, HttpResponse};
use rolecall_core::audit::ReferenceId;
use rolecall_wire::{http, signin, sso, sso_oidc};
use serde::Serialize;

use super::explanation::Explanation;
use super::oauth::OAuthError;
use super::page::PageError;
use super::request::RequestError;
use super::signin::AwsSignInError;
use super::sso::SsoError;
use crate::web::http::reply;

const ERROR_TYPE: HeaderName = HeaderName::from_static(http::ERROR_TYPE);
const REQUEST_ID: HeaderName = HeaderName::from_static(http::REQUEST_ID);

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A person.
    Page,
    /// A program of the company's own, which asked for JSON.
    Json,
    /// A client of `sso`, the portal's interface (2019-06-10).
    Sso,
    /// A client of `sso-oidc` (2019-06-10).
    OAuth,
    /// A client of `signin`, the interface behind `aws login`.
    SignIn,
}

/// The answer to a request that went wrong.
pub struct Answer {
    /// The response.
    pub response: HttpResponse,
    /// For the log and the metrics.
    pub explanation: Explanation,
}

impl Surface {
    /// By the address, which AWS's clients bring with them; else by what is asked for.
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

    /// AWS's clients log the request's id under this name.
    pub fn add_request_id(self, headers: &mut HeaderMap, reference: &ReferenceId) {
        if self.is_of_aws()
            && let Ok(value) = HeaderValue::from_str(reference.as_str())
        {
            headers.insert(REQUEST_ID, value);
        }
    }

    /// The answer to an error of a handler, of an extractor or of the framework.
    pub fn answer(self, error: &Error, reference: &ReferenceId) -> Answer {
        if let Some(error) = error.as_error::<PageError>() {
            self.page(error, reference)
        } else if let Some(error) = error.as_error::<SsoError>() {
            error.answer()
        } else if let Some(error) = error.as_error::<OAuthError>() {
            error.answer()
        } else if let Some(error) = error.as_error::<AwsSignInError>() {
            error.answer()
        } else if let Some(error) = error.as_error::<RequestError>() {
            self.refuse(error.clone(), reference)
        } else {
            let status = error.as_response_error().status_code();
            self.refuse(RequestError::Status(status), reference)
        }
    }

    /// The answer to what no handler has seen.
    pub fn refuse(self, error: RequestError, reference: &ReferenceId) -> Answer {
        match self {
            Self::Page | Self::Json => self.page(&error.into(), reference),
            Self::Sso => SsoError::from(error).answer(),
            Self::OAuth => OAuthError::from(error).answer(),
            Self::SignIn => AwsSignInError::from(error).answer(),
        }
    }

    fn page(self, error: &PageError, reference: &ReferenceId) -> Answer {
        let response = match self {
            Self::Page => error.page(reference),
            Self::Json | Self::Sso | Self::OAuth | Self::SignIn => error.json(reference),
        };
        Answer::new(response, error.explanation().clone())
    }
}

impl Answer {
    /// An answer, with `Retry-After` where the explanation has it.
    pub fn new(mut response: HttpResponse, explanation: Explanation) -> Self {
        if let Some(seconds) = explanation.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Self {
            response,
            explanation,
        }
    }

    /// An answer for AWS's clients, which read the exception's name from a header.
    pub fn of_aws(
        exception: &'static str,
        body: &impl Serialize,
        explanation: Explanation,
    ) -> Self {
        let mut response = HttpResponse::build(explanation.status).json(body);
        let exception = HeaderValue::from_static(exception);
        response.headers_mut().insert(ERROR_TYPE, exception);
        Self::new(response, explanation)
    }
}
