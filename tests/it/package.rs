//! The files of the Debian package match the documents and the program. `cargo xtask deb --test` installs the package.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecalld::config;
use tempfile::TempDir;

use crate::manual::read;
use crate::readme;

fn packaged(file: &str) -> Result<String> {
    read(&format!("packaging/debian/{file}"))
}

/// The lines that are neither comments nor empty.
fn meant(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn unit_matches_the_manual() -> Result<()> {
    let manual = read("docs/operations.md")?;
    let (_, block) = manual
        .split_once("```ini\n# /etc/systemd/system/rolecalld.service\n")
        .context("the unit in docs/operations.md")?;
    let (block, _) = block.split_once("```").context("its end")?;
    let shown = block.replace("/usr/local/bin/", "/usr/bin/");
    let unit = packaged("rolecalld.service")?;
    let unit: Vec<&str> = meant(&unit)
        .into_iter()
        .filter(|line| !line.starts_with("Documentation="))
        .collect();
    assert_eq!(meant(&shown), unit);
    Ok(())
}

/// A folder with the packaged configuration, modified, and all its secrets.
fn configured(change: impl FnOnce(String) -> String) -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::new()?;
    for secret in ["seal.key", "google.secret", "okta.secret"] {
        let path = folder.path().join(secret);
        fs::write(&path, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    }
    fs::write(folder.path().join("access.toml"), packaged("access.toml")?)?;
    let path = folder.path().join("rolecall.toml");
    fs::write(&path, change(packaged("rolecall.toml")?))?;
    Ok((folder, path))
}

/// A commented-out block of the packaged configuration.
fn commented(text: &str, mark: &str) -> Result<String> {
    let block = text
        .split("\n\n")
        .find(|block| block.starts_with("#[[") && block.contains(mark))
        .with_context(|| mark.to_owned())?;
    let lines = block.lines().map(|line| line.trim_start_matches('#'));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn packaged_configuration_lacks_only_a_provider() -> Result<()> {
    let (_folder, path) = configured(|text| text)?;
    let error = config::load(&path).err().context("accepted")?.to_string();
    ensure!(error.contains("no identity provider"), "{error}");
    ensure!(error.contains("1 error"), "{error}");
    Ok(())
}

#[test]
fn either_provider_completes_the_configuration() -> Result<()> {
    for mark in ["accounts.google.com", "okta.com"] {
        let block = commented(&packaged("rolecall.toml")?, mark)?;
        let (_folder, path) = configured(|text| format!("{text}\n{block}\n"))?;
        let loaded = config::load(&path)?;
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(
            loaded.access.policy.accounts().count(),
            0,
            "the access policy has no assignments"
        );
    }
    Ok(())
}

#[test]
fn configuration_matches_the_readme() -> Result<()> {
    let table = |text: &str| -> Result<toml::Table> { Ok(text.parse()?) };
    let main = packaged("rolecall.toml")?;
    assert_eq!(table(&main)?, table(&readme::toml("[listen]")?)?);
    for mark in ["accounts.google.com", "okta.com"] {
        let shown = table(&readme::toml(mark)?)?;
        assert_eq!(table(&commented(&main, mark)?)?, shown);
    }
    let access = packaged("access.toml")?;
    let blocks = ["[[account]]", "[[permission_set]]", "[[assignment]]"];
    let blocks: Result<Vec<String>> = blocks.iter().map(|mark| commented(&access, mark)).collect();
    assert_eq!(
        table(&blocks?.join("\n"))?,
        table(&readme::toml("[[assignment]]")?)?
    );
    Ok(())
}

/// The `--help` output of a command.
fn help(command: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_rolecalld"))
        .args(command)
        .arg("--help")
        .output()?;
    Ok(String::from_utf8(output.stdout)?)
}

/// The names of the subcommands.
fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    list.lines()
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn man_page_has_every_command_and_option() -> Result<()> {
    let page = packaged("rolecalld.1")?.replace("\\-", "-");
    let mut seen = 0;
    for command in commands(&help(&[])?) {
        let text = help(&[&command])?;
        let below = commands(&text);
        let mut texts = vec![(command.clone(), text)];
        for one in below {
            let text = help(&[&command, &one])?;
            texts.push((format!("{command} {one}"), text));
        }
        for (name, text) in texts
            .iter()
            .filter(|(_, text)| !text.contains("Commands:\n"))
        {
            ensure!(
                page.contains(name),
                "the man page does not contain `{name}`"
            );
            let options = text
                .split_whitespace()
                .filter(|word| word.starts_with("--"));
            for option in options.filter(|word| word.trim_start_matches('-').len() > 1) {
                let option = option.trim_end_matches([',', '.', ';', ']']);
                ensure!(
                    page.contains(option),
                    "the man page does not contain `{option}` of `{name}`"
                );
                seen += 1;
            }
        }
    }
    ensure!(seen > 20, "too few options found: {seen}");
    Ok(())
}

#[test]
fn changelog_has_the_version() -> Result<()> {
    let changelog = packaged("changelog")?;
    let version = env!("CARGO_PKG_VERSION");
    ensure!(
        changelog.starts_with(&format!("rolecalld ({version}-1) ")),
        "packaging/debian/changelog begins with another version than {version}-1"
    );
    ensure!(packaged("rolecalld.1")?.contains(&format!("\"Rolecall {version}\"")));
    Ok(())
}

#[test]
fn packaged_files_exist() -> Result<()> {
    let manifest: toml::Table = read("Cargo.toml")?.parse()?;
    let assets = manifest["package"]["metadata"]["deb"]["assets"]
        .as_array()
        .context("assets")?;
    for asset in assets {
        let source = asset[0].as_str().context("the source of an asset")?;
        let folder = source.trim_end_matches("*.md").trim_end_matches('*');
        let exists = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).exists();
        ensure!(exists || source.starts_with("target/"), "{source}");
    }
    Ok(())
}
