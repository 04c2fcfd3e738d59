//! Decisions of `check --online` and `explain` about responses of a provider equal those of a sign-in.

use std::fs;

use anyhow::{Result, bail, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_test_requirements::CORPUS;
use rolecall_testkit::oidc::variation::Variation;
use serde_json::{Value, json};

use super::{folder, rolecalld};

/// A member of a case of the field corpus, or this value without the corpus.
fn case(id: &str, pointer: &str, otherwise: Value) -> Result<Value> {
    let Some(folder) = CORPUS.path_for_part() else {
        return Ok(otherwise);
    };
    let path = folder.join(format!("field/{id}.json"));
    let case: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    Ok(case.pointer(pointer).cloned().unwrap_or_default())
}

#[tokio::test]
async fn online_check_reports_what_a_sign_in_would_log() -> Result<()> {
    let slash = json!({"issuer": "http://127.0.0.1:9000/mock/"});
    let hs256 = json!({"id_token_signing_alg_values_supported": ["HS256"]});
    for (name, document, code, expected) in [
        (
            "J1",
            case("J1", "/discovery/doc", slash)?,
            1,
            vec![
                "the issuer in the discovery document is \"http://127.0.0.1:9000/mock/\"",
                "but \"http://127.0.0.1:",
            ],
        ),
        (
            "J3",
            case("J3", "/discovery/doc", hs256)?,
            0,
            vec![
                "warning: provider example: the provider signs ID tokens with HS256 only",
                "add its algorithm to oidc.algorithms",
            ],
        ),
        (
            "ADFS: a different algorithm than configured",
            json!({"id_token_signing_alg_values_supported": ["HS512", "none"]}),
            0,
            vec!["with HS512, none only"],
        ),
        (
            "no token endpoint",
            json!({"token_endpoint": null}),
            1,
            vec!["token_endpoint is missing"],
        ),
    ] {
        let stack = TestStack::start(TestStackSettings {
            store: "sqlite:store.db".to_owned(),
            ..TestStackSettings::default()
        })
        .await?;
        let Value::Object(discovery) = document else {
            bail!("{name}: {document}");
        };
        stack.provider.set_variation(Variation {
            discovery,
            ..Default::default()
        });
        let online = ["check", "--config", "rolecall.toml", "--online"];
        let ran = rolecalld(stack.folder(), &online)?;
        ensure!(ran.code == code, "{name}: {ran:?}");
        for expected in expected {
            ensure!(ran.err.contains(expected), "{name}: {}", ran.err);
        }
    }
    Ok(())
}

#[test]
fn explain_parses_claims_like_a_sign_in() -> Result<()> {
    let folder = folder()?;
    let file = folder.path().join("claims.json");
    let explain = |text: &str| -> Result<super::Ran> {
        fs::write(&file, text)?;
        let arguments = [
            "explain",
            "--config",
            "rolecall.toml",
            "--provider",
            "example",
            "--claims",
            "claims.json",
        ];
        rolecalld(folder.path(), &arguments)
    };
    let mut alice = json!({"sub": "alice", "email": "alice@example.com", "groups": ["platform", "payments-dev"], "amr": "mfa"});
    let sent = case(
        "J2",
        "/explain",
        json!({"updated_at": "2026-11-29T07:59:07.841Z"}),
    )?;
    alice["updated_at"] = sent["updated_at"].clone();
    let ran = explain(&alice.to_string())?;
    ensure!(ran.code == 0, "J2, which signs in: {ran:?}");
    let access = folder.path().join("access.toml");
    let deny =
        "[[deny]]\nid = \"contractors\"\nwho = { claims = { employment = [\"contractor\"] } }\n";
    fs::write(&access, fs::read_to_string(&access)? + deny)?;
    let large = json!({"sub": "alice", "x": vec!["x".repeat(1_000); 100]});
    for (name, text, expected) in [
        (
            "a token of 130 kB",
            large.to_string(),
            "a sign-in with these claims is rejected (malformed): the token has ",
        ),
        (
            "a duplicate member",
            r#"{"sub": "alice", "sub": "bob"}"#.to_owned(),
            "sub",
        ),
        (
            "Entra ID: too many groups",
            json!({"sub": "a", "hasgroups": true}).to_string(),
            "Groups assigned to the application",
        ),
        (
            "a claim of a deny rule that cannot be read",
            json!({"sub": "a", "employment": [{"type": "contractor"}]}).to_string(),
            "a sign-in with these claims is rejected (claims): the claim \"employment\"",
        ),
        (
            "another audience",
            json!({"sub": "a", "aud": ["other"]}).to_string(),
            "is rejected (audience): aud is [\"other\"]",
        ),
        (
            "groups that cannot be read",
            json!({"sub": "a", "groups": [{"name": "dev"}]}).to_string(),
            "\"groups\"",
        ),
    ] {
        let ran = explain(&text)?;
        ensure!(
            ran.code == 2 && ran.err.contains(expected),
            "{name}: {ran:?}"
        );
    }
    let unverified = json!({"sub": "a", "email": "alice@example.com", "email_verified": false});
    let ran = explain(&unverified.to_string())?;
    ensure!(ran.code == 1, "{ran:?}");
    Ok(())
}
