//! boto3 with credentials of every trust type: the AWS emulator verifies its signature, and its answer names the session that
//! the gateway requested.

use rolecall_harness::sample_data::{
    ACCOUNTS, AUDITOR, FEDERATION_TOKEN, PROVIDER_OIDC, SampleAccount, TRUST_ACCOUNTS,
};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::aws::SessionKind;

use super::*;

/// A permission set that alice has in this account.
fn permission_set(account: &SampleAccount) -> &'static str {
    match [FEDERATION_TOKEN.id, PROVIDER_OIDC.id].contains(&account.id) {
        true => AUDITOR,
        false => "Developer",
    }
}

impl Fixture {
    /// Credentials of a role that only a browser can get, as environment variables.
    async fn set_credentials_of_browser(
        &mut self,
        provider: &str,
        account: &SampleAccount,
    ) -> Result<()> {
        let mut browser = self.stack.browser()?;
        browser
            .open(&self.stack.at(&format!("/sign-in/{provider}")))
            .await?;
        browser.sign_in_at_provider("alice").await?;
        browser
            .open(&self.stack.at(&format!("/?q={}", account.name)))
            .await?;
        let page = browser.press("Credentials", &[]).await?;
        let page = match page.header("refresh") {
            Some(to) => {
                let to = to.strip_prefix("0; url=").context("not at once")?;
                browser.open(to).await?
            }
            None => page,
        };
        let shown = page.select("#snippet-json")?;
        let shown = shown.first().with_context(|| page.text())?;
        let credentials: Value = serde_json::from_str(shown)?;
        for (variable, member) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            let value = credentials[member].as_str().context(member)?;
            self.laptop.set(variable, value);
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_uses_credentials_of_every_trust_type() -> Result<()> {
    let (Some(cli), Some(_)) = (aws_cli("sid"), PYTHON_PEERS.path()) else {
        return Ok(());
    };
    let mut fixture = Fixture::with(|settings| {
        *settings = TestStackSettings {
            tls: true,
            ..TestStackSettings::every_trust()
        };
    })
    .await?;
    fixture.sign_in(&cli).await?;
    for account in ACCOUNTS.iter().chain(&TRUST_ACCOUNTS) {
        let SampleAccount {
            id, name, trust, ..
        } = account;
        let set = permission_set(account);
        let before = fixture.stack.aws.issued().len();
        let ran = match *trust {
            "provider-saml" => {
                fixture
                    .set_credentials_of_browser("corporate", account)
                    .await?;
                fixture.boto3("", 1).await?
            }
            _ => fixture.boto3(&format!("{name}-{set}"), 1).await?,
        };
        let (session, kind) = match *trust {
            "federation-token" => ("federated-user".to_owned(), SessionKind::FederatedUser),
            "caller" if *name == "data-lake" => {
                (format!("assumed-role/{set}"), SessionKind::Chained)
            }
            "caller" => (format!("assumed-role/{set}"), SessionKind::Assumed),
            _ => (format!("assumed-role/{set}"), SessionKind::Federated),
        };
        let arn = format!("arn:aws:sts::{id}:{session}/alice@example.com");
        ensure!(
            ran.is_success() && ran.text.contains(&arn),
            "{name}: {ran:?}"
        );
        let issued = fixture.stack.aws.issued();
        let last = issued.last().context("no session")?;
        ensure!(
            issued.len() > before && last.kind == kind && last.account_id == *id,
            "{name}: {last:?}"
        );
    }
    Ok(())
}
