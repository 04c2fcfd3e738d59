//! StartDeviceAuthorization and CreateToken. Durations are seconds.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// A client that asks for a code to show to its person (RFC 8628 3.1).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartDeviceAuthorizationRequest {
    /// From RegisterClient.
    #[serde(alias = "client_id", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// From RegisterClient.
    #[serde(alias = "client_secret", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// The portal's start URL. A form may lack it.
    #[serde(alias = "start_url", skip_serializing_if = "Option::is_none")]
    pub start_url: Option<String>,
}

/// A device authorization that waits for its person (RFC 8628 3.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartDeviceAuthorizationResponse {
    /// For CreateToken.
    #[serde(alias = "device_code")]
    pub device_code: Secret,
    /// How long both codes work.
    #[serde(alias = "expires_in")]
    pub expires_in: i64,
    /// How long to wait between two calls of CreateToken.
    pub interval: i64,
    /// For the person to enter or to compare, such as `ABCD-EFGH`.
    #[serde(alias = "user_code")]
    pub user_code: Secret,
    /// Where they do it.
    #[serde(alias = "verification_uri")]
    pub verification_uri: String,
    /// The same address with the code.
    #[serde(alias = "verification_uri_complete")]
    pub verification_uri_complete: Secret,
}

/// A client that asks for tokens. The grant type says which of the other members it needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTokenRequest {
    /// From RegisterClient.
    #[serde(alias = "client_id", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// From RegisterClient.
    #[serde(alias = "client_secret", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// One of [`grant`](super::grant).
    #[serde(alias = "grant_type", skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// From StartDeviceAuthorization.
    #[serde(alias = "device_code", skip_serializing_if = "Option::is_none")]
    pub device_code: Option<Secret>,
    /// From the authorization endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Secret>,
    /// Where the code was sent.
    #[serde(alias = "redirect_uri", skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The text whose SHA-256 was the challenge (RFC 7636 4.5).
    #[serde(alias = "code_verifier", skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<Secret>,
    /// From CreateToken.
    #[serde(alias = "refresh_token", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// An access token of the portal's interface, and the way to the next one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTokenResponse {
    /// For [`sso::BEARER_TOKEN`](crate::sso::BEARER_TOKEN).
    #[serde(alias = "access_token")]
    pub access_token: Secret,
    /// How long the access token works.
    #[serde(alias = "expires_in")]
    pub expires_in: i64,
    /// Takes the place of the token before.
    #[serde(alias = "refresh_token")]
    pub refresh_token: Secret,
    /// [`BEARER`](super::BEARER)
    #[serde(alias = "token_type")]
    pub token_type: String,
}

impl StartDeviceAuthorizationResponse {
    /// With the member names of RFC 8628, for a client that sent a form.
    pub fn for_form(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct ForForm<'a>(
            #[serde(serialize_with = "DeviceForm::serialize")] &'a StartDeviceAuthorizationResponse,
        );
        ForForm(self)
    }
}

impl CreateTokenResponse {
    /// With the member names of RFC 6749, for a client that sent a form.
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
