//! Accounts that trust the ID tokens of the users' own provider: STS receives the token of the sign-in, and a new one after a
//! silent sign-in.

mod decode;
mod errors;
mod programs;

use std::time::Duration;

use rolecall_harness::sample_data::{CLIENT_ID, PROVIDER_ID};
use rolecall_testkit::aws::Role;
use serde_json::json;

use super::*;

const ACCOUNT: &str = "111122223333";

const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "payments-prod"
trust = "provider-oidc"
provider = "example"

[[permission_set]]
name = "Direct"

[[assignment]]
id = "everyone"
who = { provider = "example", everyone = true }
accounts = ["payments-prod"]
permission_sets = ["Direct"]
"#;

const FIELDS: [(&str, &str); 3] = [
    ("account", ACCOUNT),
    ("permission_set", "Direct"),
    ("variant", ""),
];
/// The path of the role's page.
const ROLE_PAGE: &str = "/console?account=111122223333&permission_set=Direct";

/// A stack whose account trusts ID tokens for these client IDs.
async fn fixture_for(client_ids: &[&str]) -> Result<Fixture> {
    let fixture = Fixture::with(|settings| {
        settings.access = ACCESS.to_owned();
        settings.provider.token_lifetime = Duration::from_secs(630);
    })
    .await?;
    let account = fixture.stack.aws.account(ACCOUNT)?;
    let arn = account.oidc_provider(&fixture.stack.provider.issuer(), client_ids)?;
    fixture.put_role(&arn, &fixture.prefix(), json!({"aud": CLIENT_ID}))?;
    Ok(fixture)
}

async fn fixture() -> Result<Fixture> {
    fixture_for(&[CLIENT_ID]).await
}

impl Fixture {
    /// The prefix of the provider's condition keys.
    fn prefix(&self) -> String {
        let issuer = self.stack.provider.issuer();
        issuer.trim_start_matches("http://").to_owned()
    }

    /// Creates the role. It trusts Alice and Bob, and tokens with these values of the condition keys.
    fn put_role(&self, principal: &str, prefix: &str, equal: Value) -> Result<()> {
        let mut conditions = json!({ format!("{prefix}:sub"): ["00u-alice", "00u-bob"] });
        for (key, value) in equal.as_object().context("an object")? {
            conditions[format!("{prefix}:{key}")] = value.clone();
        }
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": principal},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": conditions},
        }]});
        let account = self.stack.aws.account(ACCOUNT)?;
        account.role("Direct", Role::with_trust_policy(trust))?;
        Ok(())
    }

    /// Ends the session of this browser at the provider.
    async fn leave_provider(&self, browser: &mut Browser) -> Result<()> {
        let url = format!("{}/end_session", self.stack.provider.issuer());
        browser.open(&url).await.map(drop)
    }

    /// Waits until ID tokens have expired, and presses the button in the portal: the link to the provider.
    async fn press_when_expired(&self, browser: &mut Browser) -> Result<String> {
        self.clock.advance(Duration::from_secs(600));
        let page = browser.open(&self.at("/")).await?;
        ensure!(
            page.text()
                .contains("Up to 1 h, limited by the default of AWS · requires a new sign-in"),
            "{}",
            page.text()
        );
        let page = browser.press("Credentials", &[]).await?;
        let to = refresh(&page)?;
        let start = format!("/sign-in/{PROVIDER_ID}?silent=true&");
        ensure!(to.starts_with(&start), "{to}");
        Ok(self.at(&to))
    }
}

/// Whether the authorization requests of this browser asked for no page, in order.
fn silent_requests(browser: &Browser) -> Vec<bool> {
    let visits = browser.visits().iter();
    let requests =
        visits.filter(|visit| visit.url.path() == "/authorize" && visit.url.query().is_some());
    requests
        .map(|visit| {
            let mut pairs = visit.url.query_pairs();
            pairs.any(|(name, value)| name == "prompt" && value == "none")
        })
        .collect()
}

#[tokio::test]
async fn id_token_yields_credentials_and_console() -> Result<()> {
    let fixture = fixture().await?;
    let mut browser = fixture.signed_in("alice").await?;
    // ID tokens of the provider are valid for ten and a half minutes; the last minute is not used.
    let text = browser.page()?.text();
    ensure!(
        text.contains("Up to 1 h, limited by the default of AWS · sign-in valid for 9 min"),
        "{text}"
    );
    let page = browser.press("Credentials", &[]).await?;
    ensure!(page.text().contains("AWS_ACCESS_KEY_ID"), "{}", page.text());
    browser.open(&fixture.at("/")).await?;
    let page = browser.press("Console", &[]).await?;
    ensure!(
        page.url().as_str().starts_with(&fixture.stack.aws.url()),
        "{}: {}",
        page.url(),
        page.text()
    );
    let requests = fixture.stack.aws.requests();
    let asked: Vec<_> = requests
        .iter()
        .filter(|request| request.field("Action") == Some("AssumeRoleWithWebIdentity"))
        .collect();
    ensure!(asked.len() == 2, "{}", asked.len());
    for request in asked {
        let token = request.field("WebIdentityToken").context("no token")?;
        let claims = claims_of(token)?;
        ensure!(
            claims["iss"] == fixture.stack.provider.issuer() && claims["sub"] == "00u-alice",
            "{claims}"
        );
        let name = request.field("RoleSessionName").unwrap_or_default();
        ensure!(name.starts_with("alice@example.com-"), "{name}");
        for absent in ["Policy", "PolicyArns.member.1.arn", "Tags.member.1.Key"] {
            ensure!(request.field(absent).is_none(), "{absent}");
        }
    }
    let intents = fixture.events("issue_intended").await?;
    ensure!(intents.len() == 2, "{intents:?}");
    ensure!(
        intents[0]["tag_keys"] == json!([]) && intents[0]["token_id"].is_null(),
        "{intents:?}"
    );
    ensure!(fixture.events("issue_done").await?.len() == 2);
    Ok(())
}

fn claims_of(token: &str) -> Result<Value> {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).context("not a token")?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload)?;
    Ok(serde_json::from_slice(&payload)?)
}

#[tokio::test]
async fn expired_token_is_renewed_silently() -> Result<()> {
    let fixture = fixture().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let old = pass_of(&browser)?;
    let to = fixture.press_when_expired(&mut browser).await?;
    let page = browser.open(&to).await?;
    ensure!(
        page.url().as_str() == fixture.at(ROLE_PAGE),
        "{}: {}",
        page.url(),
        page.text()
    );
    ensure!(silent_requests(&browser) == [false, true]);
    let text = page.text();
    ensure!(text.contains("sign-in valid for 9 min"), "{text}");
    // Returning issues nothing, and the old session was replaced.
    ensure!(fixture.events("issue_intended").await?.is_empty());
    ensure!(fixture.events("issue_refused").await?.is_empty());
    ensure!(fixture.events("signed_in").await?.len() == 2);
    let old = fixture.get("/").header(COOKIE, &old.cookie).send().await?;
    ensure!(old.status() == 303);
    let page = browser.press("Get credentials", &[]).await?;
    ensure!(page.text().contains("AWS_ACCESS_KEY_ID"), "{}", page.text());
    Ok(())
}

#[tokio::test]
async fn provider_without_a_session_shows_its_form() -> Result<()> {
    let fixture = fixture().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.leave_provider(&mut browser).await?;
    let to = fixture.press_when_expired(&mut browser).await?;
    let page = browser.open(&to).await?;
    ensure!(
        page.url()
            .as_str()
            .starts_with(&fixture.stack.provider.url()),
        "{}: {}",
        page.url(),
        page.text()
    );
    ensure!(silent_requests(&browser) == [false, true, false]);
    ensure!(fixture.refused("sign_in").await?.is_empty());
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().as_str() == fixture.at(ROLE_PAGE),
        "{}",
        page.url()
    );
    Ok(())
}

#[tokio::test]
async fn another_user_at_the_provider_is_not_signed_in() -> Result<()> {
    let fixture = fixture().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let alice = fixture.signed_in("alice").await?;
    let cookie = alice.cookie(SESSION).context("no cookie")?.clone();
    browser.put_cookie(cookie);
    let to = fixture.press_when_expired(&mut browser).await?;
    let page = browser.open(&to).await?;
    ensure!(
        page.text()
            .contains("A different user is signed in at the identity provider"),
        "{}",
        page.text()
    );
    ensure!(fixture.refused("sign_in").await? == ["other_person"]);
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(page.text().contains("alice@example.com"), "{}", page.text());
    Ok(())
}

#[tokio::test]
async fn sign_out_sends_no_token() -> Result<()> {
    for (access, sends) in [
        (ACCESS.to_owned(), false),
        (
            ACCESS
                .replace("trust =", "# ")
                .replace("provider = \"example\"\n", "\n"),
            true,
        ),
    ] {
        let fixture = Fixture::with(|settings| settings.access = access).await?;
        let mut browser = fixture.signed_in("alice").await?;
        let page = browser.press("Sign out", &[]).await?;
        let to = Url::parse(&refresh(&page)?)?;
        let names: Vec<_> = to
            .query_pairs()
            .map(|(name, _)| name.into_owned())
            .collect();
        let expected = match sends {
            true => ["id_token_hint", "client_id", "post_logout_redirect_uri"],
            false => ["logout_hint", "client_id", "post_logout_redirect_uri"],
        };
        ensure!(names == expected, "{to}");
        if !sends {
            ensure!(
                to.as_str().contains("logout_hint=alice%40example.com"),
                "{to}"
            );
        }
        let page = browser.open(to.as_str()).await?;
        ensure!(page.url().path() == "/signed-out", "{}", page.url());
    }
    Ok(())
}
