//! `rolecalld check` for accounts with `trust = "provider-oidc"`.

use std::fs;

use anyhow::{Result, ensure};

use super::{change, folder, rolecalld};

const CHECK: [&str; 3] = ["check", "--config", "rolecall.toml"];

#[test]
fn public_client_cannot_be_trusted_by_accounts() -> Result<()> {
    let folder = folder()?;
    let access = rolecall_harness::sample_data::ACCESS_POLICY.replace(
        "name = \"payments-prod\"",
        "name = \"payments-prod\"\ntrust = \"provider-oidc\"\nprovider = \"example\"",
    );
    fs::write(folder.path().join("access.toml"), access)?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(ran.code == 0, "{ran:?}");
    for warning in [
        "AWS knows only `aud` and `sub` of the ID tokens of example",
        "name the people in the trust policies (id.example.com:sub), and let only Rolecall use the client rolecall",
        "have no session tags and no source identity: its trust is \"provider-oidc\"",
    ] {
        ensure!(ran.err.contains(warning), "{warning}: {}", ran.err);
    }
    change(
        &folder,
        ", client_secret = { env = \"ROLECALL_TEST_SECRET\" }",
        "",
    )?;
    let ran = rolecalld(folder.path(), &CHECK)?;
    ensure!(
        ran.code == 2
            && ran
                .err
                .contains("the provider example has neither client_secret nor client_key"),
        "{ran:?}"
    );
    Ok(())
}
