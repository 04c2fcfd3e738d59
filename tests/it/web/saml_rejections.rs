//! SAML responses that are rejected: in another browser, replayed, unsolicited, or malformed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::saml::{SamlFixture, as_str_pairs};
use super::*;

#[tokio::test]
async fn response_in_another_browser_is_rejected() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let stolen = fixture.undelivered(&mut fixture.plain_browser()?).await?;
    let acs = fixture.at("/sign-in/adfs/acs");
    let mut victim = fixture.browser()?;
    let page = victim
        .submit_cross_site_form("http://localhost:9/", &acs, &as_str_pairs(&stolen))
        .await?;
    ensure!(page.status() == Some(reqwest::StatusCode::BAD_REQUEST));
    ensure!(page.text().contains("another browser"), "{}", page.text());
    ensure!(victim.cookie(SESSION).is_none());
    ensure!(fixture.refusals().await? == ["other_browser"]);
    Ok(())
}

#[tokio::test]
async fn replayed_response_is_rejected_on_all_replicas() -> Result<()> {
    let fixture = SamlFixture::with("allow_idp_initiated = true", |_| ()).await?;
    let replica = fixture.stack.start_replica().await?;
    let unsolicited = fixture.unsolicited(None).await?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&unsolicited)
        .finish();
    let host = Url::parse(fixture.stack.url())?;
    let host = &host[url::Position::BeforeHost..url::Position::AfterPort];
    let mut statuses = Vec::new();
    for address in [replica.address, fixture.stack.gateway.address] {
        let answer = fixture
            .client
            .post(format!("http://{address}/sign-in/adfs/acs"))
            .header("host", host)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.clone())
            .send()
            .await?;
        statuses.push(answer.status().as_u16());
    }
    ensure!(statuses == [303, 403], "{statuses:?}");
    ensure!(fixture.refusals().await? == ["replayed"]);
    ensure!(fixture.events("signed_in").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn rejected_response_cannot_be_replayed() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let mut browser = fixture.plain_browser()?;
    let fields = fixture.undelivered(&mut browser).await?;
    let page = browser.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    let acs = fixture.at("/sign-in/adfs/acs");
    let page = browser
        .submit_cross_site_form(&fixture.upstream.url(), &acs, &as_str_pairs(&fields))
        .await?;
    ensure!(page.text().contains("Sign-in expired"), "{}", page.text());
    ensure!(fixture.refusals().await? == ["expired_state"]);
    Ok(())
}

#[tokio::test]
async fn unsigned_response_is_not_stored() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let mut browser = fixture.plain_browser()?;
    let fields = fixture.undelivered(&mut browser).await?;
    let acs = fixture.at("/sign-in/adfs/acs");
    let post = async |change: fn(String) -> String| -> Result<u16> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &fields {
            let value = match name.as_str() {
                "SAMLResponse" => {
                    STANDARD.encode(change(String::from_utf8(STANDARD.decode(value)?)?))
                }
                _ => value.clone(),
            };
            form.append_pair(name, &value);
        }
        let request = fixture.client.post(&acs).body(form.finish());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(request.send().await?.status().as_u16())
    };
    ensure!(post(|xml| xml.replace("alice", "mallory")).await? == 403);
    ensure!(post(|_| "<Response/>".to_owned()).await? == 403);
    ensure!(fixture.refusals().await? == ["signature", "structure"]);
    // The pending sign-in is not affected.
    let page = browser.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn response_must_match_its_request() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let mut mine = fixture.plain_browser()?;
    let own = fixture.undelivered(&mut mine).await?;
    let other = fixture.undelivered(&mut fixture.plain_browser()?).await?;
    let field = |fields: &[(String, String)], name: &str| -> Result<String> {
        let found = fields.iter().find(|(known, _)| known == name);
        Ok(found.context("no such field")?.1.clone())
    };
    // A valid response of the same provider, with the state of another sign-in.
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("SAMLResponse", &field(&other, "SAMLResponse")?)
        .append_pair("RelayState", &field(&own, "RelayState")?)
        .finish();
    let post = async || -> Result<u16> {
        let request = fixture.client.post(fixture.at("/sign-in/adfs/acs"));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(request.body(form.clone()).send().await?.status().as_u16())
    };
    ensure!(post().await? == 403);
    ensure!(fixture.refusals().await? == ["in_response_to"]);
    let page = mine.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn unsolicited_response_requires_configuration() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let acs = fixture.at("/sign-in/adfs/acs");
    let mut browser = fixture.browser()?;
    let fields = fixture.unsolicited(Some("/console?account=1")).await?;
    let page = browser
        .submit_cross_site_form(&fixture.upstream.url(), &acs, &as_str_pairs(&fields))
        .await?;
    ensure!(page.status() == Some(reqwest::StatusCode::FORBIDDEN));
    ensure!(fixture.refusals().await? == ["unsolicited"]);

    let fixture = SamlFixture::with("allow_idp_initiated = true", |_| ()).await?;
    let mut browser = fixture.browser()?;
    let place = Some("https://evil.example/");
    browser
        .open(
            &fixture
                .upstream
                .idp_initiated_url(&fixture.entity_id(), place),
        )
        .await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    let events = fixture.events("signed_in").await?;
    ensure!(events[0]["unsolicited"] == true, "{events:?}");
    // A response to a request of the gateway is not unsolicited, whatever its RelayState.
    let mut fields = fixture.undelivered(&mut fixture.plain_browser()?).await?;
    fields.retain(|(name, _)| name != "RelayState");
    let page = browser
        .submit_cross_site_form(
            &fixture.upstream.url(),
            &fixture.at("/sign-in/adfs/acs"),
            &as_str_pairs(&fields),
        )
        .await?;
    ensure!(page.status() == Some(reqwest::StatusCode::FORBIDDEN));
    ensure!(fixture.refusals().await? == ["in_response_to"]);
    Ok(())
}

#[tokio::test]
async fn form_requires_exactly_one_response() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let acs = fixture.at("/sign-in/adfs/acs");
    let form = "application/x-www-form-urlencoded";
    let send = async |content_type: &str, body: String| -> Result<u16> {
        let request = fixture.client.post(&acs).header(CONTENT_TYPE, content_type);
        Ok(request.body(body).send().await?.status().as_u16())
    };
    ensure!(
        fixture
            .get("/sign-in/adfs/acs?SAMLResponse=x")
            .send()
            .await?
            .status()
            == 405
    );
    ensure!(send("multipart/form-data; boundary=x", "--x--".to_owned()).await? == 415);
    ensure!(send("text/plain", "SAMLResponse=x".to_owned()).await? == 415);
    for (body, status) in [
        ("SAMLResponse=x&SAMLResponse=x".to_owned(), 400),
        ("SAMLResponse=x&RelayState=a&RelayState=b".to_owned(), 400),
        ("RelayState=a".to_owned(), 400),
        (String::new(), 400),
        (format!("SAMLResponse={}", "A".repeat(700 * 1024)), 413),
        ("SAMLResponse=%00%00%00".to_owned(), 403),
    ] {
        let shown: String = body.chars().take(40).collect();
        ensure!(send(form, body).await? == status, "{shown}");
    }
    // The provider uses OpenID Connect, or does not exist.
    for other in ["okta", "nobody"] {
        for path in ["acs", "slo"] {
            let url = fixture.at(&format!("/sign-in/{other}/{path}"));
            let answer = fixture.client.post(url).header(CONTENT_TYPE, form);
            let status = answer.body("SAMLResponse=x").send().await?.status();
            ensure!(status == 404, "{other} {path}: {status}");
        }
        let metadata = fixture.get(&format!("/sign-in/{other}/metadata"));
        ensure!(metadata.send().await?.status() == 404);
    }
    Ok(())
}
