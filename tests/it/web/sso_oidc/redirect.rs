//! Redirect URIs: the allowed and the forbidden ones, including those that parsers interpret differently. An invalid one gives
//! an error page without a redirect.

use super::*;

/// Ports and loopback literals at which a client of `http://127.0.0.1/oauth/callback` may listen (RFC 8252 7.3).
const ALLOWED: [&str; 5] = [
    "http://127.0.0.1/oauth/callback",
    "http://127.0.0.1:1/oauth/callback",
    "http://127.0.0.1:33389/oauth/callback",
    "http://127.0.0.1:65535/oauth/callback",
    "http://[::1]:5000/oauth/callback",
];

const REFUSED: [&str; 36] = [
    "http://localhost:1/oauth/callback",
    "http://127.0.0.2:1/oauth/callback",
    "http://127.1:1/oauth/callback",
    "http://0x7f.1:1/oauth/callback",
    "http://2130706433:1/oauth/callback",
    "http://127.0.0.1.evil.example/oauth/callback",
    "http://127.0.0.1@evil.example/oauth/callback",
    "http://evil.example#@127.0.0.1/oauth/callback",
    "http://127.0.0.1:80@evil/",
    "http://127.0.0.1:80@evil/oauth/callback",
    "https://127.0.0.1:1/oauth/callback",
    "HTTP://127.0.0.1:1/oauth/callback",
    "http://127.0.0.1:1/oauth/callback/",
    "http://127.0.0.1:1/oauth/callback/../x",
    "http://127.0.0.1:1/oauth/callback/../callback",
    "http://127.0.0.1:1/oauth/callback;x",
    "http://127.0.0.1:1/oauth/callback?a=b",
    "http://127.0.0.1:1/oauth/callback?",
    "http://127.0.0.1:1/oauth/callback#f",
    "http://127.0.0.1:1/oauth/callback%2e",
    "http://127.0.0.1:1/oauth%2fcallback",
    "http://127.0.0.1:1/OAUTH/CALLBACK",
    "http://127.0.0.1:1/",
    "http://127.0.0.1:0/oauth/callback",
    "http://127.0.0.1:65536/oauth/callback",
    "http://127.0.0.1:+80/oauth/callback",
    "http://127.0.0.1:/oauth/callback",
    "http://127.0.0.1\\@evil.example/oauth/callback",
    "http:\\\\127.0.0.1:1/oauth/callback",
    "http://127.0.0.1:1/oauth/call\tback",
    "http://127.0.0.1:1/oauth/callback\r\nX-Evil: 1",
    " http://127.0.0.1:1/oauth/callback",
    "http://[::ffff:127.0.0.1]:1/oauth/callback",
    "http://[::1%25lo]:1/oauth/callback",
    "javascript:alert(1)//127.0.0.1/oauth/callback",
    "//127.0.0.1:1/oauth/callback",
];

#[tokio::test]
async fn redirect_goes_only_to_the_loopback_port() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    for redirect in ALLOWED {
        let url = fixture.authorize_with(&client, &[("redirect_uri", redirect)]);
        let to = fixture.answered(&pass, &url, "allow").await?;
        ensure!(
            to.starts_with(&format!("{redirect}?code=")),
            "{redirect}: {to}"
        );
    }
    for redirect in REFUSED {
        // With and without an error that would be reported to the redirect URI.
        for response_type in ["code", "token"] {
            let url = fixture.authorize_with(
                &client,
                &[("redirect_uri", redirect), ("response_type", response_type)],
            );
            let answer = fixture
                .client
                .get(&url)
                .header(COOKIE, &pass.cookie)
                .send()
                .await?;
            ensure!(answer.status() == 400, "{redirect}: {}", answer.status());
            ensure!(
                !answer.headers().contains_key(LOCATION)
                    && !answer.headers().contains_key("refresh"),
                "{redirect}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn unregistered_redirect_uri_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let bare = fixture.register_as(named("x")).await?;
    let short = fixture
        .register_as(RegisterClientRequest {
            redirect_uris: Some(vec!["http://127.0.0.1".to_owned()]),
            ..named("x")
        })
        .await?;
    let get = |client: &Client, redirect: &str| {
        fixture
            .client
            .get(fixture.authorize_with(client, &[("redirect_uri", redirect), ("scopes", "")]))
            .send()
    };
    ensure!(get(&bare, LISTENING).await?.status() == 400);
    ensure!(get(&short, LISTENING).await?.status() == 400);
    // The redirect URI of aws-sso-cli.
    for redirect in ["http://127.0.0.1:4711", "http://127.0.0.1:4711/"] {
        let answer = get(&short, redirect).await?;
        ensure!(
            location(&answer)?.starts_with("/sign-in?return_to=%2Fauthorize"),
            "{redirect}"
        );
    }
    Ok(())
}
