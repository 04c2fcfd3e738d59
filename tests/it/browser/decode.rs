//! Tests of `/decode` in Chromium, with a message that the simulated AWS encoded.

use super::*;
use crate::web::decode::ec2::denied;
use crate::web::{Fixture, pass_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decode_works_on_desktop_in_light_mode() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decode_works_on_desktop_in_dark_mode() -> Result<()> {
    walk("dark", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decode_works_on_phone_in_light_mode() -> Result<()> {
    walk("light", 390).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decode_works_on_phone_in_dark_mode() -> Result<()> {
    walk("dark", 390).await
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    if !has_browser() {
        return Ok(());
    }
    let fixture = Fixture::new().await?;
    let pass = pass_of(&fixture.signed_in("bob").await?)?;
    let error = denied(&fixture, &pass, "444455556666", "Developer", "readonly").await?;
    let seen = observe("decode.mjs", fixture.stack.url(), scheme, width, &[&error]).await?;
    check(&seen, &fixture).with_context(|| format!("{seen:#}"))
}

fn check(seen: &Value, fixture: &Fixture) -> Result<()> {
    ensure_clean(seen)?;
    for (name, part) in [
        ("decode", "Explain a denied request"),
        ("decode-text", "Denied: no session policy allows the action"),
        ("decode-decoded", "m5.24xlarge"),
        ("decode-problem", "AWS cannot read the encoded message."),
        ("decode-id", "--authorization-id 1a2b3c4d5e6f7g8h9i0j"),
    ] {
        let text = seen["pages"][name].as_str().unwrap_or_default();
        ensure!(text.contains(part), "{name}: {part}: {text}");
    }
    ensure!(seen["selected"] == "444455556666/Developer");
    ensure!(seen["address"] == fixture.at("/decode").as_str());
    Ok(())
}
