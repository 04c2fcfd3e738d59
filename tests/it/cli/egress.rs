//! `[egress]` in `rolecall.toml`, and proxy settings in the environment.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::proxy::{Proxy, ProxySettings};

use super::{change, folder, program, rolecalld};

const CHECK: [&str; 3] = ["check", "--config", "rolecall.toml"];

#[test]
fn all_errors_of_egress_are_reported() -> Result<()> {
    let folder = folder()?;
    fs::write(folder.path().join("empty.pem"), "nothing")?;
    change(
        &folder,
        "[aws]",
        "[egress]\nproxy = \"http://me:hunter2@proxy.example:3128\"\nno_proxy = [\"10.0.0.0/99\", \"*.corp.example\"]\n\
         ca = [\"empty.pem\", \"nowhere.pem\"]\nproxi = 1\n\n[aws]",
    )?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 2, "{ran:?}");
    for expected in [
        "credentials are not allowed in the URL",
        "a network such as 10.0.0.0/8",
        "empty.pem: the file does not contain a PEM certificate",
        "nowhere.pem: ",
        "unknown key \"proxi\"",
    ] {
        ensure!(ran.err.contains(expected), "{expected}: {}", ran.err);
    }
    ensure!(!ran.err.contains("hunter2"), "a secret was repeated");
    Ok(())
}

#[test]
fn ignored_environment_proxy_causes_a_warning() -> Result<()> {
    let folder = folder()?;
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let ran = program(folder.path())
            .args(CHECK)
            .env(variable, "http://me:hunter2@127.0.0.1:9000")
            .output()?;
        let output = String::from_utf8(ran.stderr)?;
        ensure!(ran.status.code() == Some(0), "{output}");
        ensure!(
            output.contains(&format!("warning: rolecall.toml:1:1: {variable} is set"))
                && output.contains("[egress]")
                && !output.contains("hunter2"),
            "{output}"
        );
    }
    change(&folder, "[aws]", "[egress]\n\n[aws]")?;
    let ran = program(folder.path())
        .args(CHECK)
        .env("HTTPS_PROXY", "http://127.0.0.1:9000")
        .output()?;
    ensure!(
        ran.stderr.is_empty(),
        "an empty section suppresses the warning: {ran:?}"
    );
    Ok(())
}

#[test]
fn missing_ca_certificates_cause_a_warning() -> Result<()> {
    let folder = folder()?;
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "")?;
    let check = || -> Result<String> {
        let ran = program(folder.path())
            .args(CHECK)
            .env("SSL_CERT_FILE", &empty)
            .env("SSL_CERT_DIR", folder.path().join("keys"))
            .output()?;
        let output = String::from_utf8(ran.stderr)?;
        ensure!(ran.status.code() == Some(0), "{output}");
        Ok(output)
    };
    let output = check()?;
    ensure!(
        output.contains("warning: rolecall.toml:1:1: this system has no CA certificates")
            && output.contains("install the package ca-certificates"),
        "{output}"
    );
    let own = rolecall_testkit::certificate::CertificateAuthority::generate()?;
    fs::write(folder.path().join("own.pem"), own.pem()?)?;
    change(&folder, "[aws]", "[egress]\nca = [\"own.pem\"]\n\n[aws]")?;
    let output = check()?;
    ensure!(output.is_empty(), "{output}");
    Ok(())
}

#[tokio::test]
async fn check_online_uses_the_proxy() -> Result<()> {
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let proxy = Proxy::start(ProxySettings {
        credentials: Some(("gateway".to_owned(), "open sesame".to_owned())),
        hosts: HashMap::new(),
    })?;
    let path = stack.folder().join("rolecall.toml");
    let text = fs::read_to_string(&path)?;
    let secret = stack.folder().join("proxy.password");
    fs::write(&secret, "open sesame\n")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    let provider = format!(
        "\n[egress]\nproxy = {{ url = \"{}\", username = \"gateway\", password = {{ file = \"proxy.password\" }} }}\n\
         [[provider]]\nid = \"corp\"\noidc = {{ issuer = \"https://idp.corp.example\", client_id = \"rolecall\" }}\n",
        proxy.url()
    );
    fs::write(&path, text + &provider)?;
    let ran = rolecalld(stack.folder(), &[&CHECK[..], &["--online"]].concat())?;
    ensure!(ran.out.contains("provider example: ok"), "{ran:?}");
    let output = ran
        .err
        .lines()
        .find(|line| line.starts_with("provider corp: "))
        .context(ran.err.clone())?;
    ensure!(output.contains("[egress]"), "{output}");
    let asked = proxy.requests();
    ensure!(
        asked.first() == Some(&("idp.corp.example:443".to_owned(), 502)),
        "{asked:?}"
    );
    Ok(())
}
