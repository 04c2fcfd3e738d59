//! Tests of `sso-oidc` and the consent page: message formats, both flows, and requests that must be rejected.

mod burst;
mod code;
mod consent;
mod device;
mod formats;
mod limits;
mod race;
mod rate_limits;
mod redirect;
mod refresh;
mod replicas;
mod session_end;
mod sign_out;
mod start_url;

use rolecall_wire::http::{ERROR_TYPE, REQUEST_ID};
use rolecall_wire::sso_oidc::{
    ACCOUNT_ACCESS, BEARER, Client, CreateTokenRequest, CreateTokenResponse, PUBLIC_CLIENT,
    RegisterClientRequest, RegisterClientResponse, StartDeviceAuthorizationResponse, grant, path,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;

/// The verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The redirect URI that the AWS CLI registers, and the one at which it listens.
const REGISTERED: &str = "http://127.0.0.1/oauth/callback";
const LISTENING: &str = "http://127.0.0.1:33389/oauth/callback";

/// A registration with only this name.
pub fn named(name: &str) -> RegisterClientRequest {
    RegisterClientRequest {
        client_name: Some(name.to_owned()),
        client_type: Some(PUBLIC_CLIENT.to_owned()),
        ..RegisterClientRequest::default()
    }
}

/// A response to an AWS client.
#[derive(Debug)]
pub struct JsonResponse {
    status: u16,
    kind: Option<String>,
    body: Value,
}

impl JsonResponse {
    async fn of(request: RequestBuilder) -> Result<Self> {
        let answer = request.send().await?;
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (status, kind) = (answer.status().as_u16(), header(ERROR_TYPE));
        ensure!(header("cache-control").as_deref() == Some("no-store"));
        ensure!(header("content-type").as_deref() == Some("application/json"));
        ensure!(header(REQUEST_ID).is_some_and(|id| id.len() == 16));
        Ok(Self {
            status,
            kind,
            body: answer.json().await?,
        })
    }

    /// A string member of the body.
    fn text(&self, member: &str) -> Result<String> {
        let text = self.body[member].as_str();
        Ok(text
            .with_context(|| format!("no {member}: {self:?}"))?
            .to_owned())
    }

    /// The body of a successful response.
    fn good<T: DeserializeOwned>(&self) -> Result<T> {
        ensure!(self.status == 200 && self.kind.is_none(), "{self:?}");
        serde_json::from_value(self.body.clone()).with_context(|| format!("{self:?}"))
    }

    pub fn device(&self) -> Result<StartDeviceAuthorizationResponse> {
        self.good()
    }

    fn device_code(&self) -> Result<String> {
        Ok(self.device()?.device_code.expose().to_owned())
    }

    fn user_code(&self) -> Result<String> {
        Ok(self.device()?.user_code.expose().to_owned())
    }

    fn complete_uri(&self) -> Result<String> {
        Ok(self.device()?.verification_uri_complete.expose().to_owned())
    }

    pub fn tokens(&self) -> Result<CreateTokenResponse> {
        let tokens: CreateTokenResponse = self.good()?;
        ensure!(tokens.token_type == BEARER, "{self:?}");
        Ok(tokens)
    }

    /// The access token.
    fn granted(&self) -> Result<String> {
        Ok(self.tokens()?.access_token.expose().to_owned())
    }

    fn refresh_token(&self) -> Result<String> {
        Ok(self.tokens()?.refresh_token.expose().to_owned())
    }

    /// Asserts an error in AWS's format.
    fn refused(&self, status: u16, exception: &str, error: &str) -> Result<()> {
        ensure!(
            self.status == status
                && self.kind.as_deref() == Some(exception)
                && self.body["error"] == error
                && self.body["error_description"].is_string(),
            "{self:?} and not {exception}"
        );
        Ok(())
    }
}

/// The fields of the device form that grant access.
fn allow_fields<'a>(user_code: &'a str, retyped: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("user_code", user_code),
        ("retyped", retyped),
        ("decision", "allow"),
    ]
}

impl Fixture {
    async fn call(&self, path: &str, body: impl Serialize) -> Result<JsonResponse> {
        JsonResponse::of(self.client.post(self.at(path)).json(&body)).await
    }

    /// Registers like the AWS CLI, for the code flow and the device flow.
    async fn register(&self) -> Result<Client> {
        self.register_as(RegisterClientRequest {
            grant_types: Some(vec![
                grant::AUTHORIZATION_CODE.to_owned(),
                grant::REFRESH_TOKEN.to_owned(),
                grant::DEVICE_CODE.to_owned(),
            ]),
            redirect_uris: Some(vec![REGISTERED.to_owned()]),
            issuer_url: Some(self.at("/start")),
            scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
            ..named("botocore-client-rc")
        })
        .await
    }

    pub async fn register_as(&self, body: impl Serialize) -> Result<Client> {
        let answer = self.call(path::REGISTER_CLIENT, body).await?;
        let registered: RegisterClientResponse = answer.good()?;
        Ok(registered.into())
    }

    pub async fn start_device(&self, client: &Client) -> Result<JsonResponse> {
        let body = client.start_device_authorization(&self.at("/start"));
        self.call(path::START_DEVICE_AUTHORIZATION, body).await
    }

    async fn token(&self, request: &CreateTokenRequest) -> Result<JsonResponse> {
        self.call(path::CREATE_TOKEN, request).await
    }

    pub async fn poll(&self, client: &Client, device_code: &str) -> Result<JsonResponse> {
        self.token(&client.device_code_request(device_code)).await
    }

    async fn redeem(&self, client: &Client, code: &str) -> Result<JsonResponse> {
        let request = client.authorization_code_request(code, LISTENING, VERIFIER);
        self.token(&request).await
    }

    async fn refresh(&self, client: &Client, token: &str) -> Result<JsonResponse> {
        self.token(&client.refresh_token_request(token)).await
    }

    /// Whether the access token is still valid.
    async fn opens(&self, token: &str) -> Result<bool> {
        let token = rolecall_core::base::secret::AccessToken::new(token);
        let found = self
            .stack
            .gateway
            .services
            .sessions()
            .client_session(&token)
            .await?;
        Ok(found.is_some())
    }

    /// The URL that the AWS CLI opens in the browser.
    fn authorize(&self, client: &Client, state: &str) -> String {
        self.authorize_with(client, &[("state", state)])
    }

    /// As [`Fixture::authorize`], with changed parameters; an empty value omits a parameter.
    fn authorize_with(&self, client: &Client, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", LISTENING),
            ("state", "a1b2"),
            ("code_challenge_method", "S256"),
            ("scopes", "sso:account:access"),
            ("code_challenge", CHALLENGE),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.at(&format!("/authorize?{query}"))
    }

    /// Allows the request in this session: the code.
    async fn allowed_code(&self, pass: &Pass, client: &Client, state: &str) -> Result<String> {
        let to = self
            .answered(pass, &self.authorize(client, state), "allow")
            .await?;
        let query = Url::parse(&to)?;
        let code = query.query_pairs().find(|(name, _)| name == "code");
        Ok(code
            .with_context(|| format!("no code: {to}"))?
            .1
            .into_owned())
    }

    /// Opens an authorization request and sends a decision: the redirect URL.
    async fn answered(&self, pass: &Pass, url: &str, decision: &str) -> Result<String> {
        let page = self
            .client
            .get(url)
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
        ensure!(page.status() == 200, "{}", page.text().await?);
        let path = url
            .strip_prefix(self.stack.url())
            .context("URL of another origin")?;
        let answer = self
            .post(pass, path, &[("decision", decision)])
            .send()
            .await?;
        ensure!(answer.status() == 200, "{}", answer.text().await?);
        let refresh = answer
            .headers()
            .get("refresh")
            .context("no Refresh header")?;
        Ok(refresh
            .to_str()?
            .strip_prefix("0; url=")
            .context("Refresh with a delay")?
            .to_owned())
    }

    /// Allows a device in this session.
    async fn allow_device(&self, pass: &Pass, user_code: &str) -> Result<()> {
        let fields = allow_fields(user_code, &user_code[5..]);
        let answer = self.post(pass, "/device", &fields).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(
            status == 200 && text.contains("Access granted. Return to your terminal."),
            "{status}: {text}"
        );
        Ok(())
    }

    /// A client session of alice from the device flow: the token response.
    async fn device_session(&self, client: &Client) -> Result<JsonResponse> {
        let started = self.start_device(client).await?;
        let pass = self.pass("alice").await?;
        self.allow_device(&pass, &started.user_code()?).await?;
        self.poll(client, &started.device_code()?).await
    }
}
