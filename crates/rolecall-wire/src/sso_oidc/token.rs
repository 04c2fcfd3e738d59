//! `StartDeviceAuthorization` and `CreateToken`. Durations are in seconds.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Request of `StartDeviceAuthorization` (RFC 8628 3.1).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartDeviceAuthorizationRequest {
    /// Client ID from `RegisterClient`.
    #[serde(alias = "client_id", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Client secret from `RegisterClient`.
    #[serde(alias = "client_secret", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// Start URL of the portal. It is optional in a form.
    #[serde(alias = "start_url", skip_serializing_if = "Option::is_none")]
    pub start_url: Option<String>,
}

/// Response of `StartDeviceAuthorization` (RFC 8628 3.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartDeviceAuthorizationResponse {
    /// Device code for `CreateToken`.
    #[serde(alias = "device_code")]
    pub device_code: Secret,
    /// Lifetime of both codes.
    #[serde(alias = "expires_in")]
    pub expires_in: i64,
    /// Minimum interval between calls of `CreateToken`.
    pub interval: i64,
    /// Code that the user enters or compares, such as `ABCD-EFGH`.
    #[serde(alias = "user_code")]
    pub user_code: Secret,
    /// URL where the user enters the code.
    #[serde(alias = "verification_uri")]
    pub verification_uri: String,
    /// The same URL with the code.
    #[serde(alias = "verification_uri_complete")]
    pub verification_uri_complete: Secret,
}

/// Request of `CreateToken`. The required members depend on the grant type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTokenRequest {
    /// Client ID from `RegisterClient`.
    #[serde(alias = "client_id", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Client secret from `RegisterClient`.
    #[serde(alias = "client_secret", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// One of [`grant`](super::grant).
    #[serde(alias = "grant_type", skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// Device code from `StartDeviceAuthorization`.
    #[serde(alias = "device_code", skip_serializing_if = "Option::is_none")]
    pub device_code: Option<Secret>,
    /// Authorization code from the authorization endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Secret>,
    /// Redirect URI of the authorization request.
    #[serde(alias = "redirect_uri", skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Code verifier (RFC 7636 4.5).
    #[serde(alias = "code_verifier", skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<Secret>,
    /// Refresh token from `CreateToken`.
    #[serde(alias = "refresh_token", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// Response of `CreateToken`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTokenResponse {
    /// Access token for [`sso::BEARER_TOKEN`](crate::sso::BEARER_TOKEN).
    #[serde(alias = "access_token")]
    pub access_token: Secret,
    /// Lifetime of the access token.
    #[serde(alias = "expires_in")]
    pub expires_in: i64,
    /// Replaces the previous refresh token.
    #[serde(alias = "refresh_token")]
    pub refresh_token: Secret,
    /// [`BEARER`](super::BEARER).
    #[serde(alias = "token_type")]
    pub token_type: String,
}

impl StartDeviceAuthorizationResponse {
    /// Serializes it with the member names of RFC 8628, for a client that sent a form.
    pub fn for_form(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct ForForm<'a>(
            #[serde(serialize_with = "DeviceForm::serialize")] &'a StartDeviceAuthorizationResponse,
        );
        ForForm(self)
    }
}

impl CreateTokenResponse {
    /// Serializes it with the member names of RFC 6749, for a client that sent a form.
    pub fn for_form(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct ForForm<'a>(
            #[serde(serialize_with = "TokenForm::serialize")] &'a CreateTokenResponse,
        );
        ForForm(self)
    }
}

#[derive(Serialize)]
#[serde(remote = "StartDeviceAuthorizationResponse")]
struct DeviceForm {
    device_code: Secret,
    expires_in: i64,
    interval: i64,
    user_code: Secret,
    verification_uri: String,
    verification_uri_complete: Secret,
}

#[derive(Serialize)]
#[serde(remote = "CreateTokenResponse")]
struct TokenForm {
    access_token: Secret,
    expires_in: i64,
    refresh_token: Secret,
    token_type: String,
}
