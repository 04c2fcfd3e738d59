//! `rolecalld aws doctor --live`, if the documents of the issuer are published at another address.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python::Moto;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::program;
use crate::cli::publish::{foreign_key, inject, published};

const ACCESS: &str = r#"
[[account]]
id = "123456789012"
name = "moto"

[[permission_set]]
name = "ReadOnly"
role = "rolecall/ReadOnly"

[[assignment]]
id = "all"
who = { everyone = true }
accounts = ["moto"]
permission_sets = ["ReadOnly"]
"#;

fn doctor(folder: &TempDir, moto: &Moto) -> Result<Value> {
    let mut command: Command = program(folder.path());
    command
        .args([
            "aws",
            "doctor",
            "--config",
            "rolecall.toml",
            "--live",
            "--json",
        ])
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_REGION")
        .env("AWS_ENDPOINT_URL", moto.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let ran = command.output()?;
    serde_json::from_slice(&ran.stdout).with_context(|| format!("{ran:?}"))
}

fn finding(report: &Value, id: &str) -> Option<Value> {
    let mut findings = report["findings"].as_array()?.iter();
    findings.find(|one| one["id"] == id).cloned()
}

#[tokio::test]
async fn foreign_key_with_the_id_of_an_own_key_is_a_finding() -> Result<()> {
    let Some(_) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let moto = Moto::start().await?;
    let (folder, bucket) = published("/a")?;
    fs::write(folder.path().join("access.toml"), ACCESS)?;
    let report = doctor(&folder, &moto)?;
    for id in [
        "issuer-foreign-key",
        "issuer-keys",
        "issuer-keys-stale",
        "issuer-unreachable",
    ] {
        ensure!(finding(&report, id).is_none(), "{report:#}");
    }
    // In place of the own key, with its `kid`.
    let jwks: Value = serde_json::from_str(&bucket.get("/a/jwks").context("no key set")?)?;
    let mut foreign = foreign_key()?;
    foreign["kid"] = jwks["keys"][0]["kid"].clone();
    bucket.put("/a/jwks", "{\"keys\":[]}");
    inject(&bucket, "/a/jwks", foreign)?;
    let report = doctor(&folder, &moto)?;
    let found = finding(&report, "issuer-foreign-key").with_context(|| report.to_string())?;
    ensure!(
        found["severity"] == "high" && found["resource"] == format!("{}/a", bucket.url()),
        "{found}"
    );
    ensure!(
        finding(&report, "issuer-keys-stale").is_none(),
        "{report:#}"
    );
    Ok(())
}
