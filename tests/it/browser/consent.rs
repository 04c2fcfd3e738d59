//! Tests of the consent pages in Chromium: one decision for several tabs, and a device by keyboard and without JavaScript. The
//! script also acts as the client and redeems the codes.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_works_on_desktop_in_light_mode() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_works_on_phone_in_dark_mode() -> Result<()> {
    walk("dark", 390).await
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    let Some((stack, seen)) = super::run_script("consent.mjs", scheme, width).await? else {
        return Ok(());
    };
    check(&seen, &stack)
        .await
        .with_context(|| format!("{seen:#}"))
}

async fn check(seen: &Value, stack: &TestStack) -> Result<()> {
    super::ensure_clean(seen)?;
    let page = |name: &str| seen["pages"][name].as_str().unwrap_or_default().to_owned();
    for part in [
        "botocore-client-work",
        "127.0.0.1",
        "Alice",
        "Allow",
        "Deny",
    ] {
        ensure!(page("consent").contains(part), "{part}");
    }
    ensure!(
        page("consent-burst").contains("3 requests from 127.0.0.1"),
        "{}",
        page("consent-burst")
    );
    ensure!(
        page("device-link").contains("2 requests from 127.0.0.1"),
        "{}",
        page("device-link")
    );
    ensure!(seen["denied"] == "access_denied");
    let tokens = seen["tokens"].as_array().context("no tokens")?;
    ensure!(
        tokens.len() == 5,
        "tokens of three tabs and two devices: {}",
        tokens.len()
    );
    for page in [page("signed-out-clients"), page("signed-out-plain")] {
        ensure!(
            page.contains("5 programs (AWS CLI and others) are still signed in"),
            "{page}"
        );
    }
    ensure!(seen["working"] == serde_json::json!([5, 0]));
    for token in tokens {
        let token = token.as_str().unwrap_or_default();
        let token = rolecall_core::base::secret::AccessToken::new(token);
        let found = stack
            .gateway
            .services
            .sessions()
            .client_session(&token)
            .await?;
        ensure!(found.is_none(), "{token:?} was signed out");
    }
    Ok(())
}
