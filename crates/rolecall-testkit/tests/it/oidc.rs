//! The OpenID provider without faults: sign-in, errors and redirects.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use rolecall_testkit::browser::{Browser, Page};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::{self, Algorithm, base64url};
use rolecall_testkit::oidc::{GroupsClaim, OidcClient, OidcProvider, OidcSettings, Person};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

/// Not on this machine, so that the browser stops there with the code in its URL.
const CALLBACK: &str = "https://rp.example/callback";
pub(super) const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";

pub(super) fn settings() -> OidcSettings {
    let client = OidcClient::new("rp", "s3cret&=", CALLBACK)
        .with_post_logout_redirect_uri("https://rp.example/bye");
    OidcSettings {
        clients: vec![client],
        ..OidcSettings::default()
    }
}

fn authorize(provider: &OidcProvider, more: &[(&str, &str)]) -> Result<String> {
    let mut url = Url::parse(&format!("{}/authorize", provider.issuer()))?;
    let challenge = base64url(Sha256::digest(VERIFIER));
    url.query_pairs_mut()
        .extend_pairs([
            ("client_id", "rp"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
        ])
        .extend_pairs([("scope", "openid email"), ("state", "st"), ("nonce", "no")])
        .extend_pairs([
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ])
        .extend_pairs(more);
    Ok(url.into())
}

fn parameter(page: &Page, name: &str) -> Option<String> {
    page.url()
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

pub(super) async fn code(
    provider: &OidcProvider,
    browser: &mut Browser,
    username: &str,
) -> Result<String> {
    browser.open(&authorize(provider, &[])?).await?;
    let page = browser.sign_in_at_provider(username).await?;
    parameter(&page, "code").with_context(|| format!("no code: {}", page.url()))
}

pub(super) async fn redeem(
    provider: &OidcProvider,
    code: &str,
    verifier: &str,
) -> Result<reqwest::Response> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(500))
        .build()?;
    let request = client.post(format!("{}/token", provider.issuer()));
    Ok(request
        .basic_auth("rp", Some("s3cret%26%3D"))
        .form(&form)
        .send()
        .await?)
}

async fn sign_in(provider: &OidcProvider, username: &str) -> Result<Value> {
    let code = code(provider, &mut Browser::new()?, username).await?;
    let response = redeem(provider, &code, VERIFIER).await?;
    ensure!(
        response.status() == StatusCode::OK,
        "{}",
        response.text().await?
    );
    Ok(response.json().await?)
}

async fn get(url: &str) -> Result<Value> {
    Ok(reqwest::get(url).await?.error_for_status()?.json().await?)
}

#[tokio::test]
async fn sign_in_returns_required_claims() -> Result<()> {
    let clock = ManualClock::starting_now();
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let keys = vec![algorithm];
        let settings = OidcSettings {
            clock: clock.clock(),
            keys,
            path: "/oauth2/default".to_owned(),
            ..settings()
        };
        let provider = OidcProvider::start(settings)?;
        let issuer = provider.issuer();
        let discovery = get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        assert_eq!(discovery["issuer"], json!(issuer));
        let jwks = get(discovery["jwks_uri"].as_str().context("a JWK set")?).await?;
        let tokens = sign_in(&provider, "alice").await?;
        let id_token = tokens["id_token"].as_str().context("an ID token")?;
        let access_token = tokens["access_token"].as_str().context("an access token")?;
        let claims = keys::verify(&jwks, id_token)?;
        let now = clock.now().timestamp();
        assert_eq!(
            claims,
            json!({
                "iss": issuer, "aud": "rp", "sub": "00u-alice", "nonce": "no",
                "iat": now, "auth_time": now, "exp": now + 300,
                "at_hash": base64url(&Sha256::digest(access_token)[..16]),
                "email": "alice@example.com", "email_verified": true, "name": "Alice",
                "preferred_username": "alice", "groups": ["platform", "payments-dev"], "amr": ["pwd", "otp", "mfa"],
            })
        );
        let userinfo = reqwest::Client::new()
            .get(format!("{issuer}/userinfo"))
            .bearer_auth(access_token);
        let userinfo: Value = userinfo.send().await?.error_for_status()?.json().await?;
        assert_eq!(userinfo["sub"], "00u-alice");
        assert_eq!(
            (
                provider.hits("/jwks"),
                provider.hits("/token"),
                provider.hits("/userinfo")
            ),
            (1, 1, 1)
        );
    }
    Ok(())
}

#[tokio::test]
async fn code_is_single_use_and_requires_verifier() -> Result<()> {
    let clock = ManualClock::starting_now();
    let provider = OidcProvider::start(OidcSettings {
        clock: clock.clock(),
        ..settings()
    })?;
    let mut browser = Browser::new()?;
    let used = code(&provider, &mut browser, "bob").await?;
    assert_eq!(
        redeem(&provider, &used, VERIFIER).await?.status(),
        StatusCode::OK
    );
    assert_eq!(
        redeem(&provider, &used, VERIFIER).await?.status(),
        StatusCode::BAD_REQUEST
    );
    let mut browser = Browser::new()?;
    let other = code(&provider, &mut browser, "bob").await?;
    assert_eq!(
        redeem(&provider, &other, "another").await?.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        redeem(&provider, &other, VERIFIER).await?.status(),
        StatusCode::BAD_REQUEST
    );
    let mut browser = Browser::new()?;
    let late = code(&provider, &mut browser, "bob").await?;
    clock.advance(Duration::from_secs(61));
    assert_eq!(
        redeem(&provider, &late, VERIFIER).await?.status(),
        StatusCode::BAD_REQUEST
    );
    Ok(())
}

#[tokio::test]
async fn prompt_and_max_age_determine_form() -> Result<()> {
    let clock = ManualClock::starting_now();
    let provider = OidcProvider::start(OidcSettings {
        clock: clock.clock(),
        ..settings()
    })?;
    let mut browser = Browser::new()?;
    let page = browser
        .open(&authorize(&provider, &[("prompt", "none")])?)
        .await?;
    assert_eq!(parameter(&page, "error").as_deref(), Some("login_required"));
    assert_eq!(parameter(&page, "iss"), Some(provider.issuer()));
    code(&provider, &mut browser, "alice").await?;
    let shows_form = |page: &Page| page.text().contains("Sign in to Example ID");
    for (more, form) in [
        (vec![], false),
        (vec![("prompt", "none")], false),
        (vec![("prompt", "login")], true),
        (vec![("max_age", "3600")], false),
    ] {
        let page = browser.open(&authorize(&provider, &more)?).await?;
        assert_eq!(shows_form(&page), form, "{more:?}");
        assert_eq!(parameter(&page, "code").is_some(), !form, "{more:?}");
    }
    clock.advance(Duration::from_secs(3601));
    assert!(shows_form(
        &browser
            .open(&authorize(&provider, &[("max_age", "3600")])?)
            .await?
    ));
    let hinted = browser
        .open(&authorize(
            &provider,
            &[("prompt", "login"), ("login_hint", "bob")],
        )?)
        .await?;
    assert_eq!(hinted.attributes("#username", "value")?, ["bob"]);
    let page = browser.sign_in_at_provider("nobody").await?;
    assert_eq!(page.status(), Some(StatusCode::UNAUTHORIZED));
    let page = browser.press("Cancel", &[]).await?;
    assert_eq!(parameter(&page, "error").as_deref(), Some("access_denied"));
    Ok(())
}

#[tokio::test]
async fn client_errors_are_not_redirected() -> Result<()> {
    let provider = OidcProvider::start(settings())?;
    let mut browser = Browser::new()?;
    for wrong in [
        ("client_id", "other"),
        ("redirect_uri", "https://rp.example/callback/"),
    ] {
        let url = authorize(&provider, &[])?;
        let mut url = Url::parse(&url)?;
        let rest: Vec<_> = url
            .query_pairs()
            .filter(|(name, _)| name != wrong.0)
            .map(|(n, v)| (n.into_owned(), v.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(rest)
            .append_pair(wrong.0, wrong.1);
        let page = browser.open(url.as_str()).await?;
        assert_eq!(page.status(), Some(StatusCode::BAD_REQUEST), "{wrong:?}");
    }
    let twice = browser
        .open(&authorize(&provider, &[("state", "again")])?)
        .await?;
    assert_eq!(twice.status(), Some(StatusCode::BAD_REQUEST));
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "rp"),
        ("client_secret", "wrong"),
    ];
    let refused = reqwest::Client::new()
        .post(format!("{}/token", provider.issuer()))
        .form(&form)
        .send()
        .await?;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn sign_out_redirects_to_registered_uri() -> Result<()> {
    let provider = OidcProvider::start(settings())?;
    let mut browser = Browser::new()?;
    let end = format!(
        "{}/end_session?client_id=rp&state=x&post_logout_redirect_uri=",
        provider.issuer()
    );
    code(&provider, &mut browser, "alice").await?;
    assert_eq!(
        browser
            .open(&format!("{end}https://rp.example/bye"))
            .await?
            .url()
            .as_str(),
        "https://rp.example/bye?state=x"
    );
    let page = browser
        .open(&authorize(&provider, &[("prompt", "none")])?)
        .await?;
    assert_eq!(parameter(&page, "error").as_deref(), Some("login_required"));
    assert!(
        browser
            .open(&format!("{end}https://evil.example/"))
            .await?
            .text()
            .contains("signed out")
    );
    Ok(())
}

#[tokio::test]
async fn providers_are_independent_and_keys_rotate() -> Result<()> {
    let (one, other) = (
        OidcProvider::start(settings())?,
        OidcProvider::start(settings())?,
    );
    let jwks = |provider: &OidcProvider| format!("{}/jwks", provider.issuer());
    let tokens = sign_in(&one, "alice").await?;
    let token = tokens["id_token"].as_str().context("an ID token")?;
    assert!(keys::verify(&get(&jwks(&one)).await?, token).is_ok());
    assert!(keys::verify(&get(&jwks(&other)).await?, token).is_err());
    one.rotate_keys()?;
    assert!(keys::verify(&get(&jwks(&one)).await?, token).is_err());
    // A browser can be signed in at both, although cookies are shared between ports.
    let mut browser = Browser::new()?;
    code(&one, &mut browser, "alice").await?;
    code(&other, &mut browser, "bob").await?;
    for provider in [&one, &other] {
        let page = browser
            .open(&authorize(provider, &[("prompt", "none")])?)
            .await?;
        assert!(parameter(&page, "code").is_some());
    }
    Ok(())
}

#[tokio::test]
async fn groups_are_returned_as_configured() -> Result<()> {
    for (groups, in_token) in [
        (GroupsClaim::IdToken, true),
        (GroupsClaim::Userinfo, false),
        (GroupsClaim::Omitted, false),
    ] {
        let provider = OidcProvider::start(OidcSettings {
            groups,
            ..settings()
        })?;
        provider.put_person(
            Person::new("dave")
                .groups(["ops"])
                .claim("email_verified", "true"),
        );
        let tokens = sign_in(&provider, "dave").await?;
        let jwks = get(&format!("{}/jwks", provider.issuer())).await?;
        let claims = keys::verify(&jwks, tokens["id_token"].as_str().context("an ID token")?)?;
        assert_eq!(claims.get("groups").is_some(), in_token, "{groups:?}");
        assert_eq!(claims["email_verified"], "true");
    }
    Ok(())
}
