//! `sso-oidc` (2019-06-10), the OpenID Connect interface of AWS clients, with one file per AWS operation, and its authorization
//! endpoint, which AWS does not model.

mod authorize;
mod body;
mod create_token;
mod register_client;
mod start_device_authorization;

pub use authorize::{authorize, decide};
pub use create_token::create_token;
pub use register_client::register_client;
pub use start_device_authorization::start_device_authorization;

use super::errors::oauth::OAuthError;

/// The value of a required member.
fn required<T>(member: Option<T>, name: &'static str) -> Result<T, OAuthError> {
    member.ok_or(OAuthError::MissingMember(name))
}
