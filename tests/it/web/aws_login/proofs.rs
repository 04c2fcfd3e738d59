//! DPoP at the token endpoint (RFC 9449 section 4.3): every proof that proves nothing is refused in AWS's own shape, and
//! costs nobody the code or token it came with.

use rolecall_testkit::keys::{base64url, hs256, signing_input};

use super::*;

/// One way to make a proof that is none.
type Forgery = (&'static str, fn(&Terminal, &Scene) -> Result<Vec<String>>);

/// A proof with another header.
fn headed(
    terminal: &Terminal,
    scene: &Scene,
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<Vec<String>> {
    let (mut header, claims) = terminal.proof_parts(scene)?;
    change(&mut header);
    Ok(vec![
        terminal.key.jws(&header, claims.to_string().as_bytes())?,
    ])
}

/// A proof with another claim.
fn claiming(terminal: &Terminal, scene: &Scene, name: &str, value: Value) -> Result<Vec<String>> {
    let (header, mut claims) = terminal.proof_parts(scene)?;
    claims[name] = value;
    Ok(vec![
        terminal.key.jws(&header, claims.to_string().as_bytes())?,
    ])
}

const FORGERIES: &[Forgery] = &[
    ("no proof", |_, _| Ok(vec![])),
    ("two proofs", |terminal, scene| {
        Ok(vec![terminal.proof(scene)?, terminal.proof(scene)?])
    }),
    ("two proofs in one header", |terminal, scene| {
        Ok(vec![format!(
            "{}, {}",
            terminal.proof(scene)?,
            terminal.proof(scene)?
        )])
    }),
    ("no token at all", |_, _| Ok(vec!["proof".to_owned()])),
    ("oversize", |terminal, scene| {
        claiming(terminal, scene, "pad", "x".repeat(4_000).into())
    }),
    ("alg none", |terminal, scene| {
        let (mut header, claims) = terminal.proof_parts(scene)?;
        header.insert("alg".to_owned(), "none".into());
        let input = signing_input(&header, claims.to_string().as_bytes())?;
        Ok(vec![format!("{input}.")])
    }),
    (
        "alg HS256, signed with the public key",
        |terminal, scene| {
            let (mut header, claims) = terminal.proof_parts(scene)?;
            header.insert("alg".to_owned(), "HS256".into());
            let input = signing_input(&header, claims.to_string().as_bytes())?;
            let signature = hs256(&terminal.key.public_pem()?, input.as_bytes())?;
            Ok(vec![format!("{input}.{}", base64url(signature))])
        },
    ),
    ("alg RS256, honestly", |terminal, scene| {
        let key = SigningKey::generate(Algorithm::Rs256)?;
        let (mut header, claims) = terminal.proof_parts(scene)?;
        header.insert("alg".to_owned(), "RS256".into());
        header.insert("jwk".to_owned(), key.jwk()?);
        Ok(vec![key.jws(&header, claims.to_string().as_bytes())?])
    }),
    ("another type", |terminal, scene| {
        headed(terminal, scene, |header| {
            header.insert("typ".to_owned(), "JWT".into());
        })
    }),
    ("a private key", |terminal, scene| {
        headed(terminal, scene, |header| {
            header["jwk"]["d"] = base64url([7; 32]).into()
        })
    }),
    ("no key", |terminal, scene| {
        headed(terminal, scene, |header| drop(header.remove("jwk")))
    }),
    ("another key than signed", |terminal, scene| {
        let other = Terminal::new()?.proof_parts(scene)?.0;
        headed(terminal, scene, |header| {
            header.insert("jwk".to_owned(), other["jwk"].clone());
        })
    }),
    ("another method", |terminal, scene| {
        claiming(terminal, scene, "htm", "GET".into())
    }),
    ("another path", |terminal, scene| {
        claiming(terminal, scene, "htu", scene.at("/v1/authorize").into())
    }),
    ("another host", |terminal, scene| {
        claiming(
            terminal,
            scene,
            "htu",
            "https://signin.aws.amazon.com/v1/token".into(),
        )
    }),
    ("another scheme", |terminal, scene| {
        let https = scene.at("/v1/token").replace("http://", "https://");
        claiming(terminal, scene, "htu", https.into())
    }),
    ("old", |terminal, scene| {
        let old = scene.clock.now().timestamp() - 61;
        claiming(terminal, scene, "iat", old.into())
    }),
    ("of tomorrow", |terminal, scene| {
        let soon = scene.clock.now().timestamp() + 61;
        claiming(terminal, scene, "iat", soon.into())
    }),
    ("without a name", |terminal, scene| {
        claiming(terminal, scene, "jti", Value::Null)
    }),
];

#[tokio::test]
async fn a_forged_proof_gets_nothing_and_costs_nothing() -> Result<()> {
    let scene = Scene::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&scene, "alice", DEVELOPER).await?;
    for (name, forge) in FORGERIES {
        let proofs = forge(&terminal, &scene)?;
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let told = tell(&scene, &proofs, &terminal.exchange(&code)).await?;
        told.is_invalid().context(*name)?;
    }
    let told = terminal.redeem(&scene, &code).await?;
    ensure!(told.status == 200, "the code is still good: {told:?}");
    let token = told.refresh_token()?;
    for (name, forge) in FORGERIES {
        let proofs = forge(&terminal, &scene)?;
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let told = tell(&scene, &proofs, &terminal.renewal(&token)).await?;
        told.is_invalid().context(*name)?;
    }
    // A copied token without its key.
    let thief = Terminal::new()?;
    thief.refresh(&scene, &token).await?.is_invalid()?;
    ensure!(terminal.refresh(&scene, &token).await?.status == 200);
    ensure!(scene.house.aws.issued().len() == 2);
    Ok(())
}

#[tokio::test]
async fn a_proof_is_for_one_request() -> Result<()> {
    let scene = Scene::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&scene, "alice", DEVELOPER).await?;
    let proof = terminal.proof(&scene)?;
    let told = tell(&scene, &[&proof], &terminal.exchange(&code)).await?;
    let token = told.refresh_token()?;
    let replayed = tell(&scene, &[&proof], &terminal.renewal(&token)).await?;
    replayed.is_invalid()?;
    let message = replayed.body["message"].as_str().unwrap_or_default();
    ensure!(message.contains("used before"), "{replayed:?}");
    ensure!(terminal.refresh(&scene, &token).await?.status == 200);
    Ok(())
}
