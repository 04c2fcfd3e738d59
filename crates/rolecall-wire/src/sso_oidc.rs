//! `sso-oidc` (2019-06-10), AWS's OpenID Connect interface for its command line and SDKs: registration, both ways to an
//! access token (RFC 8628, and RFC 6749 with RFC 7636), and its refresh.
//!
//! Bodies are JSON with AWS's member names, or a form with those of RFC 6749; an answer is written like its request.
//! Requests are read leniently, as AWS does it: unknown members are ignored and `null` is absent, but a member that is
//! there twice, or has the wrong type, makes a request unreadable.

mod authorize;
mod client;
mod error;
mod register;
mod token;

pub use authorize::AuthorizationRequest;
pub use client::Client;
pub use error::{ErrorBody, Exception};
pub use register::{RegisterClientRequest, RegisterClientResponse};
pub use token::{
    CreateTokenRequest, CreateTokenResponse, StartDeviceAuthorizationRequest,
    StartDeviceAuthorizationResponse,
};

/// The scope of the portal's interface.
pub const ACCOUNT_ACCESS: &str = "sso:account:access";
/// The only `clientType`.
pub const PUBLIC_CLIENT: &str = "public";
/// The only `tokenType` (RFC 6750).
pub const BEARER: &str = "Bearer";

/// Where each operation is.
pub mod path {
    /// RegisterClient, `POST`.
    pub const REGISTER_CLIENT: &str = "/client/register";
    /// StartDeviceAuthorization, `POST`.
    pub const START_DEVICE_AUTHORIZATION: &str = "/device_authorization";
    /// The authorization endpoint, opened in a browser. AWS's model lacks it.
    pub const AUTHORIZE: &str = "/authorize";
    /// CreateToken, `POST`.
    pub const CREATE_TOKEN: &str = "/token";
}

/// `grantType`
pub mod grant {
    /// RFC 6749 4.1.3
    pub const AUTHORIZATION_CODE: &str = "authorization_code";
    /// RFC 8628 3.4
    pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    /// RFC 6749 6
    pub const REFRESH_TOKEN: &str = "refresh_token";
}

#[cfg(test)]
mod tests;
