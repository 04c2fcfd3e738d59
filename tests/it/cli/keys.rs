//! `rolecalld keys`: generation, listing, rotation, retirement, permissions.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::ROOT;
use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, folder, rolecalld};

fn keys(folder: &TempDir, arguments: &[&str]) -> Result<Ran> {
    let all = [&["keys"], arguments, &["--config", "rolecall.toml"]].concat();
    rolecalld(folder.path(), &all)
}

fn kid(ran: &Ran) -> Result<String> {
    let first = ran.out.split_whitespace().next();
    Ok(first
        .with_context(|| format!("no key: {ran:?}"))?
        .to_owned())
}

#[test]
fn token_key_passes_through_all_states() -> Result<()> {
    let folder = folder()?;
    let ran = keys(&folder, &["list"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err.contains("\nhint: run `rolecalld keys generate`\n"),
        "{}",
        ran.err
    );
    let first = keys(&folder, &["generate"])?;
    ensure!(
        first.code == 0
            && first.out.contains("ES256")
            && first.out.contains("active: signs new tokens"),
        "{first:?}"
    );
    let ran = keys(&folder, &["rotate"])?;
    ensure!(ran.code == 1 && ran.err.contains("no next key"), "{ran:?}");
    let second = keys(&folder, &["generate", "--algorithm", "RS256"])?;
    ensure!(
        second.code == 0
            && second.out.contains("RS256")
            && second.out.contains("becomes active with `keys rotate`"),
        "{second:?}"
    );
    let ran = keys(&folder, &["rotate"])?;
    ensure!(
        ran.code == 1 && ran.err.contains("published less than a day ago"),
        "{ran:?}"
    );
    ensure!(
        ran.err
            .contains(" UTC\nhint: AWS caches the keys it fetched: wait, or add --emergency"),
        "{}",
        ran.err
    );
    let ran = keys(&folder, &["retire", &kid(&first)?])?;
    ensure!(
        ran.code == 1 && ran.err.contains("hint: run `rolecalld keys rotate` first"),
        "{ran:?}"
    );
    let ran = keys(&folder, &["rotate", "--emergency"])?;
    ensure!(ran.code == 0 && kid(&ran)? == kid(&second)?, "{ran:?}");
    let ran = keys(&folder, &["retire", &kid(&first)?, "--emergency"])?;
    ensure!(ran.code == 0 && ran.out.ends_with("retired\n"), "{ran:?}");
    let ran = keys(&folder, &["list", "--json"])?;
    let listed: Vec<Value> = serde_json::from_str(&ran.out)?;
    let ids: Vec<&Value> = listed.iter().map(|key| &key["id"]).collect();
    ensure!(ids == [&*kid(&first)?, &*kid(&second)?], "{listed:?}");
    // The key for ID tokens of `aws login` is derived from the active key only.
    ensure!(
        listed[0].get("aws_login_key").is_some_and(Value::is_string)
            || listed[1].get("aws_login_key").is_some_and(Value::is_string)
    );
    ensure!(
        listed
            .iter()
            .filter(|key| key.get("aws_login_key").is_some())
            .count()
            == 1,
        "{listed:?}"
    );
    let ran = keys(&folder, &["retire", &"A".repeat(43)])?;
    ensure!(
        ran.code == 1 && ran.err.contains("hint: run `rolecalld keys list`"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn saml_keys_are_rotated_independently() -> Result<()> {
    let folder = folder()?;
    ensure!(keys(&folder, &["generate"])?.code == 0);
    let ran = keys(&folder, &["rotate", "--saml"])?;
    ensure!(
        ran.code == 1
            && ran.err.contains("no next key for SAML\n")
            && ran
                .err
                .contains("hint: run `rolecalld keys generate --saml`"),
        "{ran:?}"
    );
    let first = keys(&folder, &["generate", "--saml"])?;
    ensure!(
        first.code == 0 && first.out.contains("RS256 for SAML") && first.out.contains("active"),
        "{first:?}"
    );
    let second = keys(&folder, &["generate", "--saml"])?;
    ensure!(
        second.out.contains("becomes active with `keys rotate`"),
        "{second:?}"
    );
    let ran = keys(&folder, &["rotate", "--saml"])?;
    ensure!(
        ran.code == 1
            && ran
                .err
                .contains("hint: until then, update the SAML provider of every account"),
        "{ran:?}"
    );
    let ran = keys(&folder, &["rotate", "--saml", "--emergency"])?;
    ensure!(ran.code == 0 && kid(&ran)? == kid(&second)?, "{ran:?}");
    let ran = keys(&folder, &["rotate"])?;
    ensure!(ran.code == 1, "there is no next key for tokens: {ran:?}");
    let ran = keys(&folder, &["list", "--json"])?;
    let listed: Vec<Value> = serde_json::from_str(&ran.out)?;
    let uses: Vec<&Value> = listed.iter().map(|key| &key["use"]).collect();
    ensure!(uses == ["token", "saml", "saml"], "{listed:?}");
    let ran = keys(&folder, &["generate", "--saml", "--algorithm", "ES256"])?;
    ensure!(ran.code == 2, "SAML requires RSA: {ran:?}");
    Ok(())
}

#[test]
fn accessible_key_directory_is_rejected() -> Result<()> {
    let folder = folder()?;
    keys(&folder, &["generate"])?;
    let open = fs::Permissions::from_mode(0o750);
    fs::set_permissions(folder.path().join("keys"), open)?;
    for command in ["generate", "rotate"] {
        let ran = keys(&folder, &[command])?;
        ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
        ensure!(ran.err.contains("(mode 750)\nhint: "), "{}", ran.err);
    }
    // Read access works if others can only see the names of files.
    ensure!(keys(&folder, &["list"])?.code == 0);
    let open = fs::Permissions::from_mode(0o770);
    fs::set_permissions(folder.path().join("keys"), open)?;
    ensure!(keys(&folder, &["list"])?.code == 1);
    Ok(())
}

#[test]
fn keys_work_with_incomplete_configuration() -> Result<()> {
    let folder = folder()?;
    fs::write(
        folder.path().join("rolecall.toml"),
        "[issuer]\nkeys = \"keys/\"\n",
    )?;
    ensure!(keys(&folder, &["generate"])?.code == 0);
    Ok(())
}

#[test]
fn saml_certificate_is_generated_and_accepted() -> Result<()> {
    let folder = folder()?;
    let make = || rolecalld(folder.path(), &["keys", "certificate", "saml.pem"]);
    let ran = make()?;
    ensure!(
        ran.code == 0 && ran.out.starts_with("saml.pem: "),
        "{ran:?}"
    );
    let file = folder.path().join("saml.pem");
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600);
    let pem = fs::read_to_string(&file)?;
    ensure!(pem.contains("BEGIN PRIVATE KEY") && pem.contains("BEGIN CERTIFICATE"));
    let ran = make()?;
    ensure!(ran.code == 2 && ran.err.contains("cannot write"), "{ran:?}");
    ensure!(
        fs::read_to_string(&file)? == pem,
        "an existing file must not be overwritten"
    );
    Ok(())
}

/// User ID of the gateway in this test.
const SERVICE: u32 = 65_532;

/// Whether root runs this test; otherwise it is recorded as skipped, with this reason.
fn is_root(folder: &TempDir, why: &str) -> Result<bool> {
    let is_root = folder.path().metadata()?.uid() == 0;
    if !is_root {
        ROOT.left_out(why);
    }
    Ok(is_root)
}

/// As the commands of README, but run by root.
#[test]
fn files_created_by_root_belong_to_the_directory_owner() -> Result<()> {
    let folder = folder()?;
    if !is_root(&folder, "only root can make files for another user")? {
        return Ok(());
    }
    chown(folder.path(), Some(SERVICE), Some(SERVICE))?;
    let made = keys(&folder, &["generate"])?;
    ensure!(made.code == 0, "{made:?}");
    keys(&folder, &["generate", "--saml"])?;
    let directory = folder.path().join("keys");
    let mut files = vec![directory.clone()];
    for entry in fs::read_dir(&directory)? {
        files.push(entry?.path());
    }
    ensure!(files.len() > 5, "{files:?}");
    for file in files {
        let owner = (file.metadata()?.uid(), file.metadata()?.gid());
        ensure!(owner == (SERVICE, SERVICE), "{}: {owner:?}", file.display());
    }
    Ok(())
}

#[test]
fn unreadable_keys_are_not_reported_as_missing() -> Result<()> {
    let folder = folder()?;
    if !is_root(&folder, "only root can run a program as another user")? {
        return Ok(());
    }
    keys(&folder, &["generate"])?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    // In a folder that another user can access.
    let program = folder.path().join("rolecalld");
    fs::copy(env!("CARGO_BIN_EXE_rolecalld"), &program)?;
    let ran = Command::new(program)
        .args(["keys", "list", "--config", "rolecall.toml"])
        .current_dir(folder.path())
        .uid(SERVICE)
        .gid(SERVICE)
        .output()?;
    let output = String::from_utf8(ran.stderr)?;
    ensure!(
        output.contains("keys/keys.json: Permission denied")
            && output.contains("hint: run the command as the user of the gateway"),
        "{output}"
    );
    Ok(())
}
