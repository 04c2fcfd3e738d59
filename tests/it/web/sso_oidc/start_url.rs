//! Programs that were set up for another portal: they are told, before anybody is asked to let them in.

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

/// That the answer names what came, what was expected, and the variables.
fn names_both(answer: &Answer, fixture: &Fixture) -> Result<()> {
    answer.refused(400, "InvalidRequestException", "invalid_request")?;
    let said = answer.text("error_description")?;
    for part in [
        MEANT,
        fixture.stack.url(),
        "unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC",
    ] {
        ensure!(said.contains(part), "{part}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_program_that_means_another_portal_is_refused() -> Result<()> {
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

/// Another replica of the stack, after `[clients]` was changed.
async fn after(fixture: &Fixture, old: &str, new: &str) -> Result<Replica> {
    let path = fixture.stack.config();
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(old), "{text}");
    fs::write(path, text.replace(old, new))?;
    fixture.stack.start_replica().await
}

/// A registration lasts for 90 days, so one can be older than the label that it names.
#[tokio::test]
async fn a_label_that_was_given_up_is_foreign_unless_it_is_kept() -> Result<()> {
    let fixture = Fixture::with(|settings| settings.more = format!("[clients]\n{LABEL}\n")).await?;
    let acme = "https://acme-sso.awsapps.com/start";
    let client = fixture.register_as(registration(acme)).await?;
    let ask = fixture.authorize(&client, "s");
    let host = fixture.stack.url().trim_start_matches("http://").to_owned();
    let told = async |replica: &Replica| {
        let url = ask.replacen(
            fixture.stack.url(),
            &format!("http://{}", replica.address),
            1,
        );
        let answer = fixture.client.get(url).header("host", &host).send().await?;
        location(&answer)
    };

    let given_up = after(&fixture, LABEL, "").await?;
    let to = told(&given_up).await?;
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
    let to = told(&kept).await?;
    ensure!(to.contains("/sign-in"), "{to}");
    Ok(())
}
