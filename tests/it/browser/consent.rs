//! Programs are let in through a real Chromium: a burst of tabs with one click, and a device by keyboard and without
//! JavaScript. The program, in the script, redeems what it gets.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_are_let_in_on_a_desk_in_light() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_are_let_in_on_a_phone_in_dark() -> Result<()> {
    walk("dark", 390).await
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    let Some((stack, seen)) = super::walked("consent.mjs", scheme, width).await? else {
        return Ok(());
    };
    judge(&seen, &stack)
        .await
        .with_context(|| format!("{seen:#}"))
}

async fn judge(seen: &Value, stack: &TestStack) -> Result<()> {
    super::well_behaved(seen)?;
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
        "the burst is shown"
    );
    ensure!(
        page("device-link").contains("2 requests from 127.0.0.1"),
        "devices join, too"
    );
    ensure!(seen["denied"] == "access_denied");
    let tokens = seen["tokens"].as_array().context("no tokens")?;
    ensure!(tokens.len() == 5, "three tabs and two devices");
    for page in [page("signed-out-clients"), page("signed-out-plain")] {
        ensure!(
            page.contains("5 command lines and other programs are still signed in"),
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
