//! A program such as AWS's command line: registers, is let in by its person in their browser with a code and PKCE, or waits
//! for them with a device code. As AWS's clients do it, from the outside.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use rolecall_core::clients::GrantType;
use serde_json::{Value, json};

use crate::http::{Connection, post, post_json, with_header};
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
    id: String,
    secret: String,
}

impl AwsClient {
    /// Registers (RegisterClient).
    pub async fn register(host: &str, gateway: SocketAddr) -> anyhow::Result<Self> {
        let body = json!({
            "clientName": "rolecall-bench", "clientType": "public", "redirectUris": [REGISTERED],
            "grantTypes": GrantType::ALL.map(GrantType::as_str), "scopes": ["sso:account:access"],
        });
        let request = post_json(host, "/client/register", &body);
        let registered = ask(&mut Connection::open(gateway).await?, &request).await?;
        Ok(Self {
            host: host.to_owned(),
            gateway,
            id: text(&registered, "clientId")?,
            secret: text(&registered, "clientSecret")?,
        })
    }

    /// Id and secret.
    pub fn credentials(&self) -> (String, String) {
        (self.id.clone(), self.secret.clone())
    }

    /// Has the person in this session of the browser allow it; the access token.
    pub async fn sign_in(&self, browser: &mut Browser, session: &str) -> anyhow::Result<String> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("redirect_uri", LISTENING)
            .append_pair("state", "bench")
            .append_pair("code_challenge_method", "S256")
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("scopes", "sso:account:access")
            .finish();
        let answer = browser
            .allow(session, &format!("/authorize?{query}"))
            .await?;
        let code = answer.query_pairs().find(|(name, _)| name == "code");
        let (_, code) = code.with_context(|| format!("no code: {answer}"))?;
        let request = self.token(
            GrantType::AuthorizationCode,
            &json!({ "code": code, "redirectUri": LISTENING, "codeVerifier": VERIFIER }),
        );
        let tokens = ask(&mut Connection::open(self.gateway).await?, &request).await?;
        text(&tokens, "accessToken")
    }

    /// Begins a device authorization from each of these addresses; the polls that ask for their tokens.
    pub async fn begin_devices(&self, addresses: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut connection = Connection::open(self.gateway).await?;
        let own = [
            ("client_id", self.id.as_str()),
            ("client_secret", self.secret.as_str()),
        ];
        let begin = post(&self.host, "/device_authorization", "", &own);
        let mut polls = Vec::with_capacity(addresses.len());
        for address in addresses {
            let begin = with_header(&begin, "X-Forwarded-For", address)?;
            let begun = ask(&mut connection, &begin).await?;
            let more = json!({ "deviceCode": text(&begun, "device_code")? });
            polls.push(self.token(GrantType::DeviceCode, &more));
        }
        Ok(polls)
    }

    /// CreateToken.
    fn token(&self, grant_type: GrantType, more: &Value) -> Vec<u8> {
        let mut body = json!({
            "clientId": self.id, "clientSecret": self.secret, "grantType": grant_type.as_str(),
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        post_json(&self.host, "/token", &body)
    }
}

async fn ask(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    let answer = connection.exchange(request).await?;
    let body = String::from_utf8_lossy(answer.body).into_owned();
    ensure!(answer.status == 200, "answered {}: {body}", answer.status);
    Ok(serde_json::from_str(&body)?)
}

fn text(answer: &Value, member: &str) -> anyhow::Result<String> {
    let text = answer[member].as_str();
    Ok(text
        .with_context(|| format!("no {member}: {answer}"))?
        .to_owned())
}
