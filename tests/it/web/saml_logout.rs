//! SAML single logout, initiated by either side, by Redirect and POST, and logout requests that must be rejected.

use rolecall_testkit::saml::{Binding, SamlSettings};

use super::saml::SamlFixture;
use super::*;

/// Signs out in the portal and follows where it leads.
pub(super) async fn sign_out(browser: &mut Browser) -> Result<Page> {
    let page = browser.submit("/sign-out", &[]).await?;
    match refresh(&page) {
        Ok(next) => browser.open(&next).await,
        Err(_) => browser.press("Continue", &[]).await,
    }
}

#[tokio::test]
async fn sign_out_ends_the_provider_session() -> Result<()> {
    for keys in ["", "request_binding = \"post\""] {
        let fixture = SamlFixture::with(keys, |_| ()).await?;
        let mut browser = fixture.by_saml("alice").await?;
        ensure!(fixture.upstream.is_signed_in("alice"));
        let page = sign_out(&mut browser).await?;
        ensure!(
            page.url().path() == "/signed-out" && page.text().contains("You are signed out"),
            "{}: {}",
            page.url(),
            page.text()
        );
        ensure!(
            !page.text().contains("still be signed in"),
            "{}",
            page.text()
        );
        ensure!(!fixture.upstream.is_signed_in("alice"));
        ensure!(fixture.events("signed_out").await?.len() == 1);
    }
    Ok(())
}

#[tokio::test]
async fn provider_logout_ends_the_session() -> Result<()> {
    for binding in [Binding::Redirect, Binding::Post] {
        let change = |settings: &mut SamlSettings| settings.logout_binding = Some(binding);
        let fixture = SamlFixture::with("", change).await?;
        let mut browser = fixture.by_saml("alice").await?;
        let other = fixture.by_saml("alice").await?;
        let page = browser.open(&fixture.upstream.sign_out_url()).await?;
        ensure!(
            page.url().as_str().starts_with(&fixture.upstream.url()),
            "{}: {}",
            page.url(),
            page.text()
        );
        ensure!(page.text().contains("signed out"), "{}", page.text());
        let events = fixture.events("signed_out").await?;
        ensure!(
            events.len() == 1 && events[0]["reason"] == "ended_by_provider",
            "only one session ends: {events:?}"
        );
        ensure!(browser.open(&fixture.at("/sessions")).await?.url().path() != "/sessions");
        drop(other);
    }
    Ok(())
}

/// Providers send logout requests to several applications in frames of one page, where no page of the gateway is shown.
#[tokio::test]
async fn logout_request_in_a_frame_is_answered_by_redirect() -> Result<()> {
    for (destination, is_redirect) in [("document", false), ("iframe", true)] {
        let change =
            |settings: &mut SamlSettings| settings.logout_binding = Some(Binding::Redirect);
        let fixture = SamlFixture::with("request_binding = \"post\"", change).await?;
        let browser = fixture.by_saml("alice").await?;
        let cookies: Vec<String> = browser
            .cookies()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        let at_provider = client()?.get(fixture.upstream.sign_out_url());
        let order = at_provider.header("cookie", cookies.join("; "));
        let order = location(&order.send().await?)?;
        let slo = fixture.at("/sign-in/adfs/slo?SAMLRequest=");
        ensure!(order.starts_with(&slo), "{order}");
        let brought = client()?.get(&order).header("sec-fetch-dest", destination);
        let answer = brought.send().await?;
        ensure!(
            answer.status().is_redirection() == is_redirect,
            "{destination}: {}",
            answer.status()
        );
        if is_redirect {
            let back = location(&answer)?;
            ensure!(
                back.starts_with(&fixture.upstream.url()) && back.contains("SAMLResponse="),
                "{back}"
            );
        }
        let events = fixture.events("signed_out").await?;
        ensure!(events.len() == 1, "{events:?}");
    }
    Ok(())
}

fn location(answer: &reqwest::Response) -> Result<String> {
    let location = answer.headers().get("location");
    let location = location.with_context(|| format!("{answer:?}"))?;
    Ok(location.to_str()?.to_owned())
}

#[tokio::test]
async fn logout_request_of_another_issuer_is_rejected() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let mut browser = fixture.by_saml("alice").await?;
    let xml = format!(
        "<p:LogoutRequest xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
         ID=\"_1\" Version=\"2.0\" IssueInstant=\"{}\" Destination=\"{}\"><a:Issuer>{}</a:Issuer><a:NameID>00u-alice</a:NameID>\
         </p:LogoutRequest>",
        (fixture.clock.clock())().format("%Y-%m-%dT%H:%M:%SZ"),
        fixture.at("/sign-in/adfs/slo"),
        fixture.upstream.entity_id(),
    );
    let message = openssl::base64::encode_block(xml.as_bytes());
    let slo = fixture.at("/sign-in/adfs/slo");
    let page = browser
        .submit_cross_site_form("http://localhost:9/", &slo, &[("SAMLRequest", &message)])
        .await?;
    ensure!(
        page.status() == Some(reqwest::StatusCode::FORBIDDEN),
        "{}",
        page.text()
    );
    for query in [
        "",
        "?SAMLRequest=x",
        "?SAMLRequest=x&SAMLRequest=x",
        "?RelayState=x",
    ] {
        let page = browser
            .follow_cross_site_link("http://localhost:9/", &format!("{slo}{query}"))
            .await?;
        ensure!(
            page.status().is_some_and(|status| status.is_client_error()),
            "{query}"
        );
    }
    // A response without a request has no effect.
    let page = browser
        .follow_cross_site_link("http://localhost:9/", &format!("{slo}?SAMLResponse=x"))
        .await?;
    ensure!(
        page.text().contains("You are signed out"),
        "{}",
        page.text()
    );
    ensure!(browser.open(&fixture.at("/sessions")).await?.url().path() == "/sessions");
    let reasons = fixture.refused("sign_out").await?;
    ensure!(reasons.contains(&"unsigned".to_owned()), "{reasons:?}");
    ensure!(reasons.contains(&"expired_state".to_owned()), "{reasons:?}");
    ensure!(reasons.len() == 6, "{reasons:?}");
    Ok(())
}
