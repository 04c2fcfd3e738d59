//! The sample data of the demo: users have the same roles with OpenID Connect and with SAML.

use rolecall_harness::SamlStackSettings;
use rolecall_harness::sample_data::access_policy_for_both_providers;

use super::*;

#[tokio::test]
async fn saml_and_oidc_users_get_the_same_roles() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.saml = Some(SamlStackSettings::default());
        settings.access = access_policy_for_both_providers();
    })
    .await?;
    for username in ["alice", "bob", "carol"] {
        let mut shown = Vec::new();
        for provider in ["example", "corporate"] {
            let mut browser = fixture.browser()?;
            browser
                .open(&fixture.at(&format!("/sign-in/{provider}")))
                .await?;
            let page = browser.sign_in_at_provider(username).await?;
            ensure!(
                page.url().as_str() == fixture.at("/"),
                "{}: {}",
                page.url(),
                page.text()
            );
            shown.push(page.attributes("input[name=permission_set]", "value")?);
        }
        ensure!(shown[0] == shown[1], "{username}: {shown:?}");
        ensure!(
            (username == "carol") == shown[0].is_empty(),
            "{username}: {shown:?}"
        );
    }
    Ok(())
}
