//! `rolecalld aws doctor` for accounts that trust SAML responses of the gateway.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::aws;
use crate::cli::{folder, rolecalld};

const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "legacy"
trust = "gateway-saml"
saml_provider_arn = "arn:aws:iam::111122223333:saml-provider/rolecall"

[[permission_set]]
name = "ReadOnly"

[[assignment]]
id = "readers"
who = { everyone = true }
accounts = ["legacy"]
permission_sets = ["ReadOnly"]
"#;

fn generate_key(folder: &TempDir) -> Result<()> {
    let arguments = ["keys", "generate", "--saml", "--config", "rolecall.toml"];
    let ran = rolecalld(folder.path(), &arguments)?;
    ensure!(ran.code == 0, "{ran:?}");
    Ok(())
}

/// The metadata in the generated template.
fn metadata(folder: &TempDir) -> Result<String> {
    let ran = aws(folder, &["cloudformation"])?;
    ensure!(ran.code == 0, "{ran:?}");
    let template: Value = serde_json::from_str(&ran.out)?;
    let mut resources = template["Resources"]
        .as_object()
        .context("resources")?
        .values();
    let provider = resources.find(|one| one["Type"] == "AWS::IAM::SAMLProvider");
    let metadata = &provider.context("a provider")?["Properties"]["SamlMetadataDocument"];
    Ok(metadata.as_str().context("metadata")?.to_owned())
}

/// The findings about a provider with these metadata.
fn findings(folder: &TempDir, metadata: &str, until: &str) -> Result<BTreeSet<String>> {
    let output = json!({ "SAMLMetadataDocument": metadata, "ValidUntil": until });
    fs::write(folder.path().join("saml.json"), output.to_string())?;
    let ran = aws(
        folder,
        &["doctor", "--saml-provider", "legacy=saml.json", "--json"],
    )?;
    let report: Value = serde_json::from_str(&ran.out).with_context(|| format!("{ran:?}"))?;
    let found = report["findings"].as_array().context("findings")?;
    ensure!(ran.code == i32::from(!found.is_empty()), "{ran:?}");
    for finding in found {
        let commands = finding["fix"]["commands"].to_string();
        ensure!(commands.contains("curl -fsSo metadata.xml https://sso.example.com/saml/metadata"));
        ensure!(
            commands.contains("aws iam update-saml-provider --saml-provider-arn"),
            "{commands}"
        );
    }
    let ids = found.iter().filter_map(|one| one["id"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

#[test]
fn metadata_of_other_keys_are_found() -> Result<()> {
    let folder = folder()?;
    fs::write(folder.path().join("access.toml"), ACCESS)?;
    generate_key(&folder)?;
    let (first, later) = (metadata(&folder)?, "2126-01-01T00:00:00+00:00");
    ensure!(findings(&folder, &first, later)?.is_empty());
    let expired = findings(&folder, &first, "2026-01-01T00:00:00+00:00")?;
    ensure!(
        expired == BTreeSet::from(["saml-expired".to_owned()]),
        "{expired:?}"
    );
    // A second key waits to become active.
    generate_key(&folder)?;
    let missing = findings(&folder, &first, later)?;
    ensure!(
        missing == BTreeSet::from(["saml-key-missing".to_owned()]),
        "{missing:?}"
    );
    let other = first.replace("sso.example.com", "old.example.com");
    let other = findings(&folder, &other, later)?;
    let expected = ["saml-entity-id", "saml-key-missing"].map(str::to_owned);
    ensure!(other == BTreeSet::from(expected), "{other:?}");
    let list =
        json!({ "SAMLProviderList": [{ "Arn": "arn:aws:iam::111122223333:saml-provider/okta" }] });
    fs::write(folder.path().join("list.json"), list.to_string())?;
    let ran = aws(
        &folder,
        &["doctor", "--saml-provider", "list.json", "--json"],
    )?;
    ensure!(
        ran.code == 1 && ran.out.contains("\"saml-provider-missing\""),
        "{ran:?}"
    );
    ensure!(
        ran.out
            .contains("aws iam create-saml-provider --name rolecall"),
        "{ran:?}"
    );
    // Several documents, with the byte order mark of PowerShell.
    let one = json!({ "SAMLMetadataDocument": first, "ValidUntil": later });
    fs::write(
        folder.path().join("both.json"),
        format!("\u{feff}{list}\n{one}"),
    )?;
    let ran = aws(
        &folder,
        &["doctor", "--saml-provider", "legacy=both.json", "--json"],
    )?;
    ensure!(
        ran.code == 1 && ran.out.contains("\"saml-key-missing\""),
        "{ran:?}"
    );
    // The option is for generated files: what exists is compared.
    let existing = ["--existing-provider", "legacy"];
    let listed = ["doctor", "--saml-provider", "list.json", "--json"];
    let ran = aws(&folder, &[&listed[..], &existing].concat())?;
    ensure!(
        ran.code == 1 && ran.out.contains("\"saml-provider-missing\""),
        "{ran:?}"
    );
    fs::write(
        folder.path().join("saml.json"),
        json!({ "SAMLMetadataDocument": "<a/>" }).to_string(),
    )?;
    let ran = aws(&folder, &["doctor", "--saml-provider", "legacy=saml.json"])?;
    ensure!(
        ran.code == 2 && ran.err.contains("saml.json: invalid metadata"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn host_without_a_saml_key_compares_the_rest() -> Result<()> {
    let folder = folder()?;
    fs::write(folder.path().join("access.toml"), ACCESS)?;
    let list =
        json!({ "SAMLProviderList": [{ "Arn": "arn:aws:iam::111122223333:saml-provider/okta" }] });
    fs::write(folder.path().join("list.json"), list.to_string())?;
    let ran = aws(&folder, &["doctor", "--saml-provider", "list.json"])?;
    let unseen = "SAML provider of legacy: this host has no SAML key: add --saml-metadata";
    ensure!(ran.code == 0 && ran.out.contains(unseen), "{ran:?}");
    Ok(())
}

#[test]
fn accounts_of_an_unknown_principal_are_named() -> Result<()> {
    let folder = folder()?;
    let saml = "saml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"\n";
    let access = ACCESS.replace(saml, "").replace("gateway-saml", "caller");
    fs::write(folder.path().join("access.toml"), access)?;
    let list = json!({ "OpenIDConnectProviderList": [
        { "Arn": "arn:aws:iam::111122223333:oidc-provider/other.example.com" },
    ] });
    fs::write(folder.path().join("list.json"), list.to_string())?;
    let ran = aws(&folder, &["doctor", "--oidc-provider", "list.json"])?;
    let unseen = "roles of legacy: the gateway's principal is not known: add --gateway-principal";
    ensure!(ran.code == 0 && ran.out.contains(unseen), "{ran:?}");
    Ok(())
}
