//! The query of the authorization endpoint (RFC 6749 4.1.1, RFC 7636 4.3), in the order of the AWS CLI.

use serde::{Deserialize, Serialize};

/// A client's request for an authorization code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// `code`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_type: Option<String>,
    /// From RegisterClient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where the client listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Given back with the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `S256`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    /// Separated by spaces. The AWS CLI calls it `scopes`, RFC 6749 `scope`.
    #[serde(alias = "scope", skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// SHA-256 of the verifier, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
}
