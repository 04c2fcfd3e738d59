//! `sso-oidc` (2019-06-10), AWS's OpenID Connect interface for the AWS CLI and SDKs: client registration, device authorization
//! (RFC 8628), authorization codes (RFC 6749 with RFC 7636) and refresh.
//!
//! Bodies are JSON with AWS's member names, or forms with those of RFC 6749. A response has the format of its request. Unknown
//! members are ignored and `null` is treated as absent, as at AWS. Duplicate members and members of a wrong type are errors.

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

/// Scope of the portal's interface.
pub const ACCOUNT_ACCESS: &str = "sso:account:access";
/// The only `clientType`.
pub const PUBLIC_CLIENT: &str = "public";
/// The only `tokenType` (RFC 6750).
pub const BEARER: &str = "Bearer";

/// Paths of the operations.
pub mod path {
    /// `RegisterClient`, `POST`.
    pub const REGISTER_CLIENT: &str = "/client/register";
    /// `StartDeviceAuthorization`, `POST`.
    pub const START_DEVICE_AUTHORIZATION: &str = "/device_authorization";
    /// The authorization endpoint, which is opened in a browser. It is not in AWS's service model.
    pub const AUTHORIZE: &str = "/authorize";
    /// `CreateToken`, `POST`.
    pub const CREATE_TOKEN: &str = "/token";
}

/// Values of `grantType`.
pub mod grant {
    /// Authorization code grant (RFC 6749 4.1.3).
    pub const AUTHORIZATION_CODE: &str = "authorization_code";
    /// Device authorization grant (RFC 8628 3.4).
    pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    /// Refresh token grant (RFC 6749 6).
    pub const REFRESH_TOKEN: &str = "refresh_token";
}

#[cfg(test)]
mod tests;
