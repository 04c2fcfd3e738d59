//! The accounts of the demo: credentials and the console work with every trust type, and each session is the one that the trust
//! type yields.

use rolecall_harness::sample_data::{
    ACCOUNTS, AUDITOR, CALLER, CALLER_VIA_HUB, FEDERATION_TOKEN, GATEWAY_ACCOUNT, PROVIDER_OIDC,
    PROVIDER_SAML, SampleAccount, TRUST_ACCOUNTS,
};
use rolecall_testkit::aws::SessionKind;

use super::*;
use crate::operate::{get, until};

/// What an account yields: how the session was issued, its duration in seconds, and `SessionDuration` of the console link.
struct Expected {
    permission_set: &'static str,
    kind: SessionKind,
    seconds: i64,
    console: Option<&'static str>,
}

fn expected(account: &SampleAccount) -> Expected {
    let developer = Expected {
        permission_set: "Developer",
        kind: SessionKind::Federated,
        seconds: 4 * 3_600,
        console: Some("14400"),
    };
    match account.id {
        // The assignment in production limits it.
        "111122223333" => Expected {
            seconds: 3_600,
            console: Some("3600"),
            ..developer
        },
        id if id == CALLER.id => Expected {
            kind: SessionKind::Assumed,
            ..developer
        },
        id if id == CALLER_VIA_HUB.id => Expected {
            kind: SessionKind::Chained,
            seconds: 3_600,
            console: None,
            ..developer
        },
        id if id == FEDERATION_TOKEN.id => Expected {
            permission_set: AUDITOR,
            kind: SessionKind::FederatedUser,
            seconds: 7_200,
            console: None,
        },
        id if id == PROVIDER_OIDC.id => Expected {
            permission_set: AUDITOR,
            seconds: 7_200,
            console: Some("7200"),
            ..developer
        },
        _ => developer,
    }
}

async fn every_trust() -> Result<Fixture> {
    Fixture::with(|settings| {
        *settings = TestStackSettings {
            clock: settings.clock.clone(),
            ..TestStackSettings::every_trust()
        };
    })
    .await
}

/// A browser with a session of this provider, at a page of the gateway.
async fn browser_at(fixture: &Fixture, account: &SampleAccount, path: &str) -> Result<Browser> {
    let provider = match account.id == PROVIDER_SAML.id {
        true => "corporate",
        false => "example",
    };
    let mut browser = fixture.browser()?;
    browser
        .open(&fixture.at(&format!("/sign-in/{provider}")))
        .await?;
    browser.sign_in_at_provider("alice").await?;
    browser.open(&fixture.at(path)).await?;
    Ok(browser)
}

/// The page after a detour to the SAML provider, if there is one.
async fn after_provider(browser: &mut Browser, page: Page) -> Result<Page> {
    match page.header("refresh") {
        Some(_) => browser.open(&refresh(&page)?).await,
        None => Ok(page),
    }
}

#[tokio::test]
async fn credentials_of_every_trust_type_are_issued() -> Result<()> {
    let fixture = every_trust().await?;
    for account in ACCOUNTS.iter().chain(&TRUST_ACCOUNTS) {
        let Expected {
            permission_set,
            kind,
            seconds,
            ..
        } = expected(account);
        let mut browser = browser_at(&fixture, account, &format!("/?q={}", account.name)).await?;
        let fields = [
            ("account", account.id),
            ("permission_set", permission_set),
            ("variant", ""),
        ];
        let page = browser.press("Credentials", &fields).await?;
        let page = after_provider(&mut browser, page).await?;
        let issued = fixture.stack.aws.issued();
        let session = issued.last().with_context(|| page.text())?;
        ensure!(
            page.text().contains(&session.access_key_id),
            "{}: {}",
            account.name,
            page.text()
        );
        // The expiry has whole seconds.
        let lasts = session.expiration.timestamp() - session.issued_at.timestamp();
        ensure!(
            session.account_id == account.id && session.kind == kind && lasts == seconds,
            "{}: {session:?}",
            account.name
        );
    }
    Ok(())
}

/// A link for a chained role or a federated user has no `SessionDuration`: AWS refuses it there.
#[tokio::test]
async fn console_opens_with_every_trust_type() -> Result<()> {
    let fixture = every_trust().await?;
    for account in ACCOUNTS.iter().chain(&TRUST_ACCOUNTS) {
        let Expected {
            permission_set,
            console,
            ..
        } = expected(account);
        let link = format!(
            "/console?account={}&permission_set={permission_set}",
            account.id
        );
        let mut browser = browser_at(&fixture, account, &link).await?;
        let page = browser.press("Open console", &[]).await?;
        let mut page = after_provider(&mut browser, page).await?;
        if page.text().contains("Redirecting to the AWS console") {
            page = browser.press("Continue", &[]).await?;
        }
        for words in ["You are signed in to the console", account.id] {
            ensure!(
                page.text().contains(words),
                "{}: {}",
                account.name,
                page.text()
            );
        }
        // A form to the sign-in endpoint asks for no link.
        let requests = fixture.stack.aws.requests();
        let mut links = requests
            .iter()
            .filter(|request| request.field("Action") == Some("getSigninToken"));
        if account.trust != "gateway-saml" {
            let last = links.next_back().context(account.name)?;
            ensure!(
                last.field("SessionDuration") == console,
                "{}: {:?}",
                account.name,
                last.field("SessionDuration")
            );
        }
    }
    Ok(())
}

/// A request finds out that the gateway's key was deactivated, long before the gateway calls `GetCallerIdentity` again. The page
/// contains no name of the gateway's principal, role or key.
#[tokio::test]
async fn deactivated_own_key_is_reported() -> Result<()> {
    let fixture = every_trust().await?;
    let full = format!("http://{}/readyz?full", fixture.stack.gateway.management);
    until("identified", async || {
        let (status, _) = get(&full).await?;
        Ok((status == 200).then_some(()))
    })
    .await?;
    let requests = fixture.stack.aws.requests();
    let identified = requests
        .iter()
        .find(|request| request.field("Action") == Some("GetCallerIdentity"));
    let authorization = identified.and_then(|request| request.header("authorization"));
    let (_, key) = authorization
        .and_then(|text| text.split_once("Credential="))
        .context("a signed request")?;
    let (key, _) = key.split_once('/').context("a scope")?;
    let gateway = fixture.stack.aws.account(GATEWAY_ACCOUNT)?;
    gateway.forget_access_key(key);

    let mut browser = browser_at(&fixture, &CALLER_VIA_HUB, "/").await?;
    let fields = [
        ("account", CALLER_VIA_HUB.id),
        ("permission_set", "Developer"),
        ("variant", ""),
    ];
    let page = browser.press("Credentials", &fields).await?;
    let text = page.text();
    ensure!(
        text.contains("AWS does not accept the gateway's own credentials"),
        "{text}"
    );
    for name in ["arn:", "rolecall-gateway", GATEWAY_ACCOUNT, key] {
        ensure!(!text.contains(name), "{name}: {text}");
    }
    until("reported", async || {
        let (_, body) = get(&full).await?;
        Ok(body.contains("aws credentials do not work").then_some(()))
    })
    .await
}

/// Before the click: what limits the session, and when the console session ends with it.
#[tokio::test]
async fn page_of_a_role_says_what_ends_its_sessions() -> Result<()> {
    const CHAINED: &str = "With the role session. AWS accepts no other duration for role chaining.";
    const FEDERATED: &str =
        "With the credentials. AWS accepts no other duration for federated users.";
    let fixture = every_trust().await?;
    for account in ACCOUNTS.iter().chain(&TRUST_ACCOUNTS) {
        let permission_set = expected(account).permission_set;
        let path = format!(
            "/console?account={}&permission_set={permission_set}",
            account.id
        );
        let browser = browser_at(&fixture, account, &path).await?;
        let text = browser.page()?.text();
        let (chained, federated) = match account.id {
            id if id == CALLER_VIA_HUB.id => (true, false),
            id if id == FEDERATION_TOKEN.id => (false, true),
            _ => (false, false),
        };
        let limited = text.contains("Up to 1 h, limited by role chaining");
        ensure!(
            (limited, text.contains(CHAINED), text.contains(FEDERATED))
                == (chained, chained, federated)
                && text.contains("Console ends") == (chained || federated),
            "{}: {text}",
            account.name
        );
    }
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "a GET issues nothing"
    );
    Ok(())
}
