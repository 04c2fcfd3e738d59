//! Step-up in Chromium: the focus is on the button of the role, and one key press opens the console.

use rolecall_testkit::oidc::OidcSettings;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_up_works_on_desktop_in_light_mode() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_up_works_on_phone_in_dark_mode() -> Result<()> {
    walk("dark", 390).await
}

/// A stack whose provider honors the requested context, or ignores it.
fn settings(honored: bool) -> TestStackSettings {
    let context = "urn:example:mfa".to_owned();
    TestStackSettings {
        more: format!("step_up = {{ acr = [\"{context}\"] }}\n"),
        provider: OidcSettings {
            contexts: honored.then_some(context).into_iter().collect(),
            ..OidcSettings::default()
        },
        ..TestStackSettings::default()
    }
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    let honored = super::run_script_in("step_up.mjs", settings(true), scheme, width).await?;
    let Some((stack, seen)) = honored else {
        return Ok(());
    };
    check(&seen, &stack).with_context(|| format!("{seen:#}"))?;
    let ends = match width < 640 {
        true => "block none",
        false => "inline-block \"· \"",
    };
    ensure!(seen["ends"] == ends, "{seen:#}");
    let ignored = super::run_script_in("step_up.mjs", settings(false), scheme, width).await?;
    let (stack, seen) = ignored.context("the browser was there before")?;
    super::ensure_clean(&seen).with_context(|| format!("{seen:#}"))?;
    let page = seen["pages"]["unconfirmed"].as_str().unwrap_or_default();
    ensure!(page.contains("did not confirm one"), "{seen:#}");
    ensure!(stack.aws.issued().is_empty());
    Ok(())
}

fn check(seen: &Value, stack: &TestStack) -> Result<()> {
    super::ensure_clean(seen)?;
    ensure!(seen["before"] == "BODY" && seen["focus"] == "Open console");
    let described = seen["described"].as_str().unwrap_or_default();
    ensure!(
        described.contains("additional verification is complete"),
        "{described}"
    );
    // The console, the credentials, and those of the check.
    ensure!(stack.aws.issued().len() == 3);
    Ok(())
}
