//! What AWS refuses: other audiences, unknown providers, other users; and Google, which IAM knows without a provider.

use rolecall_testkit::oidc::variation::Variation;

use super::*;

impl Fixture {
    /// The text of the error page, and its status, after pressing the button in the portal.
    async fn refusal(&self, username: &str) -> Result<String> {
        let mut browser = self.signed_in(username).await?;
        let page = browser.press("Credentials", &[]).await?;
        ensure!(
            page.status() == Some(reqwest::StatusCode::FORBIDDEN),
            "{}",
            page.text()
        );
        Ok(page.text())
    }
}

#[tokio::test]
async fn refusals_of_aws_name_the_provider_and_the_client() -> Result<()> {
    let fixture = fixture_for(&["another-client"]).await?;
    let text = fixture.refusal("alice").await?;
    ensure!(
        text.contains("does not accept tokens for rolecall")
            && text.contains("--client-id rolecall"),
        "{text}"
    );
    let (aws, provider) = (&fixture.stack.aws, &fixture.stack.provider);
    aws.account(ACCOUNT)?
        .delete_oidc_provider(&provider.issuer());
    let text = fixture.refusal("alice").await?;
    let expected = format!("has no OIDC provider for {}", provider.issuer());
    ensure!(text.contains(&expected), "{text}");
    Ok(())
}

#[tokio::test]
async fn trust_policy_names_the_users() -> Result<()> {
    let fixture = fixture().await?;
    let text = fixture.refusal("carol").await?;
    ensure!(
        text.contains("does not trust your identity provider"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn google_needs_no_provider_in_the_account() -> Result<()> {
    let fixture = fixture().await?;
    let account = fixture.stack.aws.account(ACCOUNT)?;
    account.google(&fixture.stack.provider.issuer());
    let google = "accounts.google.com";
    fixture.put_role(google, google, json!({"aud": CLIENT_ID, "oaud": CLIENT_ID}))?;
    fixture.stack.provider.set_variation(Variation {
        claims: serde_json::from_value(json!({ "azp": CLIENT_ID }))?,
        ..Variation::default()
    });
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.press("Credentials", &[]).await?;
    ensure!(page.text().contains("AWS_ACCESS_KEY_ID"), "{}", page.text());
    // IAM compares no client IDs for Google: only the trust policy does.
    fixture.put_role(google, google, json!({"aud": "another-client"}))?;
    fixture.refusal("alice").await?;
    Ok(())
}

#[tokio::test]
async fn unusable_token_is_explained() -> Result<()> {
    let fixture = fixture().await?;
    fixture.stack.provider.set_variation(Variation {
        claims: serde_json::from_value(json!({ "filler": "x".repeat(20_000) }))?,
        ..Variation::default()
    });
    let text = fixture.refusal("alice").await?;
    ensure!(text.contains("longer than 20,000 characters"), "{text}");
    ensure!(fixture.events("issue_intended").await?.is_empty());
    let refused = fixture.events("issue_refused").await?;
    ensure!(refused[0]["reason"] == "id_token_unusable", "{refused:?}");
    Ok(())
}
