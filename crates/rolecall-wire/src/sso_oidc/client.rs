//! A registered client and its requests.

use super::{CreateTokenRequest, RegisterClientResponse, StartDeviceAuthorizationRequest, grant};
use crate::secret::Secret;

/// Client ID and secret from `RegisterClient`, for later requests.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: Secret,
}

impl From<RegisterClientResponse> for Client {
    fn from(registered: RegisterClientResponse) -> Self {
        Self {
            id: registered.client_id,
            secret: registered.client_secret,
        }
    }
}

impl Client {
    /// A request for a device code for this start URL.
    pub fn start_device_authorization(&self, start_url: &str) -> StartDeviceAuthorizationRequest {
        StartDeviceAuthorizationRequest {
            client_id: Some(self.id.clone()),
            client_secret: Some(self.secret.clone()),
            start_url: Some(start_url.to_owned()),
        }
    }

    /// A request for the tokens of a device code.
    pub fn device_code_request(&self, device_code: &str) -> CreateTokenRequest {
        CreateTokenRequest {
            device_code: Some(device_code.into()),
            ..self.create_token(grant::DEVICE_CODE)
        }
    }

    /// A request for the tokens of an authorization code that was sent to `redirect_uri` (RFC 6749 4.1.3, RFC 7636 4.5).
    pub fn authorization_code_request(
        &self,
        code: &str,
        redirect_uri: &str,
        code_verifier: &str,
    ) -> CreateTokenRequest {
        CreateTokenRequest {
            code: Some(code.into()),
            redirect_uri: Some(redirect_uri.to_owned()),
            code_verifier: Some(code_verifier.into()),
            ..self.create_token(grant::AUTHORIZATION_CODE)
        }
    }

    /// A request for new tokens.
    pub fn refresh_token_request(&self, refresh_token: &str) -> CreateTokenRequest {
        CreateTokenRequest {
            refresh_token: Some(refresh_token.into()),
            ..self.create_token(grant::REFRESH_TOKEN)
        }
    }

    fn create_token(&self, grant_type: &str) -> CreateTokenRequest {
        CreateTokenRequest {
            client_id: Some(self.id.clone()),
            client_secret: Some(self.secret.clone()),
            grant_type: Some(grant_type.to_owned()),
            ..CreateTokenRequest::default()
        }
    }
}
