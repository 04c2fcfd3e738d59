//! Roles are chosen for `aws login` in a real Chromium: by keyboard, without JavaScript, and for another machine. The
//! program, in the script, redeems what it gets.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_chosen_on_a_desk_in_light() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_chosen_on_a_phone_in_dark() -> Result<()> {
    walk("dark", 390).await
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    match super::walked("login.mjs", scheme, width).await? {
        Some((stack, seen)) => judge(&seen, &stack).with_context(|| format!("{seen:#}")),
        None => Ok(()),
    }
}

fn judge(seen: &Value, stack: &TestStack) -> Result<()> {
    super::well_behaved(seen)?;
    let page = |name: &str| seen["pages"][name].as_str().unwrap_or_default().to_owned();
    ensure!(page("login").contains("aws login") && page("login").contains("127.0.0.1:"));
    ensure!(
        seen["roles"] == 12 && seen["found"] == 2,
        "twelve roles, two of them found"
    );
    ensure!(seen["denied"] == "access_denied");
    ensure!(page("login-remote").contains("Did someone else send you this link?"));
    ensure!(page("login-code").contains("Do not share this code"));
    ensure!(
        seen["state"] == "remote",
        "what is copied is what the CLI takes"
    );
    ensure!(
        page("login-plain").contains("second factor"),
        "a locked role says what it needs"
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
