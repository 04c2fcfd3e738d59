//! `sso-oidc` as AWS's clients speak it, and the page on which a person answers them: shapes on the wire, both flows to
//! the end, and everything that must not work.

mod burst;
mod code;
mod consent;
mod device;
mod ends;
mod limits;
mod race;
mod rate_limits;
mod redirect;
mod refresh;
mod replicas;
mod shapes;
mod sign_out;
mod start_url;

use serde_json::json;

use super::*;

/// Verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What AWS's CLI registers, and where it then listens.
const REGISTERED: &str = "http://127.0.0.1/oauth/callback";
const LISTENING: &str = "http://127.0.0.1:33389/oauth/callback";

/// A client that has registered.
#[derive(Clone, Debug)]
struct Client {
    id: String,
    secret: String,
}

/// What a request of an AWS client was answered with.
#[derive(Debug)]
struct Answer {
    status: u16,
    kind: Option<String>,
    body: Value,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Result<Self> {
        let answer = request.send().await?;
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (status, kind) = (answer.status().as_u16(), header("x-amzn-errortype"));
        ensure!(header("cache-control").as_deref() == Some("no-store"));
        ensure!(header("content-type").as_deref() == Some("application/json"));
        ensure!(header("x-amzn-requestid").is_some_and(|id| id.len() == 16));
        Ok(Self {
            status,
            kind,
            body: answer.json().await?,
        })
    }

    /// A text of the body.
    fn text(&self, member: &str) -> Result<String> {
        let text = self.body[member].as_str();
        Ok(text
            .with_context(|| format!("no {member}: {self:?}"))?
            .to_owned())
    }

    /// Asserts AWS's shape of an error.
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

    fn granted(&self) -> Result<String> {
        ensure!(self.status == 200 && self.kind.is_none(), "{self:?}");
        ensure!(self.body["tokenType"] == "Bearer", "{self:?}");
        self.text("accessToken")
    }
}

impl Scene {
    async fn call(&self, path: &str, body: Value) -> Result<Answer> {
        Answer::of(self.client.post(self.at(path)).json(&body)).await
    }

    /// Registers as AWS's CLI does for the code flow.
    async fn register(&self) -> Result<Client> {
        self.register_as(json!({
            "clientName": "botocore-client-rc", "clientType": "public",
            "grantTypes": ["authorization_code", "refresh_token", DEVICE_CODE], "redirectUris": [REGISTERED],
            "issuerUrl": self.at("/start"), "scopes": ["sso:account:access"],
        }))
        .await
    }

    async fn register_as(&self, body: Value) -> Result<Client> {
        let answer = self.call("/client/register", body).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(Client {
            id: answer.text("clientId")?,
            secret: answer.text("clientSecret")?,
        })
    }

    async fn start_device(&self, client: &Client) -> Result<Answer> {
        let body = json!({ "clientId": client.id, "clientSecret": client.secret, "startUrl": self.at("/start") });
        self.call("/device_authorization", body).await
    }

    async fn token(&self, client: &Client, more: Value) -> Result<Answer> {
        let mut body = json!({ "clientId": client.id, "clientSecret": client.secret });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        self.call("/token", body).await
    }

    async fn poll(&self, client: &Client, device_code: &str) -> Result<Answer> {
        let more = json!({ "grantType": DEVICE_CODE, "deviceCode": device_code });
        self.token(client, more).await
    }

    async fn redeem(&self, client: &Client, code: &str) -> Result<Answer> {
        let more = json!({ "grantType": "authorization_code", "code": code, "redirectUri": LISTENING, "codeVerifier": VERIFIER });
        self.token(client, more).await
    }

    async fn refresh(&self, client: &Client, token: &str) -> Result<Answer> {
        let more = json!({ "grantType": "refresh_token", "refreshToken": token });
        self.token(client, more).await
    }

    /// Whether the access token still opens its session.
    async fn opens(&self, token: &str) -> Result<bool> {
        let token = rolecall_core::base::secret::AccessToken::new(token);
        let found = self
            .house
            .gateway
            .verbs
            .sessions()
            .client_session(&token)
            .await?;
        Ok(found.is_some())
    }

    /// The address AWS's CLI opens a browser with.
    fn authorize(&self, client: &Client, state: &str) -> String {
        self.authorize_with(client, &[("state", state)])
    }

    /// As [`Scene::authorize`], with parameters of one's own, an empty one for leaving it out.
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

    /// Has somebody allow it, by hand: the code.
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

    /// Opens an authorization request and answers it, by hand: where the browser goes.
    async fn answered(&self, pass: &Pass, url: &str, decision: &str) -> Result<String> {
        let page = self
            .client
            .get(url)
            .header(COOKIE, &pass.cookie)
            .send()
            .await?;
        ensure!(page.status() == 200, "{}", page.text().await?);
        let path = url.strip_prefix(self.house.url()).context("not here")?;
        let answer = self
            .post(pass, path, &[("decision", decision)])
            .send()
            .await?;
        ensure!(answer.status() == 200, "{}", answer.text().await?);
        let refresh = answer.headers().get("refresh").context("no Refresh")?;
        Ok(refresh
            .to_str()?
            .strip_prefix("0; url=")
            .context("not at once")?
            .to_owned())
    }

    /// Has somebody allow a device, by hand.
    async fn allow_device(&self, pass: &Pass, user_code: &str) -> Result<()> {
        let fields = [
            ("user_code", user_code),
            ("retyped", &user_code[5..]),
            ("decision", "allow"),
        ];
        let answer = self.post(pass, "/device", &fields).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(
            status == 200 && text.contains("Go on in your terminal"),
            "{status}: {text}"
        );
        Ok(())
    }

    /// A client session of alice's by the device flow: the token's answer.
    async fn device_session(&self, client: &Client) -> Result<Answer> {
        let started = self.start_device(client).await?;
        let pass = self.pass("alice").await?;
        self.allow_device(&pass, &started.text("userCode")?).await?;
        self.poll(client, &started.text("deviceCode")?).await
    }
}
