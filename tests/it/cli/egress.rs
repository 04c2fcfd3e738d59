//! `[egress]` in `rolecall.toml`, and what the environment says without it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::proxy::{Proxy, ProxySettings};

use super::{change, folder, program, rolecalld};

const CHECK: [&str; 3] = ["check", "--config", "rolecall.toml"];

#[test]
fn each_mistake_in_it_is_told() -> Result<()> {
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
    for told in [
        "credentials do not stand in the address",
        "a network such as 10.0.0.0/8",
        "empty.pem cannot be used: there is no certificate in PEM in it",
        "nowhere.pem cannot be used: ",
        "unknown key \"proxi\"",
    ] {
        ensure!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    ensure!(!ran.err.contains("hunter2"), "a secret was repeated");
    Ok(())
}

#[test]
fn a_proxy_of_the_environment_is_not_used_and_said_to_be() -> Result<()> {
    let folder = folder()?;
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let ran = program(folder.path())
            .args(CHECK)
            .env(variable, "http://me:hunter2@127.0.0.1:9000")
            .output()?;
        let said = String::from_utf8(ran.stderr)?;
        ensure!(ran.status.code() == Some(0), "{said}");
        ensure!(
            said.contains(&format!("warning: rolecall.toml:1:1: {variable} is set"))
                && said.contains("[egress]")
                && !said.contains("hunter2"),
            "{said}"
        );
    }
    change(&folder, "[aws]", "[egress]\n\n[aws]")?;
    let ran = program(folder.path())
        .args(CHECK)
        .env("HTTPS_PROXY", "http://127.0.0.1:9000")
        .output()?;
    ensure!(ran.stderr.is_empty(), "an empty section silences it");
    Ok(())
}

#[test]
fn a_system_without_certificate_authorities_is_told_which_package_it_lacks() -> Result<()> {
    let folder = folder()?;
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "")?;
    let check = || -> Result<String> {
        let ran = program(folder.path())
            .args(CHECK)
            .env("SSL_CERT_FILE", &empty)
            .env("SSL_CERT_DIR", folder.path().join("keys"))
            .output()?;
        let said = String::from_utf8(ran.stderr)?;
        ensure!(ran.status.code() == Some(0), "{said}");
        Ok(said)
    };
    let said = check()?;
    ensure!(
        said.contains("warning: rolecall.toml:1:1: this system has no CA certificates")
            && said.contains("install the package ca-certificates"),
        "{said}"
    );
    let own = rolecall_testkit::certificate::CertificateAuthority::generate()?;
    fs::write(folder.path().join("own.pem"), own.pem()?)?;
    change(&folder, "[aws]", "[egress]\nca = [\"own.pem\"]\n\n[aws]")?;
    let said = check()?;
    ensure!(said.is_empty(), "{said}");
    Ok(())
}

#[tokio::test]
async fn check_online_goes_through_the_proxy() -> Result<()> {
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
    ensure!(ran.out.contains("provider example: answers"), "{ran:?}");
    let said = ran
        .err
        .lines()
        .find(|line| line.starts_with("provider corp: "))
        .context(ran.err.clone())?;
    ensure!(said.contains("[egress]"), "{said}");
    let asked = proxy.requests();
    ensure!(
        asked.first() == Some(&("idp.corp.example:443".to_owned(), 502)),
        "{asked:?}"
    );
    Ok(())
}
