//! In which words an answer tells what went wrong: pages for people, and for AWS's clients JSON exactly as AWS's own
//! services write it. The address decides, so whatever refuses a request, its client can read why.
//!
//! AWS's clients take the kind of an error from `x-amzn-ErrorType`, since the bodies of sso and sso-oidc do not hold it.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::audit::ReferenceId;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::web::http::reply;

const ERROR_TYPE: HeaderName = HeaderName::from_static(rolecall_wire::http::ERROR_TYPE);
const REQUEST_ID: HeaderName = HeaderName::from_static(rolecall_wire::http::REQUEST_ID);

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A person.
    Page,
    /// A program of the company's own, which asked for JSON.
    Json,
    /// A client of `sso`, the portal's interface (2019-06-10).
    Sso,
    /// A client of `sso-oidc` (2019-06-10).
    SsoOidc,
    /// A client of `signin`, the interface behind `aws login`.
    SignIn,
}

impl Dialect {
    /// By the address, which AWS's clients bring with them; else by what is asked for.
    pub fn of(request: &HttpRequest) -> Self {
        match request.path() {
            "/assignment/accounts"
            | "/assignment/roles"
            | "/federation/credentials"
            | "/logout" => Self::Sso,
            "/client/register" | "/device_authorization" | "/token" => Self::SsoOidc,
            "/v1/token" => Self::SignIn,
            _ if reply::wants_json(request) => Self::Json,
            _ => Self::Page,
        }
    }

    fn is_of_aws(self) -> bool {
        match self {
            Self::Sso | Self::SsoOidc | Self::SignIn => true,
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

    /// The problem in this dialect; none where it is told as a page.
    pub fn tell(self, problem: &Problem, reference: &ReferenceId) -> Option<HttpResponse> {
        let exception = problem
            .exception
            .unwrap_or_else(|| self.exception(problem.status));
        let said = said(problem);
        let body: Value = match self {
            Self::Page => return None,
            Self::Json => {
                let body = json!({
                    "error": problem.code, "message": problem.message, "hint": problem.hint, "detail": problem.detail, "reference": reference.as_str(),
                });
                return Some(HttpResponse::build(problem.status).json(body));
            }
            Self::Sso => json!({ "message": said, "__type": exception }),
            Self::SsoOidc => json!({ "error": oauth_error(exception), "error_description": said }),
            Self::SignIn => json!({ "error": sign_in_error(problem), "message": said }),
        };
        let status = match self {
            // Its model knows no other.
            Self::SignIn if problem.status.is_server_error() => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Page | Self::Json | Self::Sso | Self::SsoOidc | Self::SignIn => problem.status,
        };
        let mut response = HttpResponse::build(status).json(body);
        response
            .headers_mut()
            .insert(ERROR_TYPE, HeaderValue::from_static(exception));
        Some(response)
    }

    /// What AWS's models, or where they are silent its servers, call an error of this status.
    fn exception(self, status: StatusCode) -> &'static str {
        match status.as_u16() {
            401 if self == Self::SsoOidc => "InvalidClientException",
            401 if self == Self::Sso => "UnauthorizedException",
            401 | 403 if self == Self::SignIn => "AccessDeniedException",
            403 if self == Self::SsoOidc => "AccessDeniedException",
            403 => "ForbiddenException",
            429 if self == Self::SsoOidc => "SlowDownException",
            429 if self == Self::SignIn => "TooManyRequestsError",
            429 => "TooManyRequestsException",
            500.. => "InternalServerException",
            _ if self == Self::SignIn => "ValidationException",
            _ => "InvalidRequestException",
        }
    }
}

/// What happened and what to do: clients print it, and nothing else.
fn said(problem: &Problem) -> String {
    match &problem.hint {
        Some(hint) => format!("{} {hint}", problem.message),
        None => problem.message.clone(),
    }
}

/// `error` of signin's model (`OAuth2ErrorCode`); what the door or the framework refused has only a general word.
fn sign_in_error(problem: &Problem) -> &'static str {
    const WORDS: [&str; 3] = [
        "TOKEN_EXPIRED",
        "AUTHCODE_EXPIRED",
        "INSUFFICIENT_PERMISSIONS",
    ];
    match problem.code {
        known if WORDS.contains(&known) => known,
        _ if problem.status.is_server_error() => "server_error",
        _ => "INVALID_REQUEST",
    }
}

/// `error` of RFC 6749 5.2 and RFC 8628 3.5, which sso-oidc derives from the exception's name.
fn oauth_error(exception: &str) -> String {
    if exception == "InternalServerException" {
        return "server_error".to_owned();
    }
    let name = exception.strip_suffix("Exception").unwrap_or(exception);
    let mut error = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !error.is_empty() {
            error.push('_');
        }
        error.push(c.to_ascii_lowercase());
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_called_as_rfc_6749_and_rfc_8628_call_them() {
        for (exception, error) in [
            ("AuthorizationPendingException", "authorization_pending"),
            ("SlowDownException", "slow_down"),
            ("ExpiredTokenException", "expired_token"),
            ("AccessDeniedException", "access_denied"),
            ("InvalidGrantException", "invalid_grant"),
            ("InvalidClientException", "invalid_client"),
            ("InvalidRequestException", "invalid_request"),
            ("UnauthorizedClientException", "unauthorized_client"),
            ("UnsupportedGrantTypeException", "unsupported_grant_type"),
            ("InvalidScopeException", "invalid_scope"),
            ("InvalidClientMetadataException", "invalid_client_metadata"),
            ("InvalidRedirectUriException", "invalid_redirect_uri"),
            ("InternalServerException", "server_error"),
        ] {
            assert_eq!(oauth_error(exception), error);
        }
    }
}
