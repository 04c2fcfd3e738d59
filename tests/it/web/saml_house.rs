//! The demo's house: the same people by OpenID Connect and by SAML, with the same roles.

use rolecall_demo::{SamlHouse, access_by_both};

use super::*;

#[tokio::test]
async fn the_same_people_get_the_same_roles_by_either_provider() -> Result<()> {
    let scene = Scene::with(|settings| {
        settings.saml = Some(SamlHouse::default());
        settings.access = access_by_both();
    })
    .await?;
    for username in ["alice", "bob", "carol"] {
        let mut shown = Vec::new();
        for provider in ["example", "corporate"] {
            let mut browser = scene.browser()?;
            browser
                .open(&scene.at(&format!("/sign-in/{provider}")))
                .await?;
            let page = browser.sign_in_at_provider(username).await?;
            ensure!(
                page.url().as_str() == scene.at("/"),
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
