//! The testkit's browser with npm's `oidc-provider`.

use anyhow::{Context, Result};
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::keys::{self, Algorithm, base64url};
use rolecall_testkit::node::OidcPeer;
use rolecall_testkit::oidc::{OidcClient, Person};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

const CALLBACK: &str = "https://rp.example/callback";
const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";

#[tokio::test]
async fn browser_signs_in_and_out_at_oidc_provider() -> Result<()> {
    if NODE_PEERS.path().is_none() {
        return Ok(());
    }
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let mut peer = OidcPeer::start(Person::samples(), algorithm).await?;
        let secret = "a-secret-that-is-long-enough";
        peer.register(
            OidcClient::new("rp", secret, CALLBACK)
                .with_post_logout_redirect_uri("https://rp.example/bye"),
        )?;
        let discovery: Value = reqwest::get(format!(
            "{}/.well-known/openid-configuration",
            peer.issuer()
        ))
        .await?
        .json()
        .await?;
        let endpoint = |name: &str| {
            discovery[name]
                .as_str()
                .map(str::to_owned)
                .context(name.to_owned())
        };
        let challenge = base64url(Sha256::digest(VERIFIER));
        let mut url = Url::parse(&endpoint("authorization_endpoint")?)?;
        url.query_pairs_mut()
            .extend_pairs([
                ("client_id", "rp"),
                ("redirect_uri", CALLBACK),
                ("response_type", "code"),
            ])
            .extend_pairs([
                ("scope", "openid email profile"),
                ("state", "st"),
                ("nonce", "no"),
            ])
            .extend_pairs([
                ("code_challenge", challenge.as_str()),
                ("code_challenge_method", "S256"),
            ]);
        let mut browser = Browser::new()?;
        browser.open(url.as_str()).await?;
        let back = OidcPeer::sign_in(&mut browser, "alice").await?;
        let parameters: std::collections::HashMap<_, _> =
            back.url().query_pairs().into_owned().collect();
        assert_eq!(
            parameters.get("iss").map(String::as_str),
            Some(peer.issuer())
        );
        let code = parameters
            .get("code")
            .with_context(|| format!("no code: {} {}", back.url(), back.text()))?;
        // The key changes between the authorization and the token request.
        peer.rotate_keys()?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let request = reqwest::Client::new()
            .post(endpoint("token_endpoint")?)
            .basic_auth("rp", Some(secret));
        let tokens: Value = request.form(&form).send().await?.json().await?;
        let token = tokens["id_token"]
            .as_str()
            .with_context(|| format!("{tokens}\n{}", peer.output()))?;
        let jwks: Value = reqwest::get(endpoint("jwks_uri")?).await?.json().await?;
        let claims = keys::verify(&jwks, token)?;
        assert_eq!(
            (&claims["sub"], &claims["nonce"]),
            (&json!("alice"), &json!("no"))
        );
        assert_eq!(claims["groups"], json!(["platform", "payments-dev"]));
        let end = format!(
            "{}?id_token_hint={token}&post_logout_redirect_uri=https://rp.example/bye",
            endpoint("end_session_endpoint")?
        );
        browser.open(&end).await?;
        let bye = browser.press("Yes, sign me out", &[]).await?;
        assert_eq!(bye.url().as_str(), "https://rp.example/bye");
    }
    Ok(())
}
