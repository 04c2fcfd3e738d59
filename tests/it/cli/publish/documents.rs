//! The documents that `rolecalld keys publish` writes, and where their address occurs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::{change, folder, program, rolecalld};
use super::{FILES, generate, keys, set_url};

#[test]
fn documents_are_public_and_stay_the_same() -> Result<()> {
    let folder = folder()?;
    set_url(&folder, "https://issuer.example.com/rolecall")?;
    let kids = [generate(&folder)?, generate(&folder)?];
    let mut strict = Command::new("sh");
    strict.args(["-c", "umask 077; exec \"$@\"", "sh"]);
    strict.arg(program(folder.path()).get_program());
    strict.args(["keys", "publish", "a/out", "--config", "rolecall.toml"]);
    ensure!(strict.current_dir(folder.path()).status()?.success());
    let out = folder.path().join("a/out");
    for file in FILES {
        let path = out.join(file);
        ensure!(path.metadata()?.mode() & 0o777 == 0o644, "{file}");
        let text = fs::read_to_string(&path)?;
        ensure!(
            !text.contains("PRIVATE") && !text.contains("\"d\""),
            "{text}"
        );
    }
    let discovery: Value = serde_json::from_slice(&fs::read(out.join(FILES[1]))?)?;
    ensure!(
        discovery["issuer"] == "https://issuer.example.com/rolecall",
        "{discovery}"
    );
    ensure!(
        discovery["jwks_uri"] == "https://issuer.example.com/rolecall/jwks",
        "{discovery}"
    );
    let jwks: Value = serde_json::from_slice(&fs::read(out.join("jwks"))?)?;
    let listed = jwks["keys"].as_array().context("keys")?;
    let listed: Vec<&str> = listed
        .iter()
        .filter_map(|key| key["kid"].as_str())
        .collect();
    ensure!(listed == kids, "the next key is published: {jwks}");

    let inode = out.join("jwks").metadata()?.ino();
    let again = keys(&folder, &["publish", "a/out"])?;
    ensure!(
        again.out.starts_with(
            "a/out/jwks: unchanged\na/out/.well-known/openid-configuration: unchanged\n2 keys."
        ),
        "{}",
        again.out
    );
    ensure!(
        again.out.contains("  aws s3 cp 'a/out/jwks' s3://BUCKET/rolecall/jwks --content-type application/json --cache-control \"public, max-age=300\"\n")
            && again.out.contains("\nNever upload anything of keys/."),
        "{}",
        again.out
    );
    ensure!(
        out.join("jwks").metadata()?.ino() == inode,
        "an equal file was replaced"
    );
    generate(&folder)?;
    let json = keys(&folder, &["publish", "a/out", "--json"])?;
    let json: Value = serde_json::from_str(&json.out)?;
    ensure!(
        json == json!([
            { "file": "a/out/jwks", "url": "https://issuer.example.com/rolecall/jwks", "content_type": "application/json", "cache_control": "public, max-age=300", "changed": true },
            { "file": "a/out/.well-known/openid-configuration", "url": "https://issuer.example.com/rolecall/.well-known/openid-configuration", "content_type": "application/json", "cache_control": "public, max-age=300", "changed": false },
        ]),
        "{json}"
    );
    Ok(())
}

#[test]
fn upload_commands_are_quoted() -> Result<()> {
    let folder = folder()?;
    set_url(&folder, "https://issuer.example.com")?;
    generate(&folder)?;
    let ran = keys(&folder, &["publish", "o'ut; id"])?;
    let expected = r"aws s3 cp 'o'\''ut; id/jwks' s3://BUCKET/jwks --content-type ";
    ensure!(ran.code == 0 && ran.out.contains(expected), "{ran:?}");
    Ok(())
}

#[test]
fn directory_with_keys_or_configuration_is_refused() -> Result<()> {
    let folder = folder()?;
    set_url(&folder, "https://issuer.example.com")?;
    generate(&folder)?;
    std::os::unix::fs::symlink("keys", folder.path().join("link"))?;
    for directory in [".", "keys", "keys/out", "link", "link/out", "nowhere/.."] {
        if directory.starts_with("nowhere") {
            fs::create_dir(folder.path().join("nowhere"))?;
        }
        let ran = keys(&folder, &["publish", directory])?;
        ensure!(
            ran.code == 2
                && ran.out.is_empty()
                && ran.err.contains(" is not a directory for public files: ")
                && ran
                    .err
                    .contains("\nhint: choose a directory for the two documents alone"),
            "{directory}: {ran:?}"
        );
    }
    ensure!(!folder.path().join("keys/out").exists());
    // Something that cannot be written.
    fs::write(folder.path().join("file"), "")?;
    let ran = keys(&folder, &["publish", "file"])?;
    ensure!(
        ran.code == 1 && ran.err.contains("hint: choose a directory"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn links_in_the_directory_are_replaced_and_not_followed() -> Result<()> {
    let folder = folder()?;
    generate_without_url(&folder)?;
    let target = folder.path().join("target");
    fs::write(&target, "precious")?;
    fs::create_dir(folder.path().join("out"))?;
    std::os::unix::fs::symlink(&target, folder.path().join("out/jwks"))?;
    let ran = keys(&folder, &["publish", "out"])?;
    ensure!(
        ran.code == 0
            && ran.err.contains("note: `url` is not set in [issuer]")
            && ran.err.contains("https://sso.example.com"),
        "{ran:?}"
    );
    ensure!(fs::read_to_string(target)? == "precious");
    let file = folder.path().join("out/jwks");
    ensure!(file.symlink_metadata()?.is_file());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let ran = keys(&folder, &["confirm"])?;
    ensure!(
        ran.code == 2 && ran.err.contains("`url` is not set in [issuer]"),
        "{ran:?}"
    );
    Ok(())
}

fn generate_without_url(folder: &TempDir) -> Result<()> {
    let ran = keys(folder, &["generate"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    Ok(())
}

#[test]
fn invalid_issuer_url_is_refused_by_every_command() -> Result<()> {
    for (url, hint) in [
        ("https://issuer.example.com/", "remove the slash at the end"),
        (
            "https://Issuer.example.com",
            "write it as https://issuer.example.com",
        ),
        ("https://issuer.example.com:8443", "remove the port"),
        ("https://issuer.example.com?a=b", "remove the query"),
        ("http://issuer.example.com", "use https"),
    ] {
        let folder = folder()?;
        set_url(&folder, url)?;
        for command in [
            &["check"][..],
            &["keys", "publish", "out"],
            &["keys", "confirm"],
            &["keys", "rotate"],
            &["keys", "generate"],
        ] {
            let ran = rolecalld(
                folder.path(),
                &[command, &["--config", "rolecall.toml"]].concat(),
            )?;
            ensure!(
                ran.code == 2
                    && ran
                        .err
                        .starts_with("rolecall.toml:17:7: invalid `url`\n  hint: ")
                    && ran.err.contains(hint),
                "{url} {command:?}: {ran:?}"
            );
        }
        ensure!(!Path::new(folder.path()).join("out").exists());
    }
    Ok(())
}

#[test]
fn issuer_url_is_in_everything_for_aws() -> Result<()> {
    let folder = folder()?;
    set_url(&folder, "https://example.github.io/rolecall")?;
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(
        ran.code == 0
            && ran.out.contains("issuer: where AWS fetches the documents of `rolecalld keys publish`\n  provider URL  https://example.github.io/rolecall\n  discovery     https://example.github.io/rolecall/.well-known/openid-configuration\n  key set       https://example.github.io/rolecall/jwks\n"),
        "{ran:?}"
    );
    let generated = |arguments: &[&str]| -> Result<String> {
        let all = [&["aws"], arguments, &["--config", "rolecall.toml"]].concat();
        let ran = rolecalld(folder.path(), &all)?;
        ensure!(ran.code == 0, "{ran:?}");
        Ok(ran.out)
    };
    let account = ["--account", "payments-prod"];
    for (arguments, expected) in [
        (
            &["cloudformation"][..],
            "https://example.github.io/rolecall\"",
        ),
        (&["terraform"], "https://example.github.io/rolecall\""),
        (&["trust-policy"], "example.github.io/rolecall:aud"),
    ] {
        let text = generated(&[arguments, &account].concat())?;
        ensure!(
            text.contains(expected) && !text.contains("sso.example.com"),
            "{arguments:?}: {text}"
        );
    }
    let guard = generated(&["resource-control-policy"])?;
    ensure!(
        guard.contains("arn:aws:iam::*:oidc-provider/example.github.io/rolecall\""),
        "{guard}"
    );
    // The same URL as `public_url` is not another address.
    change(
        &folder,
        "https://example.github.io/rolecall",
        "https://sso.example.com",
    )?;
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(ran.code == 0 && !ran.out.contains("issuer: "), "{ran:?}");
    Ok(())
}
