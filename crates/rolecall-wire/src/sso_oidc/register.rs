//! `RegisterClient` (RFC 7591).

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Request of `RegisterClient`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterClientRequest {
    /// Name, which is shown to the user and not verified.
    #[serde(alias = "client_name", skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// [`PUBLIC_CLIENT`](super::PUBLIC_CLIENT)
    #[serde(alias = "client_type", skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
    /// Scopes, at most 25. Without a scope, AWS does not issue refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Values of [`grant`](super::grant); all of them if absent.
    #[serde(alias = "grant_types", skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<String>>,
    /// Loopback redirect URIs, valid with any port (RFC 8252 7.3).
    #[serde(alias = "redirect_uris", skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<String>>,
    /// The start URL.
    #[serde(alias = "issuer_url", skip_serializing_if = "Option::is_none")]
    pub issuer_url: Option<String>,
}

/// Response of `RegisterClient`. Times are in seconds since the Unix epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterClientResponse {
    /// `client_id` for later requests.
    pub client_id: String,
    /// Time at which the registration was issued, in seconds since 1970.
    pub client_id_issued_at: i64,
    /// Secret, which the client sends with each token request.
    pub client_secret: Secret,
    /// Time of expiry of ID and secret.
    pub client_secret_expires_at: i64,
}
