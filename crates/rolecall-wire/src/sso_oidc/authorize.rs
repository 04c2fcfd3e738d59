//! Query of the authorization endpoint (RFC 6749 4.1.1, RFC 7636 4.3), in the order of the AWS CLI.

use serde::{Deserialize, Serialize};

/// An authorization request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// `code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_type: Option<String>,
    /// Client ID from `RegisterClient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Address of the client's listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Returned with the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `S256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    /// Scopes, separated by spaces. The name is `scopes` in the AWS CLI and `scope` in RFC 6749.
    #[serde(alias = "scope", skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// SHA-256 of the code verifier, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
}
