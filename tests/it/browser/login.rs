//! Tests of the pages of `aws login` in Chromium: by keyboard, without JavaScript, and with `--remote`. The script also acts as
//! the client and redeems the codes.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_login_works_on_desktop_in_light_mode() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_login_works_on_phone_in_dark_mode() -> Result<()> {
    walk("dark", 390).await
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    match super::run_script("login.mjs", scheme, width).await? {
        Some((stack, seen)) => check(&seen, &stack).with_context(|| format!("{seen:#}")),
        None => Ok(()),
    }
}

fn check(seen: &Value, stack: &TestStack) -> Result<()> {
    super::ensure_clean(seen)?;
    let page = |name: &str| seen["pages"][name].as_str().unwrap_or_default().to_owned();
    ensure!(
        page("login").contains("aws login") && page("login").contains("127.0.0.1:"),
        "{}",
        page("login")
    );
    ensure!(
        seen["roles"] == 12 && seen["found"] == 2,
        "{} roles, {} found",
        seen["roles"],
        seen["found"]
    );
    ensure!(seen["denied"] == "access_denied");
    ensure!(
        page("login-remote").contains("Did someone else send you this link?"),
        "{}",
        page("login-remote")
    );
    ensure!(
        page("login-code").contains("Do not share this code"),
        "{}",
        page("login-code")
    );
    ensure!(seen["state"] == "remote");
    ensure!(
        page("login-plain").contains("second factor"),
        "{}",
        page("login-plain")
    );
    let issued = stack.aws.issued();
    let keys: Vec<&str> = issued
        .iter()
        .map(|issued| issued.access_key_id.as_str())
        .collect();
    ensure!(seen["keys"] == serde_json::json!(keys), "{keys:?}");
    ensure!(keys.len() == 3);
    Ok(())
}
