//! `rolecalld check`: reports all errors of all files in one run, with position and hint.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::oidc::{AuthTime, OidcSettings};

use super::{change, folder, rolecalld};

const CHECK: [&str; 3] = ["check", "--config", "rolecall.toml"];

#[test]
fn valid_configuration_is_reported() -> Result<()> {
    let ran = rolecalld(folder()?.path(), &CHECK)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out.ends_with(
            "rolecall.toml: valid; 1 identity provider, 3 accounts, 3 permission sets\n"
        ),
        "{}",
        ran.out
    );
    Ok(())
}

#[test]
fn all_errors_of_both_files_are_reported() -> Result<()> {
    let folder = folder()?;
    for (from, to) in [
        ("public_url = \"https:", "public_url = \"http:"),
        (
            "[listen]",
            "[listen]\nadress = \"x\"\ntrusted_proxies = [\"0.0.0.0/0\"]",
        ),
        ("sqlite:audit.db", "mysql://audit"),
        ("{ env = \"ROLECALL_TEST_SECRET\" }", "\"hunter2\""),
        ("https://id.example.com", "http://id.example.com"),
    ] {
        change(&folder, from, to)?;
    }
    let access = rolecall_harness::sample_data::ACCESS_POLICY
        .replace("groups = [\"platform\"]", "group = [\"platform\"]")
        .replace(
            "accounts = [\"payments-prod\"]",
            "accounts = [\"payments-prd\"]",
        );
    fs::write(folder.path().join("access.toml"), access)?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    for expected in [
        "rolecall.toml:1:14: invalid `public_url`\n  hint: use https; http is allowed only on loopback",
        "rolecall.toml:5:1: unknown key \"adress\"\n  hint: did you mean `address`?",
        "rolecall.toml:6:20: 0.0.0.0/0 is too wide: every host in this network could spoof its client address\n  hint: list only the addresses",
        "rolecall.toml:15:7: unsupported database: the audit trail requires SQLite or PostgreSQL\n  hint: write sqlite:FILE",
        "invalid `client_secret`\n  hint: secrets are not allowed in the configuration",
        "oidc.issuer: the issuer is not an https URL\n  hint: ",
        "unknown key \"group\"\n  hint: did you mean `groups`?",
        "unknown account \"payments-prd\"\n  hint: did you mean",
    ] {
        ensure!(ran.err.contains(expected), "{expected}:\n{}", ran.err);
    }
    ensure!(ran.err.contains("\naccess.toml:"), "{}", ran.err);
    ensure!(
        ran.err.ends_with(" errors in the configuration\n"),
        "{}",
        ran.err
    );
    ensure!(!ran.err.contains("hunter2"), "a secret was repeated");
    Ok(())
}

#[test]
fn all_errors_of_limits_are_reported() -> Result<()> {
    let folder = folder()?;
    let wrong = "[limits]\nsign_in = \"300\"\nfailures = \"0/10m\"\nregister = \"600/48h\"\ncredentials = 1200\n\
                 connections = 0\nconections = 9\n\n[listen]";
    change(&folder, "[listen]", wrong)?;
    change(&folder, "[aws]", "[aws]\nsts_rate = \"300/1s\"")?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    for expected in [
        "invalid `sign_in`\n  hint: write a number and a duration, such as \"300/1m\"",
        "invalid `failures`\n  hint: the number is between 1 and 1000000",
        "invalid `register`\n  hint: the duration is between 1s and 24h",
        "credentials",
        "connections is out of range\n  hint: write a number between 1 and 10000",
        "unknown key \"conections\"\n  hint: did you mean `connections`?",
        "sts_rate",
    ] {
        ensure!(ran.err.contains(expected), "{expected}:\n{}", ran.err);
    }
    ensure!(
        ran.err.ends_with("7 errors in the configuration\n"),
        "{}",
        ran.err
    );
    Ok(())
}

#[test]
fn all_errors_of_a_saml_provider_are_reported() -> Result<()> {
    let folder = folder()?;
    fs::write(folder.path().join("idp.xml"), "<EntityDescriptor/>")?;
    let key = folder.path().join("saml.pem");
    fs::write(&key, "not a key")?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("rolecall.toml"))?;
    let more = r#"
[[provider]]
id = "adfs"
[provider.saml]
metadata = { file = "idp.xml" }
signing_keys = [{ file = "saml.pem" }]
request_binding = "soap"
name_id_format = "uid"
allow_sha = true
aws = { start = "http://idp.example.com" }
[[provider]]
id = "campus"
saml = { metadata = { file = "nowhere.xml", url = "https://idp.example.com", refresh = "1s" }, sign_requests = true }
[[provider]]
id = "both"
step_up = { acr = ["two words", ""], reauthenticate = false }
"#;
    std::io::Write::write_all(&mut file, more.as_bytes())?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    for expected in [
        "invalid metadata of the identity provider: the root element is neither EntityDescriptor",
        "invalid key in `signing_keys`: the file does not contain a PEM private key\n  hint: create one with `rolecalld keys certificate FILE`",
        "invalid `request_binding`\n  hint: write \"redirect\" or \"post\"",
        "invalid `name_id_format`\n  hint: write persistent",
        "unknown key \"allow_sha\"\n  hint: did you mean `allow_sha1`?",
        "invalid `start`\n  hint: write an https URL",
        "refresh must be between 1m and 7d",
        "metadata requires either a file or a URL\n  hint: ",
        "a provider requires exactly one protocol\n  hint: set either `oidc` or `saml`",
        "invalid `acr`\n  hint: write printable ASCII characters without spaces",
        "`step_up` requests nothing\n  hint: list in `acr`",
    ] {
        ensure!(ran.err.contains(expected), "{expected}:\n{}", ran.err);
    }
    Ok(())
}

#[test]
fn missing_files_are_named() -> Result<()> {
    let folder = folder()?;
    let ran = rolecalld(folder.path(), &["check", "--config", "nowhere.toml"])?;
    ensure!(ran.code == 2, "{ran:?}");
    ensure!(
        ran.err.starts_with("nowhere.toml: cannot read file: "),
        "{}",
        ran.err
    );
    ensure!(
        ran.err
            .contains("hint: set --config to the path of rolecall.toml"),
        "{}",
        ran.err
    );
    change(
        &folder,
        "[\"access.toml\"]",
        "[\"access.toml\", \"more.toml\"]",
    )?;
    change(&folder, "eu-west-1", "moon")?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(
        ran.err.contains("more.toml: cannot read file: "),
        "{}",
        ran.err
    );
    ensure!(ran.err.contains("invalid `sts_region`"), "{}", ran.err);
    ensure!(
        ran.err.ends_with("2 errors in the configuration\n"),
        "{}",
        ran.err
    );
    Ok(())
}

#[test]
fn world_readable_secret_is_rejected() -> Result<()> {
    let folder = folder()?;
    let key = folder.path().join("seal.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2, "{ran:?}");
    ensure!(
        ran.err.contains("accessible to all users of this host"),
        "{}",
        ran.err
    );
    ensure!(ran.err.contains("hint: run: chmod o= "), "{}", ran.err);
    ensure!(ran.err.contains("defaultMode: 0440"), "{}", ran.err);
    // Access by its group is allowed.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640))?;
    ensure!(rolecalld(folder.path(), &CHECK)?.code == 0);
    Ok(())
}

#[test]
fn world_readable_tls_key_is_rejected() -> Result<()> {
    let folder = folder()?;
    change(
        &folder,
        "[listen]",
        "[listen]\ntls = { certificate = \"tls.crt\", key = { file = \"tls.key\" } }",
    )?;
    fs::write(folder.path().join("tls.key"), "no key at all")?;
    fs::set_permissions(
        folder.path().join("tls.key"),
        fs::Permissions::from_mode(0o604),
    )?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2, "{ran:?}");
    ensure!(
        ran.err.contains("tls.key is accessible to all users"),
        "{}",
        ran.err
    );
    Ok(())
}

#[test]
fn unset_variable_is_named() -> Result<()> {
    let folder = folder()?;
    change(&folder, "ROLECALL_TEST_SECRET", "ROLECALL_TEST_NOTHING")?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2, "{ran:?}");
    ensure!(
        ran.err.contains("ROLECALL_TEST_NOTHING is not set"),
        "{}",
        ran.err
    );
    Ok(())
}

#[tokio::test]
async fn online_check_tests_dependencies_without_side_effects() -> Result<()> {
    let stack = TestStack::start(TestStackSettings {
        store: "sqlite:store.db".to_owned(),
        ..TestStackSettings::default()
    })
    .await?;
    let online = ["check", "--config", "rolecall.toml", "--online"];
    let ran = rolecalld(stack.folder(), &online)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    for answer in [
        "provider example: ok",
        "store: ok",
        "database: ok",
        "keys: ok",
    ] {
        ensure!(ran.out.contains(answer), "{answer}: {}", ran.out);
    }
    let elsewhere = folder()?;
    change(&elsewhere, "https://id.example.com", "http://127.0.0.1:1")?;
    let ran = rolecalld(elsewhere.path(), &online)?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(ran.err.contains("provider example: "), "{}", ran.err);
    ensure!(
        ran.err.contains("keys: ") && ran.err.contains("hint: run `rolecalld keys generate`"),
        "{}",
        ran.err
    );
    ensure!(
        ran.out.contains("store: ok") && ran.out.contains("database: ok"),
        "{}",
        ran.out
    );
    ensure!(
        !elsewhere.path().join("store.db").exists() && !elsewhere.path().join("audit.db").exists()
    );
    Ok(())
}

#[tokio::test]
async fn missing_auth_time_is_a_warning() -> Result<()> {
    let silent = OidcSettings {
        auth_time: AuthTime::Never,
        ..OidcSettings::default()
    };
    for (more, warned) in [("", true), ("auth_time = \"assume_now\"\n", false)] {
        let stack = TestStack::start(TestStackSettings {
            store: "sqlite:store.db".to_owned(),
            provider: silent.clone(),
            more: more.to_owned(),
            ..TestStackSettings::default()
        })
        .await?;
        let online = ["check", "--config", "rolecall.toml", "--online"];
        let ran = rolecalld(stack.folder(), &online)?;
        ensure!(ran.code == 0, "{ran:?}");
        let is_reported = ran.err.contains("warning: provider example: auth_time: ")
            && ran.err.contains("set auth_time = \"assume_now\"");
        ensure!(is_reported == warned, "{more}: {}", ran.err);
    }
    Ok(())
}

#[test]
fn invalid_auth_time_is_reported_with_position() -> Result<()> {
    let folder = folder()?;
    change(&folder, "mfa = ", "auth_time = \"now\"\nmfa = ")?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    let is_reported = ran.err.contains("\"required\" or \"assume_now\"");
    ensure!(ran.code == 2 && is_reported, "{ran:?}");
    Ok(())
}

#[test]
fn missing_saml_key_is_reported() -> Result<()> {
    let folder = folder()?;
    let generate = ["keys", "generate", "--config", "rolecall.toml"];
    ensure!(rolecalld(folder.path(), &generate)?.code == 0);
    let is_reported = |ran: &super::Ran| {
        ran.code == 1
            && ran
                .err
                .contains("account sandbox: trust = \"gateway-saml\": no active key for SAML")
            && ran
                .err
                .contains("hint: run `rolecalld keys generate --saml`")
    };
    let online = [&CHECK[..], &["--online"]].concat();
    let ran = rolecalld(folder.path(), &online)?;
    ensure!(is_reported(&ran), "{ran:?}");
    let ran = rolecalld(folder.path(), &["serve", "--config", "rolecall.toml"])?;
    ensure!(is_reported(&ran), "{ran:?}");
    let saml = [&generate[..], &["--saml"]].concat();
    ensure!(rolecalld(folder.path(), &saml)?.code == 0);
    let ran = rolecalld(folder.path(), &online)?;
    ensure!(ran.out.contains("keys: ok"), "{ran:?}");
    Ok(())
}

#[test]
fn new_access_files_are_checked_and_compared() -> Result<()> {
    let folder = folder()?;
    let new = fs::read_to_string(folder.path().join("access.toml"))?;
    let fewer = new.replace("groups = [\"platform\"]", "groups = [\"operators\"]");
    ensure!(fewer != new);
    fs::write(folder.path().join("new.toml"), &fewer)?;
    let check = [&CHECK[..], &["--access", "new.toml"]].concat();
    let ran = rolecalld(folder.path(), &check)?;
    ensure!(
        ran.code == 0
            && ran
                .out
                .ends_with("changes to the access files in the configuration: 1 assignment, 0 deny rules and 0 roles changed\n"),
        "{ran:?}"
    );
    fs::write(
        folder.path().join("new.toml"),
        new.replace("[\"platform\"]", "[7]"),
    )?;
    let ran = rolecalld(folder.path(), &check)?;
    ensure!(ran.code == 2 && ran.err.contains("new.toml:"), "{ran:?}");
    let ran = rolecalld(
        folder.path(),
        &[&CHECK[..], &["--access", "nowhere.toml"]].concat(),
    )?;
    ensure!(
        ran.code == 2 && ran.err.contains("nowhere.toml: cannot read file"),
        "{ran:?}"
    );

    // `explain` uses the new files, too.
    fs::write(folder.path().join("new.toml"), &fewer)?;
    fs::write(
        folder.path().join("pat.json"),
        "{\"sub\": \"pat\", \"groups\": [\"operators\"], \"amr\": [\"mfa\"], \"email\": \"pat@example.com\", \"email_verified\": true}",
    )?;
    let explain = [
        "explain",
        "--config",
        "rolecall.toml",
        "--provider",
        "example",
        "--claims",
        "pat.json",
    ];
    let ran = rolecalld(folder.path(), &explain)?;
    ensure!(ran.code == 1, "{ran:?}");
    let ran = rolecalld(
        folder.path(),
        &[&explain[..], &["--access", "new.toml"]].concat(),
    )?;
    ensure!(
        ran.code == 0 && ran.out.contains("Administrator"),
        "{ran:?}"
    );
    Ok(())
}
