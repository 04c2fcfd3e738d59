//! RegisterClient (RFC 7591).

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// A client that registers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterClientRequest {
    /// Shown to the person; unverified.
    #[serde(alias = "client_name", skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// [`PUBLIC_CLIENT`](super::PUBLIC_CLIENT)
    #[serde(alias = "client_type", skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
    /// Up to 25; a client without any gets no refresh token at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Of [`grant`](super::grant); all of them where absent.
    #[serde(alias = "grant_types", skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<String>>,
    /// Loopback addresses, on any port (RFC 8252 7.3).
    #[serde(alias = "redirect_uris", skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<String>>,
    /// The start URL.
    #[serde(alias = "issuer_url", skip_serializing_if = "Option::is_none")]
    pub issuer_url: Option<String>,
}

/// A client that is registered. Times are seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterClientResponse {
    /// `client_id` of every request that follows.
    pub client_id: String,
    /// When it was issued.
    pub client_id_issued_at: i64,
    /// Proves that the client is the one of this id.
    pub client_secret: Secret,
    /// When id and secret expire.
    pub client_secret_expires_at: i64,
}
