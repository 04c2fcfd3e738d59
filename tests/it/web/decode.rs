//! `/decode`: denied requests of the simulated AWS are explained, with messages that it encodes and decodes itself.

pub mod ec2;
mod hostile;

use rolecall_testkit::aws::{RecordedRequest, Role};
use serde_json::json;

use super::*;
use ec2::denied;

const DEV: &str = "444455556666";
const DECODE_ONLY: &str = r#"{"Statement":[{"Action":"sts:DecodeAuthorizationMessage","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#;

/// The requests to STS with this action.
fn requests(fixture: &Fixture, action: &str) -> Vec<RecordedRequest> {
    let mut requests = fixture.stack.aws.requests();
    requests.retain(|request| request.action == action);
    requests
}

/// The encoded message in an error.
fn encoded(error: &str) -> Result<&str> {
    let (_, encoded) = error
        .split_once("failure message: ")
        .context("no encoded message")?;
    Ok(encoded.trim())
}

#[tokio::test]
async fn denied_request_is_explained() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let pass = pass_of(&browser)?;
    let error = denied(&fixture, &pass, DEV, "Developer", "readonly").await?;
    browser.click("Terminal").await?;
    let page = browser.click("paste its error").await?;
    ensure!(
        page.url().as_str() == fixture.at("/decode"),
        "{}",
        page.url()
    );
    ensure!(requests(&fixture, "AssumeRoleWithWebIdentity").len() == 1);

    // The text itself says something; the encoded message needs a role.
    let page = browser.submit("/decode", &[("message", &error)]).await?;
    let text = page.text();
    for part in [
        "Denied: no session policy allows the action",
        "From the text of the error",
        "ec2:RunInstances",
        "arn:aws:ec2:eu-west-1:444455556666:instance/*",
        "Sessions of payments-dev/Developer@readonly are limited by policy_arns of the variant: arn:aws:iam::aws:policy/ReadOnlyAccess.",
        "Choose one of your roles in account 444455556666",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    ensure!(
        page.attributes("option[selected]", "value")? == ["444455556666/Developer"],
        "{}",
        page.body()
    );
    ensure!(
        requests(&fixture, "AssumeRoleWithWebIdentity").len() == 1,
        "credentials were issued without a choice"
    );

    // The selected role is used.
    let page = browser.submit("/decode", &[]).await?;
    let text = page.text();
    for part in [
        "Denied: no session policy allows the action",
        "Decoded by AWS",
        "ec2:InstanceType m5.24xlarge",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    ensure!(
        !text.contains("From the text of the error"),
        "twice the same: {text}"
    );
    ensure!(page.status().is_some_and(|status| status == 200));
    let issued = requests(&fixture, "AssumeRoleWithWebIdentity");
    let issued = issued.last().context("no request")?;
    ensure!(issued.field("Policy") == Some(DECODE_ONLY), "{issued:?}");
    ensure!(issued.field("DurationSeconds") == Some("900"), "{issued:?}");
    ensure!(issued.field("PolicyArns.member.1.arn").is_none());
    let decodes = requests(&fixture, "DecodeAuthorizationMessage");
    ensure!(
        decodes.len() == 1 && decodes[0].field("EncodedMessage") == Some(encoded(&error)?),
        "{decodes:?}"
    );
    let session = fixture.stack.aws.issued().pop().context("no session")?;
    for secret in [
        &session.access_key_id,
        &session.secret_access_key,
        &session.session_token,
    ] {
        ensure!(!page.body().contains(secret), "the page shows credentials");
    }
    Ok(())
}

/// Neither the message nor the answer is kept anywhere, and the issue is audited like any other.
#[tokio::test]
async fn message_and_answer_are_kept_nowhere() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("bob").await?;
    let pass = pass_of(&browser)?;
    let error = denied(&fixture, &pass, DEV, "Developer", "readonly").await?;
    browser.open(&fixture.at("/decode")).await?;
    let fields = [
        ("message", error.as_str()),
        ("role", "444455556666/Developer"),
    ];
    let page = browser.submit("/decode", &fields).await?;
    ensure!(page.text().contains("Decoded by AWS"), "{}", page.text());
    ensure!(
        page.url().as_str() == fixture.at("/decode"),
        "{}",
        page.url()
    );
    let visit = browser.visits().last().context("no visit")?;
    ensure!(visit.received["cache-control"] == "no-store");
    ensure!(visit.received["referrer-policy"] == "no-referrer");

    let events = fixture.trail().await?;
    let intents: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "issue_intended" && event["delivery"] == "decode")
        .collect();
    ensure!(
        intents.len() == 1 && intents[0]["duration"] == 900,
        "{intents:?}"
    );
    let reference = &intents[0]["reference"];
    ensure!(
        events
            .iter()
            .any(|event| event["event"] == "issue_done" && &event["reference"] == reference),
        "{events:?}"
    );
    let trail = serde_json::to_string(&events)?;
    for canary in [encoded(&error)?, "m5.24xlarge", "RunInstances"] {
        ensure!(!trail.contains(canary), "{canary} is in the audit trail");
    }
    for entry in std::fs::read_dir(fixture.stack.folder())? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            let text = String::from_utf8_lossy(&bytes);
            ensure!(!text.contains(encoded(&error)?), "{}", path.display());
        }
    }
    let metrics = format!("http://{}/metrics", fixture.stack.gateway.management);
    let metrics = fixture.client.get(metrics).send().await?.text().await?;
    ensure!(
        metrics.contains(r#"delivery="decode""#) && !metrics.contains("m5.24xlarge"),
        "{metrics}"
    );
    Ok(())
}

#[tokio::test]
async fn role_of_a_saml_account_decodes() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let error = denied(&fixture, &pass, "777788889999", "Developer", "readonly").await?;
    let fields = [
        ("message", error.as_str()),
        ("role", "777788889999/Developer"),
    ];
    let answer = fixture.post(&pass, "/decode", &fields).send().await?;
    ensure!(answer.status() == 200);
    let page = answer.text().await?;
    ensure!(
        page.contains("Decoded by AWS") && page.contains("m5.24xlarge"),
        "{page}"
    );
    let issued = requests(&fixture, "AssumeRoleWithSAML");
    ensure!(issued.last().and_then(|request| request.field("Policy")) == Some(DECODE_ONLY));
    Ok(())
}

/// The cause is named, whether the role's own policy or its session policy does not allow the operation.
#[tokio::test]
async fn role_that_may_not_decode_is_named_with_the_cause() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let error = denied(&fixture, &pass, DEV, "Developer", "readonly").await?;
    let account = fixture.stack.aws.account(DEV)?;
    let issuer = fixture.stack.url().trim_start_matches("http://");
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Principal": { "Federated": format!("arn:aws:iam::{DEV}:oidc-provider/{issuer}") },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
    }});
    let policy = |action: &str| json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": action, "Resource": "*" } });
    for (role, action, cause) in [
        (
            "Developer",
            "s3:*",
            "no identity-based policy allows sts:DecodeAuthorizationMessage",
        ),
        (
            "ReadOnly",
            "*",
            "no session policy allows sts:DecodeAuthorizationMessage",
        ),
    ] {
        let own = Role::with_trust_policy(trust.clone()).with_permissions(policy(action));
        account.role(
            &format!("rolecall/{role}"),
            own.with_max_session_duration(std::time::Duration::from_secs(43_200)),
        )?;
        let chosen = format!("{DEV}/{role}");
        let fields = [("message", error.as_str()), ("role", &chosen)];
        let answer = fixture.post(&pass, "/decode", &fields).send().await?;
        ensure!(answer.status() == 403, "{role}: {}", answer.status());
        let page = answer.text().await?;
        let named = format!("arn:aws:iam::{DEV}:role/rolecall/{role}");
        ensure!(
            page.contains(cause) && page.contains(&named),
            "{role}: {page}"
        );
        ensure!(!page.contains("Decoded by AWS"), "{page}");
        // What the text says is still shown.
        ensure!(page.contains("From the text of the error"), "{page}");
    }
    Ok(())
}

#[tokio::test]
async fn error_with_an_authorization_id_has_a_command() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("bob").await?;
    let error = "User: arn:aws:sts::444455556666:assumed-role/Developer/bob is not authorized to perform: iam:CreateUser on resource: \
                 arn:aws:iam::444455556666:user/x with an explicit deny in an identity-based policy: arn:aws:iam::444455556666:policy/NoUsers. \
                 Go to https://evil.example/#/authorization-details/1a2b3c4d5e6f for complete details, or call the \
                 GetRequestAuthorizationDetails API with the following authorization id: 1a2b3c4d5e6f";
    let answer = fixture
        .post(&pass, "/decode", &[("message", error)])
        .send()
        .await?;
    ensure!(answer.status() == 200, "{}", answer.status());
    let page = answer.text().await?;
    for part in [
        "aws iam-toolbox get-request-authorization-details --authorization-id 1a2b3c4d5e6f",
        "iam:GetRequestAuthorizationDetails",
        "Denied by an explicit deny in an identity-based policy",
        "arn:aws:iam::444455556666:policy/NoUsers",
    ] {
        ensure!(page.contains(part), "{part}: {page}");
    }
    ensure!(!page.contains("href=\"https://evil"), "{page}");
    ensure!(fixture.stack.aws.requests().is_empty(), "AWS was asked");
    Ok(())
}
