//! Tests of `aws login`: a client that behaves like the AWS CLI, or attacks, and the browser in which a user chooses a role.

mod attacks;
mod clients;
mod flows;
mod proofs;
mod race;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall_testkit::keys::{Algorithm, SigningKey};
use rolecall_wire::http::{ERROR_TYPE, REQUEST_ID};
use rolecall_wire::signin::{
    CROSS_DEVICE, CreateOAuth2TokenRequestBody, CreateOAuth2TokenResponseBody, DPOP,
    EXPIRES_IN_MAX, SAME_DEVICE, grant,
};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

use super::*;

const DEVELOPER: &str = "Use this role: Developer in payments-dev";

/// The state of the CLI during and after the browser flow.
struct Terminal {
    key: SigningKey,
    verifier: String,
    client_id: &'static str,
    redirect_uri: String,
    next_id: std::cell::Cell<u32>,
}

impl Terminal {
    fn new() -> Result<Self> {
        Ok(Self {
            key: SigningKey::generate(Algorithm::Es256)?,
            verifier: rolecall_testkit::keys::random_text(48)?,
            client_id: SAME_DEVICE,
            redirect_uri: "http://127.0.0.1:33389/oauth/callback".to_owned(),
            next_id: std::cell::Cell::new(0),
        })
    }

    fn remote(fixture: &Fixture) -> Result<Self> {
        Ok(Self {
            client_id: CROSS_DEVICE,
            redirect_uri: fixture.at("/v1/sessions/confirmation"),
            ..Self::new()?
        })
    }

    /// The parameters in the order of AWS CLI 2.38.1.
    fn request(&self) -> Vec<(&'static str, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("state", "0b9a5c5e-9b0f-4c5e-8f0e-2d7f1a1b1c1d"),
            ("code_challenge_method", "SHA-256"),
            ("scope", "openid"),
            ("redirect_uri", &self.redirect_uri),
            ("code_challenge", &challenge),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into()
    }

    fn address(&self) -> String {
        address(&self.request())
    }

    /// Header and claims of a proof like those of the CLI, with a unique `jti`.
    fn proof_parts(&self, fixture: &Fixture) -> Result<(Map<String, Value>, Value)> {
        let number = self.next_id.replace(self.next_id.get() + 1);
        let whole = self.key.jwk()?;
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": whole["x"], "y": whole["y"] });
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let claims = json!({
            "htm": "POST", "htu": fixture.at("/v1/token"), "iat": fixture.clock.now().timestamp(), "jti": format!("jti-{number}"),
        });
        let header = header.as_object().context("no object")?.clone();
        Ok((header, claims))
    }

    fn proof(&self, fixture: &Fixture) -> Result<String> {
        let (header, claims) = self.proof_parts(fixture)?;
        self.key.jws(&header, claims.to_string().as_bytes())
    }

    fn exchange(&self, code: &str) -> CreateOAuth2TokenRequestBody {
        CreateOAuth2TokenRequestBody {
            client_id: Some(self.client_id.to_owned()),
            grant_type: Some(grant::AUTHORIZATION_CODE.to_owned()),
            code: Some(code.into()),
            code_verifier: Some(self.verifier.as_str().into()),
            redirect_uri: Some(self.redirect_uri.clone()),
            refresh_token: None,
        }
    }

    fn renewal(&self, refresh_token: &str) -> CreateOAuth2TokenRequestBody {
        CreateOAuth2TokenRequestBody {
            client_id: Some(self.client_id.to_owned()),
            grant_type: Some(grant::REFRESH_TOKEN.to_owned()),
            refresh_token: Some(refresh_token.into()),
            ..CreateOAuth2TokenRequestBody::default()
        }
    }

    /// Redeems a code with a valid proof.
    async fn redeem(&self, fixture: &Fixture, code: &str) -> Result<TokenResponse> {
        let proof = self.proof(fixture)?;
        send(fixture, &[&proof], &self.exchange(code)).await
    }

    async fn refresh(&self, fixture: &Fixture, refresh_token: &str) -> Result<TokenResponse> {
        let proof = self.proof(fixture)?;
        send(fixture, &[&proof], &self.renewal(refresh_token)).await
    }

    /// Signs in `person`, chooses a role and returns the code.
    async fn code(&self, fixture: &Fixture, person: &str, button: &str) -> Result<String> {
        let mut browser = fixture.signed_in(person).await?;
        self.code_in(fixture, &mut browser, button).await
    }

    async fn code_in(
        &self,
        fixture: &Fixture,
        browser: &mut Browser,
        button: &str,
    ) -> Result<String> {
        browser.open(&fixture.at(&self.address())).await?;
        let page = browser.press(button, &[]).await?;
        let to = match page.header("refresh") {
            Some(_) => refresh(&page)?,
            None => page.url().to_string(),
        };
        parameter(&to, "code").with_context(|| format!("no code in {to}: {}", page.text()))
    }
}

/// A response of the token endpoint.
#[derive(Debug)]
struct TokenResponse {
    status: u16,
    kind: String,
    body: Value,
}

impl TokenResponse {
    fn tokens(&self) -> Result<CreateOAuth2TokenResponseBody<'static>> {
        ensure!(self.status == 200, "{self:?}");
        serde_json::from_value(self.body.clone()).with_context(|| format!("{self:?}"))
    }

    fn refresh_token(&self) -> Result<String> {
        Ok(self.tokens()?.refresh_token.expose().to_owned())
    }

    /// In whole seconds, like STS.
    fn expires_in_15_minutes(&self) -> Result<bool> {
        let seconds = self.tokens()?.expires_in;
        Ok((EXPIRES_IN_MAX - 1..=EXPIRES_IN_MAX).contains(&seconds))
    }

    /// Asserts an error in AWS's format.
    fn refused(&self, status: u16, kind: &str, error: &str) -> Result<()> {
        let response = (self.status, self.kind.as_str(), &self.body["error"]);
        ensure!(response == (status, kind, &json!(error)), "{self:?}");
        ensure!(
            self.body["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{self:?}"
        );
        Ok(())
    }

    fn is_invalid(&self) -> Result<()> {
        self.refused(400, "ValidationException", "INVALID_REQUEST")
    }
}

/// Sends a request to the token endpoint with these proofs.
async fn send(
    fixture: &Fixture,
    proofs: &[&str],
    body: &CreateOAuth2TokenRequestBody,
) -> Result<TokenResponse> {
    let mut request = fixture.client.post(fixture.at("/v1/token")).json(body);
    for proof in proofs {
        request = request.header(DPOP, *proof);
    }
    token_response(request.send().await?).await
}

async fn token_response(answer: Response) -> Result<TokenResponse> {
    let kind = answer.headers().get(ERROR_TYPE);
    ensure!(
        answer.headers().contains_key(REQUEST_ID),
        "{:?}",
        answer.headers()
    );
    ensure!(answer.headers()["cache-control"] == "no-store");
    Ok(TokenResponse {
        status: answer.status().as_u16(),
        kind: kind.map_or(Ok(""), |kind| kind.to_str())?.to_owned(),
        body: answer.json().await?,
    })
}

/// `/v1/authorize` with these parameters.
fn address(parameters: &[(&'static str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("/v1/authorize?{}", query.finish())
}

/// A query parameter of a URL.
fn parameter(address: &str, name: &str) -> Option<String> {
    let url = Url::parse("http://127.0.0.1/").ok()?.join(address).ok()?;
    let found = url.query_pairs().find(|(known, _)| known == name)?;
    Some(found.1.into_owned())
}
