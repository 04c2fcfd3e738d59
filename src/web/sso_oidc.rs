//! `sso-oidc` (2019-06-10), AWS's OpenID Connect interface for its command line and SDKs, by AWS's operation names, and the
//! authorization endpoint that belongs to it and that AWS does not model. Errors are told by [`crate::web::errors::dialect`].

mod authorize;
mod body;
mod create_token;
mod register_client;
mod start_device_authorization;

pub use authorize::{authorize, decide};
pub use create_token::create_token;
pub use register_client::register_client;
pub use start_device_authorization::start_device_authorization;

use actix_web::http::StatusCode;

use crate::web::errors::problem::{Fault, Problem};

/// A refusal under the name that AWS's model has for it, and its status there.
fn refusal(exception: &'static str, message: impl Into<String>) -> Problem {
    let (status, code) = match exception {
        "InvalidClientException" => (StatusCode::UNAUTHORIZED, "invalid_client"),
        _ => (StatusCode::BAD_REQUEST, "client_refused"),
    };
    Problem::new(status, Fault::Caller, code, "Not for this client", message).exception(exception)
}

/// A member that has to be there.
fn required<T>(member: Option<T>, name: &str) -> Result<T, Problem> {
    member.ok_or_else(|| refusal("InvalidRequestException", format!("{name} is missing.")))
}
