//! A program such as AWS's command line: registers, is let in by its person in their browser with a code and PKCE, or waits
//! for them with a device code. As AWS's clients do it, from the outside.

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

/// What AWS's command line registers, and where it then listens.
const REGISTERED: &str = "http://127.0.0.1/oauth/callback";
const LISTENING: &str = "http://127.0.0.1:33389/oauth/callback";
/// Verifier and challenge of RFC 7636, appendix B.
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
    /// Registers (RegisterClient).
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
            ask(&mut Connection::open(gateway).await?, &request).await?;
        Ok(Self {
            host: host.to_owned(),
            gateway,
            client: registered.into(),
        })
    }

    /// Has the person in this session of the browser allow it; the access token.
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
        let answer = browser
            .allow(session, &format!("{}?{query}", path::AUTHORIZE))
            .await?;
        let code = answer.query_pairs().find(|(name, _)| name == "code");
        let (_, code) = code.with_context(|| format!("no code: {answer}"))?;
        let request = self
            .client
            .authorization_code_request(&code, LISTENING, VERIFIER);
        let request = self.token(&request)?;
        let tokens: CreateTokenResponse =
            ask(&mut Connection::open(self.gateway).await?, &request).await?;
        Ok(tokens.access_token)
    }

    /// Begins a device authorization from each of these addresses; the polls that ask for their tokens.
    pub async fn begin_devices(&self, addresses: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut connection = Connection::open(self.gateway).await?;
        let begin = self.device_authorization()?;
        let mut polls = Vec::with_capacity(addresses.len());
        for address in addresses {
            let begin = with_header(&begin, "X-Forwarded-For", address)?;
            let begun: StartDeviceAuthorizationResponse = ask(&mut connection, &begin).await?;
            let request = self.client.device_code_request(begun.device_code.expose());
            polls.push(self.token(&request)?);
        }
        Ok(polls)
    }

    /// StartDeviceAuthorization.
    pub fn device_authorization(&self) -> anyhow::Result<Vec<u8>> {
        let start_url = format!("http://{}/start", self.host);
        let body = self.client.start_device_authorization(&start_url);
        post_json(&self.host, path::START_DEVICE_AUTHORIZATION, &body)
    }

    /// CreateToken with this refresh token.
    pub fn refresh(&self, token: &str) -> anyhow::Result<Vec<u8>> {
        self.token(&self.client.refresh_token_request(token))
    }

    /// `client_id`
    pub fn id(&self) -> &str {
        &self.client.id
    }

    /// CreateToken.
    fn token(&self, request: &CreateTokenRequest) -> anyhow::Result<Vec<u8>> {
        post_json(&self.host, path::CREATE_TOKEN, request)
    }
}

async fn ask<T: DeserializeOwned>(
    connection: &mut Connection,
    request: &[u8],
) -> anyhow::Result<T> {
    let answer = connection.exchange(request).await?;
    let body = String::from_utf8_lossy(answer.body);
    ensure!(answer.status == 200, "answered {}: {body}", answer.status);
    Ok(serde_json::from_str(&body)?)
}
