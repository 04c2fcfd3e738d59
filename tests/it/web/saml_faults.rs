//! Every misbehaviour of a SAML provider, through the whole stack: nobody is signed in, the trail says why once, the page is
//! kind, nothing is fetched or opened, and an honest provider is believed again afterwards.

use rolecall_testkit::saml::fault::Logout;
use rolecall_testkit::saml::{ALL, Binding, Case, Fault, Verdict};

use super::saml::{SamlFixture, key_file};
use super::*;

/// A stack whose provider may encrypt for it.
async fn stack() -> Result<SamlFixture> {
    let key = key_file()?;
    SamlFixture::with(
        &format!("encryption_keys = [{{ file = \"{key}\" }}]"),
        |_| (),
    )
    .await
}

/// Goes through a sign-in as far as it goes.
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

async fn meet(fixture: &SamlFixture, case: &Case) -> Result<()> {
    let (faulty, refused) = (
        fixture.upstream.faulty_answers(),
        fixture.events("sign_in_refused").await?.len(),
    );
    fixture.upstream.fault(case.fault);
    let mut browser = fixture.browser()?;
    let page = sign_in(fixture, &mut browser).await?;
    fixture.upstream.clear_faults();
    ensure!(
        fixture.upstream.faulty_answers() == faulty + 1,
        "nothing was wrong"
    );
    ensure!(
        fixture.upstream.canary().hits() == 0,
        "we followed an address"
    );
    ensure!(!fixture.upstream.trap().is_sprung(), "we opened a file");
    ensure!(
        page.url().as_str().starts_with(fixture.stack.url()),
        "left at {}",
        page.url()
    );
    ensure!(
        !page.body().contains("<script>alert"),
        "it runs on the page"
    );
    if browser.cookie(SESSION).is_some() {
        ensure!(case.verdict != Verdict::Refused, "it was believed");
        let page = browser.open(&fixture.at("/")).await?;
        // Signed addresses of which nobody knows which is meant are named as such, and nowhere else.
        let unbelieved = |line: &&str| line.contains("not trusted, because more than one");
        let lines = page.body().lines().filter(|line| !unbelieved(line));
        let rest: String = lines.collect();
        ensure!(!rest.contains(Fault::FORGED) && !rest.contains("mallory"));
        return Ok(());
    }
    ensure!(
        case.verdict != Verdict::Accepted,
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
    // What is too large, or no form of a provider's, is refused before anybody knows of which sign-in it speaks.
    let unread = matches!(case.fault, Fault::Delivery(_))
        || page.status().is_some_and(|status| status == 413);
    if unread && events.len() == refused {
        return Ok(());
    }
    ensure!(
        events.len() == refused + 1,
        "{} refusals",
        events.len() - refused
    );
    let event = events.last().context("a refusal")?;
    ensure!(
        event["provider"] == "adfs" && event["reference"] == reference(&page)?,
        "{event}"
    );
    let reason = event["reason"].as_str().context("a reason")?;
    // A provider that says so itself is not at fault.
    let reason = reason
        .strip_prefix("refused_by_provider")
        .map_or(reason, |_| "status");
    ensure!(
        case.reasons.is_empty() || case.reasons.contains(&reason),
        "{event} is none of {:?}",
        case.reasons
    );
    ensure!(
        !page.select("p.hint")?.is_empty(),
        "no hint: {}",
        page.text()
    );
    Ok(())
}

/// Meets every case whose name begins so, in one stack, and then an honest provider.
async fn family(beginnings: &[&str]) -> Result<()> {
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
        if let Err(error) = meet(&fixture, case).await {
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
async fn wrapped_signatures() -> Result<()> {
    family(&["xsw", "wrapped_"]).await
}

#[tokio::test]
async fn forged_signatures() -> Result<()> {
    family(&["signature_"]).await
}

#[tokio::test]
async fn markup_that_readers_disagree_about() -> Result<()> {
    family(&["markup_"]).await
}

#[tokio::test]
async fn documents_of_the_wrong_shape() -> Result<()> {
    family(&["document_"]).await
}

#[tokio::test]
async fn well_signed_lies() -> Result<()> {
    family(&["says_"]).await
}

#[tokio::test]
async fn encrypted_lies() -> Result<()> {
    family(&["hidden_"]).await
}

#[tokio::test]
async fn wrong_deliveries() -> Result<()> {
    family(&["delivered_"]).await
}

#[test]
fn no_case_is_in_no_family() {
    let families = [
        "xsw",
        "wrapped_",
        "signature_",
        "markup_",
        "document_",
        "says_",
        "hidden_",
        "delivered_",
    ];
    let lost = ALL
        .iter()
        .find(|case| !families.iter().any(|family| case.name.starts_with(family)));
    assert!(lost.is_none(), "{lost:?}");
}

#[tokio::test]
async fn logout_orders_that_nobody_may_give() -> Result<()> {
    let lies = [
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
        for (lie, reason) in lies {
            let mut browser = fixture.by_saml("alice").await?;
            let refused = fixture.refused("sign_out").await?.len();
            let faulty = fixture.upstream.faulty_answers();
            fixture.upstream.fault(Fault::Logout(lie));
            let page = browser.open(&fixture.upstream.sign_out_url()).await?;
            fixture.upstream.clear_faults();
            ensure!(
                fixture.upstream.faulty_answers() == faulty + 1,
                "{lie:?} changed nothing"
            );
            let reasons = fixture.refused("sign_out").await?;
            let told = reasons.last().map(String::as_str).unwrap_or_default();
            let named = reason.is_empty() || (reasons.len() == refused + 1 && told == reason);
            ensure!(named, "{binding:?} {lie:?}: {told}: {}", page.text());
            let page = browser.open(&fixture.at("/sessions")).await?;
            ensure!(
                page.url().path() == "/sessions",
                "{binding:?} {lie:?} ended her session"
            );
        }
        ensure!(fixture.events("signed_out").await?.is_empty());
    }
    Ok(())
}
