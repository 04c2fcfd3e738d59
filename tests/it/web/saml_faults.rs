//! All faults of a SAML provider in a full stack: the sign-in is rejected, one audit event has the reason, the page is clear,
//! nothing is fetched or opened, and a correct provider is accepted afterwards.

use rolecall_testkit::saml::fault::Logout;
use rolecall_testkit::saml::{ALL, Binding, Case, ExpectedOutcome, Fault};

use super::saml::{SamlFixture, key_file};
use super::*;

/// A stack with an encryption key for the provider.
async fn stack() -> Result<SamlFixture> {
    let key = key_file()?;
    SamlFixture::with(
        &format!("encryption_keys = [{{ file = \"{key}\" }}]"),
        |_| (),
    )
    .await
}

/// Signs in as far as possible.
async fn sign_in(fixture: &SamlFixture, browser: &mut Browser) -> Result<Page> {
    let page = browser.open(&fixture.at("/sign-in/adfs")).await?;
    ensure!(
        page.url().as_str().starts_with(&fixture.upstream.url()),
        "{}: {}",
        page.url(),
        page.text()
    );
    browser.sign_in_at_provider("alice").await
}

async fn check(fixture: &SamlFixture, case: &Case) -> Result<()> {
    let (faulty, refused) = (
        fixture.upstream.faulty_responses(),
        fixture.events("sign_in_refused").await?.len(),
    );
    fixture.upstream.inject_fault(case.fault);
    let mut browser = fixture.browser()?;
    let page = sign_in(fixture, &mut browser).await?;
    fixture.upstream.clear_faults();
    ensure!(fixture.upstream.faulty_responses() == faulty + 1);
    ensure!(fixture.upstream.canary().hits() == 0);
    ensure!(
        !fixture.upstream.canary_file().was_opened(),
        "the gateway opened a file"
    );
    ensure!(
        page.url().as_str().starts_with(fixture.stack.url()),
        "left at {}",
        page.url()
    );
    ensure!(!page.body().contains("<script>alert"), "{}", page.body());
    if browser.cookie(SESSION).is_some() {
        ensure!(
            case.outcome != ExpectedOutcome::Rejected,
            "the sign-in was accepted: {}",
            page.text()
        );
        let page = browser.open(&fixture.at("/")).await?;
        // Ambiguous signed e-mail addresses appear only in the message about them.
        let untrusted = |line: &&str| line.contains("not trusted, because more than one");
        let lines = page.body().lines().filter(|line| !untrusted(line));
        let rest: String = lines.collect();
        ensure!(
            !rest.contains(Fault::FORGED) && !rest.contains("mallory"),
            "{rest}"
        );
        return Ok(());
    }
    ensure!(
        case.outcome != ExpectedOutcome::Accepted,
        "it was refused: {}",
        page.text()
    );
    ensure!(
        page.status().is_some_and(|status| status.is_client_error()),
        "{:?}: {}",
        page.status(),
        page.text()
    );
    let events = fixture.events("sign_in_refused").await?;
    // Oversized or malformed forms are rejected before their sign-in is known.
    let unread = matches!(case.fault, Fault::PostBinding(_))
        || page.status().is_some_and(|status| status == 413);
    if unread && events.len() == refused {
        return Ok(());
    }
    ensure!(
        events.len() == refused + 1,
        "{} rejections",
        events.len() - refused
    );
    let event = events.last().context("no rejection event")?;
    ensure!(
        event["provider"] == "adfs" && event["reference"] == reference(&page)?,
        "{event}"
    );
    let reason = event["reason"].as_str().context("no reason")?;
    // An error status of the provider is not a fault.
    let reason = reason
        .strip_prefix("refused_by_provider")
        .map_or(reason, |_| "status");
    ensure!(
        case.reasons.is_empty() || case.reasons.contains(&reason),
        "{event}: expected one of {:?}",
        case.reasons
    );
    ensure!(
        !page.select("p.hint")?.is_empty(),
        "no hint: {}",
        page.text()
    );
    Ok(())
}

/// Runs all cases whose name starts with this prefix in one stack, and then a correct sign-in.
async fn run_group(beginnings: &[&str]) -> Result<()> {
    let fixture = stack().await?;
    let of_family = |case: &&Case| {
        beginnings
            .iter()
            .any(|beginning| case.name.starts_with(beginning))
    };
    let cases: Vec<_> = ALL.iter().filter(of_family).collect();
    ensure!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(error) = check(&fixture, case).await {
            wrong.push(format!("{}: {error:#}", case.name));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut browser = fixture.browser()?;
    let page = sign_in(&fixture, &mut browser).await?;
    ensure!(
        browser.cookie(SESSION).is_some(),
        "something lingers: {}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn wrapped_signatures_are_rejected() -> Result<()> {
    run_group(&["xsw", "wrapping_"]).await
}

#[tokio::test]
async fn forged_signatures_are_rejected() -> Result<()> {
    run_group(&["signature_"]).await
}

#[tokio::test]
async fn ambiguous_markup_is_rejected() -> Result<()> {
    run_group(&["markup_"]).await
}

#[tokio::test]
async fn malformed_documents_are_rejected() -> Result<()> {
    run_group(&["document_"]).await
}

#[tokio::test]
async fn signed_but_invalid_assertions_are_rejected() -> Result<()> {
    run_group(&["assertion_"]).await
}

#[tokio::test]
async fn encrypted_but_invalid_assertions_are_rejected() -> Result<()> {
    run_group(&["encrypted_"]).await
}

#[tokio::test]
async fn wrong_bindings_are_rejected() -> Result<()> {
    run_group(&["form_"]).await
}

#[test]
fn every_fault_belongs_to_a_group() {
    let families = [
        "xsw",
        "wrapping_",
        "signature_",
        "markup_",
        "document_",
        "assertion_",
        "encrypted_",
        "form_",
    ];
    let lost = ALL
        .iter()
        .find(|case| !families.iter().any(|family| case.name.starts_with(family)));
    assert!(lost.is_none(), "{lost:?}");
}

#[tokio::test]
async fn invalid_logout_requests_are_rejected() -> Result<()> {
    let faults = [
        (Logout::Unsigned, "unsigned"),
        (Logout::SelfSigned, "signature"),
        (Logout::WrongIssuer, "issuer"),
        (Logout::WrongDestination, "destination"),
        (Logout::Expired, "expired"),
        (Logout::Stale, "expired"),
        (Logout::Wrapped, ""),
        (Logout::OtherSubject, ""),
        (Logout::OtherSession, ""),
    ];
    for binding in [Binding::Redirect, Binding::Post] {
        let fixture =
            SamlFixture::with("", |settings| settings.logout_binding = Some(binding)).await?;
        for (fault, reason) in faults {
            let mut browser = fixture.by_saml("alice").await?;
            let refused = fixture.refused("sign_out").await?.len();
            let faulty = fixture.upstream.faulty_responses();
            fixture.upstream.inject_fault(Fault::Logout(fault));
            let page = browser.open(&fixture.upstream.sign_out_url()).await?;
            fixture.upstream.clear_faults();
            ensure!(
                fixture.upstream.faulty_responses() == faulty + 1,
                "{fault:?} had no effect"
            );
            let reasons = fixture.refused("sign_out").await?;
            let actual = reasons.last().map(String::as_str).unwrap_or_default();
            let named = reason.is_empty() || (reasons.len() == refused + 1 && actual == reason);
            ensure!(named, "{binding:?} {fault:?}: {actual}: {}", page.text());
            let page = browser.open(&fixture.at("/sessions")).await?;
            ensure!(
                page.url().path() == "/sessions",
                "{binding:?} {fault:?} ended the session"
            );
        }
        ensure!(fixture.events("signed_out").await?.is_empty());
    }
    Ok(())
}
