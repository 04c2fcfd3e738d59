//! `sso-oidc` (2019-06-10), AWS's OpenID Connect interface for its command line and SDKs, by AWS's operation names, and the
//! authorization endpoint that belongs to it and that AWS does not model.

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

/// A member that has to be there.
fn required<T>(member: Option<T>, name: &'static str) -> Result<T, OAuthError> {
    member.ok_or(OAuthError::MissingMember(name))
}
