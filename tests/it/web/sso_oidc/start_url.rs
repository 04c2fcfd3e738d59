//! Clients that are configured for another portal: they get an error before the consent page.

use std::fs;

use rolecall_harness::Replica;

use super::*;

const MEANT: &str = "https://mycorp.awsapps.com/start";
const LABEL: &str = "start_url_label = \"acme-sso\"";

fn registration(issuer: &str) -> RegisterClientRequest {
    RegisterClientRequest {
        grant_types: Some(vec![
            grant::AUTHORIZATION_CODE.to_owned(),
            grant::REFRESH_TOKEN.to_owned(),
        ]),
        redirect_uris: Some(vec![REGISTERED.to_owned()]),
        issuer_url: Some(issuer.to_owned()),
        scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
        ..named("botocore-client-mycorp")
    }
}

/// Asserts that the message contains the received and the expected URL, and the environment variables.
fn names_both(answer: &JsonResponse, fixture: &Fixture) -> Result<()> {
    answer.refused(400, "InvalidRequestException", "invalid_request")?;
    let description = answer.text("error_description")?;
    for part in [
        MEANT,
        fixture.stack.url(),
        "unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC",
    ] {
        ensure!(description.contains(part), "{part}: {description}");
    }
    Ok(())
}

#[tokio::test]
async fn start_url_of_another_portal_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let answer = fixture
        .call("/client/register", registration(MEANT))
        .await?;
    names_both(&answer, &fixture)?;
    let client = fixture.register().await?;
    let body = client.start_device_authorization(MEANT);
    names_both(
        &fixture.call("/device_authorization", body).await?,
        &fixture,
    )
}

/// Another replica of the stack with changed `[clients]`.
async fn after(fixture: &Fixture, old: &str, new: &str) -> Result<Replica> {
    let path = fixture.stack.config();
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(old), "{text}");
    fs::write(path, text.replace(old, new))?;
    fixture.stack.start_replica().await
}

/// A registration is valid for 90 days, so it can be older than the current label.
#[tokio::test]
async fn old_start_url_label_requires_configuration() -> Result<()> {
    let fixture = Fixture::with(|settings| settings.more = format!("[clients]\n{LABEL}\n")).await?;
    let acme = "https://acme-sso.awsapps.com/start";
    let client = fixture.register_as(registration(acme)).await?;
    let ask = fixture.authorize(&client, "s");
    let host = fixture.stack.url().trim_start_matches("http://").to_owned();
    let authorize = async |replica: &Replica| {
        let url = ask.replacen(
            fixture.stack.url(),
            &format!("http://{}", replica.address),
            1,
        );
        let answer = fixture.client.get(url).header("host", &host).send().await?;
        location(&answer)
    };

    let given_up = after(&fixture, LABEL, "").await?;
    let to = authorize(&given_up).await?;
    ensure!(
        to.starts_with(LISTENING)
            && to.contains("error=invalid_request")
            && to.contains("acme-sso.awsapps.com"),
        "{to}"
    );
    let kept = after(
        &fixture,
        "[clients]\n",
        "[clients]\nformer_labels = [\"acme-sso\"]\n",
    )
    .await?;
    let to = authorize(&kept).await?;
    ensure!(to.contains("/sign-in"), "{to}");
    Ok(())
}
