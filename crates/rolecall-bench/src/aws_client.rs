//! An AWS client, such as the AWS CLI: registers and obtains tokens, by authorization code with PKCE in a user's browser or by
//! device code.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use rolecall_wire::secret::Secret;
use rolecall_wire::sso_oidc::{
    ACCOUNT_ACCESS, AuthorizationRequest, Client, CreateTokenRequest, CreateTokenResponse,
    PUBLIC_CLIENT, RegisterClientRequest, RegisterClientResponse, StartDeviceAuthorizationResponse,
    grant, path,
};
use serde::de::DeserializeOwned;

use crate::http::{Connection, post_json, with_header};
use crate::sign_in::Browser;

/// The redirect URI that the AWS CLI registers, and the one that it uses.
const REGISTERED: &str = "http://127.0.0.1/oauth/callback";
const LISTENING: &str = "http://127.0.0.1:33389/oauth/callback";
/// Code verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A registered client.
#[derive(Clone)]
pub struct AwsClient {
    host: String,
    gateway: SocketAddr,
    client: Client,
}

impl AwsClient {
    /// Registers a client (`RegisterClient`).
    pub async fn register(host: &str, gateway: SocketAddr) -> anyhow::Result<Self> {
        let grants = [
            grant::AUTHORIZATION_CODE,
            grant::DEVICE_CODE,
            grant::REFRESH_TOKEN,
        ];
        let body = RegisterClientRequest {
            client_name: Some("rolecall-bench".to_owned()),
            client_type: Some(PUBLIC_CLIENT.to_owned()),
            redirect_uris: Some(vec![REGISTERED.to_owned()]),
            grant_types: Some(grants.map(str::to_owned).into()),
            scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
            issuer_url: None,
        };
        let request = post_json(host, path::REGISTER_CLIENT, &body)?;
        let registered: RegisterClientResponse =
            exchange_json(&mut Connection::open(gateway).await?, &request).await?;
        Ok(Self {
            host: host.to_owned(),
            gateway,
            client: registered.into(),
        })
    }

    /// Obtains an access token: the user of this browser session grants access.
    pub async fn sign_in(&self, browser: &mut Browser, session: &str) -> anyhow::Result<Secret> {
        let query = serde_urlencoded::to_string(AuthorizationRequest {
            response_type: Some("code".to_owned()),
            client_id: Some(self.client.id.clone()),
            redirect_uri: Some(LISTENING.to_owned()),
            state: Some("bench".to_owned()),
            code_challenge_method: Some("S256".to_owned()),
            scopes: Some(ACCOUNT_ACCESS.to_owned()),
            code_challenge: Some(CHALLENGE.to_owned()),
        })?;
        let response = browser
            .allow(session, &format!("{}?{query}", path::AUTHORIZE))
            .await?;
        let code = response.query_pairs().find(|(name, _)| name == "code");
        let (_, code) = code.with_context(|| format!("no code: {response}"))?;
        let request = self
            .client
            .authorization_code_request(&code, LISTENING, VERIFIER);
        let request = self.token(&request)?;
        let tokens: CreateTokenResponse =
            exchange_json(&mut Connection::open(self.gateway).await?, &request).await?;
        Ok(tokens.access_token)
    }

    /// Starts a device authorization from each of these addresses. Returns the requests that poll for their tokens.
    pub async fn start_devices(&self, addresses: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut connection = Connection::open(self.gateway).await?;
        let start = self.device_authorization()?;
        let mut polls = Vec::with_capacity(addresses.len());
        for address in addresses {
            let start = with_header(&start, "X-Forwarded-For", address)?;
            let started: StartDeviceAuthorizationResponse =
                exchange_json(&mut connection, &start).await?;
            let request = self
                .client
                .device_code_request(started.device_code.expose());
            polls.push(self.token(&request)?);
        }
        Ok(polls)
    }

    /// The request `StartDeviceAuthorization`.
    pub fn device_authorization(&self) -> anyhow::Result<Vec<u8>> {
        let start_url = format!("http://{}/start", self.host);
        let body = self.client.start_device_authorization(&start_url);
        post_json(&self.host, path::START_DEVICE_AUTHORIZATION, &body)
    }

    /// The request `CreateToken` with this refresh token.
    pub fn refresh(&self, token: &str) -> anyhow::Result<Vec<u8>> {
        self.token(&self.client.refresh_token_request(token))
    }

    /// `client_id`.
    pub fn id(&self) -> &str {
        &self.client.id
    }

    /// The request `CreateToken`.
    fn token(&self, request: &CreateTokenRequest) -> anyhow::Result<Vec<u8>> {
        post_json(&self.host, path::CREATE_TOKEN, request)
    }
}

async fn exchange_json<T: DeserializeOwned>(
    connection: &mut Connection,
    request: &[u8],
) -> anyhow::Result<T> {
    let response = connection.exchange(request).await?;
    let body = String::from_utf8_lossy(response.body);
    ensure!(
        response.status == 200,
        "answered {}: {body}",
        response.status
    );
    Ok(serde_json::from_str(&body)?)
}
