//! SAML responses that sign nobody in: in the wrong browser, a second time, unasked for, or in no form that is taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::saml::{SamlScene, lent};
use super::*;

#[tokio::test]
async fn a_response_in_another_browser_signs_in_nobody() -> Result<()> {
    let scene = SamlScene::new().await?;
    let stolen = scene.undelivered(&mut scene.plain_browser()?).await?;
    let acs = scene.at("/sign-in/adfs/acs");
    let mut victim = scene.browser()?;
    let page = victim
        .lured_to_post("http://localhost:9/", &acs, &lent(&stolen))
        .await?;
    ensure!(page.status() == Some(reqwest::StatusCode::BAD_REQUEST));
    ensure!(page.text().contains("another browser"), "{}", page.text());
    ensure!(victim.cookie(SESSION).is_none());
    ensure!(scene.refusals().await? == ["other_browser"]);
    Ok(())
}

#[tokio::test]
async fn a_response_counts_once_on_all_replicas() -> Result<()> {
    let scene = SamlScene::with("allow_idp_initiated = true", |_| ()).await?;
    let replica = scene.house.replica().await?;
    let unasked = scene.unasked(None).await?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&unasked)
        .finish();
    let host = Url::parse(scene.house.url())?;
    let host = &host[url::Position::BeforeHost..url::Position::AfterPort];
    let mut statuses = Vec::new();
    for address in [replica.address, scene.house.gateway.address] {
        let answer = scene
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
    ensure!(scene.refusals().await? == ["replayed"]);
    ensure!(scene.events("signed_in").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_response_that_ended_a_sign_in_ends_no_other() -> Result<()> {
    let scene = SamlScene::new().await?;
    let mut browser = scene.plain_browser()?;
    let fields = scene.undelivered(&mut browser).await?;
    let page = browser.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == scene.at("/"), "{}", page.url());
    let acs = scene.at("/sign-in/adfs/acs");
    let page = browser
        .lured_to_post(&scene.upstream.url(), &acs, &lent(&fields))
        .await?;
    ensure!(
        page.text().contains("That took too long"),
        "{}",
        page.text()
    );
    ensure!(scene.refusals().await? == ["expired_state"]);
    Ok(())
}

#[tokio::test]
async fn a_response_that_the_provider_did_not_sign_is_not_held() -> Result<()> {
    let scene = SamlScene::new().await?;
    let mut browser = scene.plain_browser()?;
    let fields = scene.undelivered(&mut browser).await?;
    let acs = scene.at("/sign-in/adfs/acs");
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
        let request = scene.client.post(&acs).body(form.finish());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(request.send().await?.status().as_u16())
    };
    ensure!(post(|xml| xml.replace("alice", "mallory")).await? == 403);
    ensure!(post(|_| "<Response/>".to_owned()).await? == 403);
    ensure!(scene.refusals().await? == ["signature", "structure"]);
    // The sign-in goes on as if nothing had come.
    let page = browser.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == scene.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn only_the_answer_to_its_own_request_is_held() -> Result<()> {
    let scene = SamlScene::new().await?;
    let mut mine = scene.plain_browser()?;
    let own = scene.undelivered(&mut mine).await?;
    let other = scene.undelivered(&mut scene.plain_browser()?).await?;
    let field = |fields: &[(String, String)], name: &str| -> Result<String> {
        let found = fields.iter().find(|(known, _)| known == name);
        Ok(found.context("no such field")?.1.clone())
    };
    // A good response of the same provider, with the state of another sign-in.
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("SAMLResponse", &field(&other, "SAMLResponse")?)
        .append_pair("RelayState", &field(&own, "RelayState")?)
        .finish();
    let post = async || -> Result<u16> {
        let request = scene.client.post(scene.at("/sign-in/adfs/acs"));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        Ok(request.body(form.clone()).send().await?.status().as_u16())
    };
    ensure!(post().await? == 403);
    ensure!(scene.refusals().await? == ["in_response_to"]);
    let page = mine.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == scene.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn a_provider_begins_only_where_it_may() -> Result<()> {
    let scene = SamlScene::new().await?;
    let acs = scene.at("/sign-in/adfs/acs");
    let mut browser = scene.browser()?;
    let fields = scene.unasked(Some("/console?account=1")).await?;
    let page = browser
        .lured_to_post(&scene.upstream.url(), &acs, &lent(&fields))
        .await?;
    ensure!(page.status() == Some(reqwest::StatusCode::FORBIDDEN));
    ensure!(scene.refusals().await? == ["unsolicited"]);

    let scene = SamlScene::with("allow_idp_initiated = true", |_| ()).await?;
    let mut browser = scene.browser()?;
    let place = Some("https://evil.example/");
    browser
        .open(&scene.upstream.unasked_url(&scene.entity_id(), place))
        .await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == scene.at("/"), "{}", page.url());
    let events = scene.events("signed_in").await?;
    ensure!(events[0]["unsolicited"] == true, "{events:?}");
    // An answer to a sign-in of ours is no such response, whatever its RelayState.
    let mut fields = scene.undelivered(&mut scene.plain_browser()?).await?;
    fields.retain(|(name, _)| name != "RelayState");
    let page = browser
        .lured_to_post(
            &scene.upstream.url(),
            &scene.at("/sign-in/adfs/acs"),
            &lent(&fields),
        )
        .await?;
    ensure!(page.status() == Some(reqwest::StatusCode::FORBIDDEN));
    ensure!(scene.refusals().await? == ["in_response_to"]);
    Ok(())
}

#[tokio::test]
async fn only_a_form_with_one_response_is_taken() -> Result<()> {
    let scene = SamlScene::new().await?;
    let acs = scene.at("/sign-in/adfs/acs");
    let form = "application/x-www-form-urlencoded";
    let send = async |content_type: &str, body: String| -> Result<u16> {
        let request = scene.client.post(&acs).header(CONTENT_TYPE, content_type);
        Ok(request.body(body).send().await?.status().as_u16())
    };
    ensure!(
        scene
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
    // The provider speaks OpenID Connect, or is not there.
    for other in ["okta", "nobody"] {
        for path in ["acs", "slo"] {
            let url = scene.at(&format!("/sign-in/{other}/{path}"));
            let answer = scene.client.post(url).header(CONTENT_TYPE, form);
            let status = answer.body("SAMLResponse=x").send().await?.status();
            ensure!(status == 404, "{other} {path}: {status}");
        }
        let metadata = scene.get(&format!("/sign-in/{other}/metadata"));
        ensure!(metadata.send().await?.status() == 404);
    }
    Ok(())
}
