//! DPoP at the token endpoint (RFC 9449 section 4.3): every invalid proof is rejected in AWS's format and leaves the code or
//! token valid.

use rolecall_testkit::keys::{base64url, hs256, signing_input};

use super::*;

/// A way to make a proof invalid.
type Forgery = (&'static str, fn(&Terminal, &Fixture) -> Result<Vec<String>>);

/// A proof with another header.
fn headed(
    terminal: &Terminal,
    fixture: &Fixture,
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<Vec<String>> {
    let (mut header, claims) = terminal.proof_parts(fixture)?;
    change(&mut header);
    Ok(vec![
        terminal.key.jws(&header, claims.to_string().as_bytes())?,
    ])
}

/// A proof with another claim.
fn claiming(
    terminal: &Terminal,
    fixture: &Fixture,
    name: &str,
    value: Value,
) -> Result<Vec<String>> {
    let (header, mut claims) = terminal.proof_parts(fixture)?;
    claims[name] = value;
    Ok(vec![
        terminal.key.jws(&header, claims.to_string().as_bytes())?,
    ])
}

const FORGERIES: &[Forgery] = &[
    ("no proof", |_, _| Ok(vec![])),
    ("two proofs", |terminal, fixture| {
        Ok(vec![terminal.proof(fixture)?, terminal.proof(fixture)?])
    }),
    ("two proofs in one header", |terminal, fixture| {
        Ok(vec![format!(
            "{}, {}",
            terminal.proof(fixture)?,
            terminal.proof(fixture)?
        )])
    }),
    ("no token at all", |_, _| Ok(vec!["proof".to_owned()])),
    ("oversize", |terminal, fixture| {
        claiming(terminal, fixture, "pad", "x".repeat(4_000).into())
    }),
    ("alg none", |terminal, fixture| {
        let (mut header, claims) = terminal.proof_parts(fixture)?;
        header.insert("alg".to_owned(), "none".into());
        let input = signing_input(&header, claims.to_string().as_bytes())?;
        Ok(vec![format!("{input}.")])
    }),
    (
        "alg HS256, signed with the public key",
        |terminal, fixture| {
            let (mut header, claims) = terminal.proof_parts(fixture)?;
            header.insert("alg".to_owned(), "HS256".into());
            let input = signing_input(&header, claims.to_string().as_bytes())?;
            let signature = hs256(&terminal.key.public_pem()?, input.as_bytes())?;
            Ok(vec![format!("{input}.{}", base64url(signature))])
        },
    ),
    ("alg RS256, honestly", |terminal, fixture| {
        let key = SigningKey::generate(Algorithm::Rs256)?;
        let (mut header, claims) = terminal.proof_parts(fixture)?;
        header.insert("alg".to_owned(), "RS256".into());
        header.insert("jwk".to_owned(), key.jwk()?);
        Ok(vec![key.jws(&header, claims.to_string().as_bytes())?])
    }),
    ("another type", |terminal, fixture| {
        headed(terminal, fixture, |header| {
            header.insert("typ".to_owned(), "JWT".into());
        })
    }),
    ("a private key", |terminal, fixture| {
        headed(terminal, fixture, |header| {
            header["jwk"]["d"] = base64url([7; 32]).into()
        })
    }),
    ("no key", |terminal, fixture| {
        headed(terminal, fixture, |header| drop(header.remove("jwk")))
    }),
    ("another key than signed", |terminal, fixture| {
        let other = Terminal::new()?.proof_parts(fixture)?.0;
        headed(terminal, fixture, |header| {
            header.insert("jwk".to_owned(), other["jwk"].clone());
        })
    }),
    ("another method", |terminal, fixture| {
        claiming(terminal, fixture, "htm", "GET".into())
    }),
    ("another path", |terminal, fixture| {
        claiming(terminal, fixture, "htu", fixture.at("/v1/authorize").into())
    }),
    ("another host", |terminal, fixture| {
        claiming(
            terminal,
            fixture,
            "htu",
            "https://signin.aws.amazon.com/v1/token".into(),
        )
    }),
    ("another scheme", |terminal, fixture| {
        let https = fixture.at("/v1/token").replace("http://", "https://");
        claiming(terminal, fixture, "htu", https.into())
    }),
    ("old", |terminal, fixture| {
        let old = fixture.clock.now().timestamp() - 61;
        claiming(terminal, fixture, "iat", old.into())
    }),
    ("of tomorrow", |terminal, fixture| {
        let soon = fixture.clock.now().timestamp() + 61;
        claiming(terminal, fixture, "iat", soon.into())
    }),
    ("without a name", |terminal, fixture| {
        claiming(terminal, fixture, "jti", Value::Null)
    }),
];

#[tokio::test]
async fn invalid_proof_is_rejected_without_spending_the_code() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    for (name, forge) in FORGERIES {
        let proofs = forge(&terminal, &fixture)?;
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let response = send(&fixture, &proofs, &terminal.exchange(&code)).await?;
        response.is_invalid().context(*name)?;
    }
    let response = terminal.redeem(&fixture, &code).await?;
    ensure!(
        response.status == 200,
        "the code is no longer valid: {response:?}"
    );
    let token = response.refresh_token()?;
    for (name, forge) in FORGERIES {
        let proofs = forge(&terminal, &fixture)?;
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let response = send(&fixture, &proofs, &terminal.renewal(&token)).await?;
        response.is_invalid().context(*name)?;
    }
    // A copied token without its key.
    let attacker = Terminal::new()?;
    attacker.refresh(&fixture, &token).await?.is_invalid()?;
    ensure!(terminal.refresh(&fixture, &token).await?.status == 200);
    ensure!(fixture.stack.aws.issued().len() == 2);
    Ok(())
}

#[tokio::test]
async fn replayed_proof_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let proof = terminal.proof(&fixture)?;
    let response = send(&fixture, &[&proof], &terminal.exchange(&code)).await?;
    let token = response.refresh_token()?;
    let replayed = send(&fixture, &[&proof], &terminal.renewal(&token)).await?;
    replayed.is_invalid()?;
    let message = replayed.body["message"].as_str().unwrap_or_default();
    ensure!(message.contains("used before"), "{replayed:?}");
    ensure!(terminal.refresh(&fixture, &token).await?.status == 200);
    Ok(())
}
