//! The portal: the roles of each of the three users, and the search.

use super::*;

#[tokio::test]
async fn portal_lists_all_assigned_roles() -> Result<()> {
    let fixture = Fixture::new().await?;
    let browser = fixture.signed_in("alice").await?;
    let page = browser.page()?;
    let text = page.text();
    for part in [
        "Alice",
        "alice@example.com",
        "Example ID",
        "payments-prod",
        "111122223333",
        "Workloads/Prod",
        "env=prod",
        "sandbox",
        "Administrator",
        "Developer",
        "readonly",
        "session ends in 8 h",
    ] {
        ensure!(text.contains(part), "{part} is not in {text}");
    }
    ensure!(page.select("li.locked")?.is_empty(), "{text}");
    let names = page.select("section.account h2")?;
    ensure!(
        names == ["payments-dev", "payments-prod", "sandbox"],
        "{names:?}"
    );
    ensure!(
        text.contains("Up to 1 h, limited by assignment payments-developers-in-production"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn locked_role_offers_second_factor() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let locked = browser.page()?.select("li.locked")?;
    ensure!(locked.len() == 2, "{locked:?}");
    ensure!(
        locked[0].contains("Developer") && locked[0].contains("second factor"),
        "{locked:?}"
    );
    ensure!(
        !browser.page()?.text().contains("Administrator"),
        "{}",
        browser.page()?.text()
    );

    // The provider has a session already. No authentication context is configured, so it must authenticate again.
    let page = browser.click("Sign in again with a second factor").await?;
    ensure!(
        page.url()
            .as_str()
            .starts_with(&fixture.stack.provider.url()),
        "{}",
        page.url()
    );
    fixture.stack.provider.put_person(
        rolecall_testkit::oidc::Person::new("bob")
            .groups(["payments-dev"])
            .amr(["pwd", "otp"]),
    );
    let page = browser.sign_in_at_provider("bob").await?;
    let role = "/console?account=111122223333&permission_set=Developer";
    ensure!(page.url().as_str() == fixture.at(role), "{}", page.url());
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(page.select("li.locked")?.is_empty(), "{}", page.text());
    Ok(())
}

#[tokio::test]
async fn user_without_roles_sees_the_contact() -> Result<()> {
    let fixture = Fixture::new().await?;
    let browser = fixture.signed_in("carol").await?;
    let page = browser.page()?;
    let text = page.text();
    for part in [
        "No roles are assigned to you",
        "Carol",
        "carol@example.com",
        "platform@example.com",
        "Example ID",
    ] {
        ensure!(text.contains(part), "{part} is not in {text}");
    }
    reference(page)?;
    ensure!(page.status().map(u16::from) == Some(200));
    Ok(())
}

#[tokio::test]
async fn no_access_page_shows_unverified_email() -> Result<()> {
    let fixture = Fixture::new().await?;
    let carol = rolecall_testkit::oidc::Person::new("carol").groups([]);
    let carol = carol.claim("email_verified", false);
    fixture.stack.provider.put_person(carol);
    let browser = fixture.signed_in("carol").await?;
    let text = browser.page()?.text();
    let expected = "\"carol@example.com\" is not trusted, because email_verified was sent with it and is not true";
    ensure!(text.contains(expected), "{text}");
    let claims = text
        .split_once("Claims received")
        .map_or("", |(_, rest)| rest);
    for claim in ["email", "email_verified", "name"] {
        ensure!(claims.contains(claim), "{claim}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn search_works_without_javascript() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    for (query, accounts, roles) in [
        ("prod", vec!["payments-prod"], 4),
        ("1111-2222-3333 READONLY", vec!["payments-prod"], 2),
        ("env=sandbox admin", vec!["sandbox"], 1),
        ("nothing like this", vec![], 0),
    ] {
        let page = browser.submit("form[role=search]", &[("q", query)]).await?;
        ensure!(
            page.url()
                .query()
                .is_some_and(|text| text.starts_with("q=")),
            "{}",
            page.url()
        );
        let names = page.select("section.account h2")?;
        let found = page.select("section.account li")?;
        ensure!(
            names == accounts && found.len() == roles,
            "{query}: {names:?}, {found:?}"
        );
        ensure!(
            page.text().contains(&format!("Results for “{query}”")),
            "{}",
            page.text()
        );
    }
    let page = browser
        .open(&fixture.at("/?q=%3Cscript%3Ealert(1)%3C/script%3E"))
        .await?;
    ensure!(!page.body().contains("<script>alert"), "{}", page.body());
    Ok(())
}
