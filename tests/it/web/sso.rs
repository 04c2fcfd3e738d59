//! The portal interface for AWS clients: names, bodies and headers of AWS, the current policy, and errors. Tokens come from the
//! device flow.

mod bearer;
mod session_end;
mod sts_errors;

use chrono::DateTime;
use reqwest::header::{AUTHORIZATION, CACHE_CONTROL};
use rolecall_testkit::aws::Fault;
use rolecall_wire::http::{ERROR_TYPE, REQUEST_ID};
use rolecall_wire::sso::{
    BEARER_TOKEN, GetRoleCredentialsRequest, GetRoleCredentialsResponse, path,
};
use rolecall_wire::sso_oidc::{ACCOUNT_ACCESS, CreateTokenResponse, RegisterClientRequest};
use serde_json::json;

use super::sso_oidc::named;
use super::*;

const SANDBOX: &str = "777788889999";
const PROD: &str = "111122223333";

impl Fixture {
    /// The tokens of a client that the user of this browser allows with a device code.
    pub async fn allow_client(&self, browser: &mut Browser) -> Result<CreateTokenResponse> {
        let client = self
            .register_as(RegisterClientRequest {
                scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
                ..named("botocore-client-test")
            })
            .await?;
        let device = self.start_device(&client).await?.device()?;
        browser
            .open(device.verification_uri_complete.expose())
            .await?;
        let code = device.user_code.expose();
        let (_, end) = code.split_once('-').context("a code has two halves")?;
        let page = browser.press("Allow", &[("retyped", end)]).await?;
        ensure!(
            page.text()
                .contains("Access granted. Return to your terminal."),
            "{}",
            page.text()
        );
        let device_code = device.device_code.expose();
        self.poll(&client, device_code).await?.tokens()
    }

    /// The access token of a client of this user.
    async fn token_of(&self, username: &str) -> Result<String> {
        let mut browser = self.signed_in(username).await?;
        let tokens = self.allow_client(&mut browser).await?;
        Ok(tokens.access_token.expose().to_owned())
    }

    /// Sends a request with a token: the status, the exception name and the body.
    async fn ask(&self, token: &str, path: &str) -> Result<(u16, String, Value)> {
        read(self.get(path).header(BEARER_TOKEN, token).send().await?).await
    }
}

async fn read(answer: Response) -> Result<(u16, String, Value)> {
    let headers = answer.headers();
    let kind = headers.get(ERROR_TYPE);
    let kind = kind.map_or(Ok(""), |kind| kind.to_str())?.to_owned();
    ensure!(headers[REQUEST_ID] == headers["x-request-id"]);
    ensure!(headers[CACHE_CONTROL] == "no-store");
    ensure!(headers[CONTENT_TYPE] == "application/json");
    Ok((answer.status().as_u16(), kind, answer.json().await?))
}

pub(crate) fn credentials_of(account: &str, role: &str) -> Result<String> {
    let query = serde_urlencoded::to_string(GetRoleCredentialsRequest {
        role_name: role.to_owned(),
        account_id: account.to_owned(),
    })?;
    Ok(format!("{}?{query}", path::GET_ROLE_CREDENTIALS))
}

#[tokio::test]
async fn accounts_and_roles_match_aws_format() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    let (status, _, accounts) = fixture.ask(&token, "/assignment/accounts").await?;
    let account = |id: &str, name: &str| json!({ "accountId": id, "accountName": name, "emailAddress": "platform@example.com" });
    let all = [
        account("444455556666", "payments-dev"),
        account(PROD, "payments-prod"),
        account(SANDBOX, "sandbox"),
    ];
    ensure!(
        status == 200 && accounts == json!({ "nextToken": null, "accountList": all }),
        "{accounts}"
    );
    let (_, _, first) = fixture
        .ask(&token, "/assignment/accounts?max_result=2")
        .await?;
    ensure!(first["accountList"] == json!(all[..2]), "{first}");
    let next = first["nextToken"].as_str().context("no link to continue")?;
    let path = format!("/assignment/accounts?next_token={next}&max_result=1000");
    let (_, _, rest) = fixture.ask(&token, &path).await?;
    ensure!(
        rest == json!({ "nextToken": null, "accountList": all[2..] }),
        "{rest}"
    );

    let (_, _, roles) = fixture
        .ask(&token, &format!("/assignment/roles?account_id={SANDBOX}"))
        .await?;
    let role = |name: &str| json!({ "roleName": name, "accountId": SANDBOX });
    let names = [
        "Administrator",
        "Developer",
        "Developer@readonly",
        "ReadOnly",
    ]
    .map(role);
    ensure!(
        roles == json!({ "nextToken": null, "roleList": names }),
        "{roles}"
    );
    let (status, _, none) = fixture
        .ask(&token, "/assignment/roles?account_id=999999999999")
        .await?;
    ensure!(status == 200 && none["roleList"] == json!([]), "{none}");
    Ok(())
}

#[tokio::test]
async fn credentials_match_those_issued_by_aws() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    for (role, minutes) in [("Developer", 240), ("Developer@readonly", 60)] {
        let (status, _, body) = fixture.ask(&token, &credentials_of(SANDBOX, role)?).await?;
        let issued = fixture.stack.aws.issued();
        let issued = issued.last().context("nothing was issued")?;
        let got: GetRoleCredentialsResponse<'_> = serde_json::from_value(body)?;
        let got = got.role_credentials;
        ensure!(
            status == 200
                && got.access_key_id == issued.access_key_id
                && got.session_token.expose() == issued.session_token
                && got.secret_access_key.expose().len() == 40
                && got.account_id == SANDBOX,
            "{got:?}"
        );
        let end = DateTime::from_timestamp_millis(got.expiration);
        let left = end.context("no end")? - fixture.stack.gateway.services.now();
        ensure!((left.num_minutes() - minutes).abs() <= 1, "{role}: {left}");
    }
    let intents = fixture.events("issue_intended").await?;
    ensure!(
        intents.len() == 2 && intents.iter().all(|one| one["delivery"] == "client"),
        "{intents:?}"
    );
    ensure!(intents[1]["target"]["variant"] == "readonly", "{intents:?}");
    Ok(())
}

#[tokio::test]
async fn unassigned_and_unknown_roles_give_the_same_error() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("bob").await?;
    let url = fixture.stack.url();
    for (account, role) in [
        (SANDBOX, "Administrator"),
        (SANDBOX, "NoSuchRole"),
        ("999999999999", "Administrator"),
        (SANDBOX, "Developer@nosuchvariant"),
        (SANDBOX, "@"),
    ] {
        let (status, kind, body) = fixture.ask(&token, &credentials_of(account, role)?).await?;
        let message = format!(
            "No access: role {role} in account {account} is not assigned to you. View your roles at {url}/ or ask platform@example.com for access."
        );
        ensure!(
            status == 403 && kind == "ForbiddenException" && body["message"] == message.as_str(),
            "{status} {kind} {body}"
        );
    }
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    Ok(())
}

#[tokio::test]
async fn unmet_condition_is_reported_with_remediation() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.access.push_str(
            "\n[[assignment]]\nid = \"by-browser\"\nwho = { everyone = true }\naccounts = [\"sandbox\"]\npermission_sets = [\"ReadOnly\"]\nwhen = { device_flow = false }\nowner = \"sandbox@example.com\"\n",
        );
    })
    .await?;
    let token = fixture.token_of("bob").await?;
    let (status, kind, body) = fixture
        .ask(&token, &credentials_of(PROD, "Developer")?)
        .await?;
    let message = body["message"].as_str().context("no message")?;
    ensure!(status == 403 && kind == "ForbiddenException", "{body}");
    for part in [
        "second factor",
        "Sign in again with multi-factor authentication at",
        "payments-leads@example.com",
        "aws sso login",
        fixture.stack.url(),
    ] {
        ensure!(message.contains(part), "{part}: {message}");
    }
    let (status, _, body) = fixture
        .ask(&token, &credentials_of(SANDBOX, "ReadOnly")?)
        .await?;
    let message = body["message"].as_str().context("no message")?;
    ensure!(status == 403, "{body}");
    for part in [
        "not with a device code",
        "without --use-device-code",
        "sandbox@example.com",
    ] {
        ensure!(message.contains(part), "{part}: {message}");
    }
    // Locked roles are not listed, because clients assume that listed roles can be used.
    let (_, _, roles) = fixture
        .ask(&token, &format!("/assignment/roles?account_id={SANDBOX}"))
        .await?;
    ensure!(!roles.to_string().contains("ReadOnly"), "{roles}");
    Ok(())
}

#[tokio::test]
async fn policy_change_applies_to_next_call() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    let path = credentials_of(SANDBOX, "Developer")?;
    ensure!(fixture.ask(&token, &path).await?.0 == 200);
    let access = fixture.stack.folder().join("access.toml");
    let text = std::fs::read_to_string(&access)?;
    let deny = "\n[[deny]]\nid = \"stop\"\nwho = { everyone = true }\naccounts = [\"sandbox\"]\n";
    std::fs::write(&access, format!("{text}{deny}"))?;
    let refused = crate::operate::until("the new policy", async || {
        let answer = fixture.ask(&token, &path).await?;
        Ok((answer.0 != 200).then_some(answer))
    })
    .await?;
    ensure!(refused.0 == 403, "{refused:?}");
    let (_, _, accounts) = fixture.ask(&token, "/assignment/accounts").await?;
    ensure!(!accounts.to_string().contains("sandbox"), "{accounts}");
    Ok(())
}

#[tokio::test]
async fn invalid_parameters_return_invalid_request() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    let account = format!("account_id={SANDBOX}");
    for path in [
        "/assignment/accounts?max_result=many".to_owned(),
        "/assignment/accounts?next_token=nonsense".to_owned(),
        "/assignment/accounts?max_result=1&max_result=2".to_owned(),
        "/assignment/roles".to_owned(),
        "/assignment/roles?account_id=1".to_owned(),
        "/assignment/roles?account_id=77778888999x".to_owned(),
        format!("/assignment/roles?{account}&{account}"),
        format!("/assignment/roles?{account}&next_token=.."),
        "/federation/credentials".to_owned(),
        format!("/federation/credentials?{account}"),
        "/federation/credentials?role_name=Developer".to_owned(),
        format!("/federation/credentials?{account}&role_name="),
        format!("/federation/credentials?{account}&role_name=a%0Ab"),
        format!("/federation/credentials?{account}&role_name=a%2Fb"),
        format!(
            "/federation/credentials?{account}&role_name={}",
            "a".repeat(98)
        ),
        format!("/federation/credentials?{account}&role_name=Developer&role_name=ReadOnly"),
    ] {
        let (status, kind, body) = fixture.ask(&token, &path).await?;
        ensure!(
            status == 400 && kind == "InvalidRequestException" && body["message"].is_string(),
            "{path}: {status} {kind} {body}"
        );
    }
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    Ok(())
}

#[tokio::test]
async fn outage_and_throttling_keep_the_token_valid() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    let path = credentials_of(SANDBOX, "Developer")?;
    for (fault, expected) in [
        (Fault::ServerError { times: 1_000 }, 500..600),
        (Fault::Throttle { times: 1_000 }, 429..430),
    ] {
        fixture.stack.aws.inject_fault(fault);
        let (status, kind, body) = fixture.ask(&token, &path).await?;
        ensure!(expected.contains(&status), "{status} {kind} {body}");
        let name = if status == 429 {
            "TooManyRequestsException"
        } else {
            "InternalServerException"
        };
        ensure!(kind == name && body["message"].is_string(), "{kind} {body}");
        fixture.stack.aws.clear_faults();
        ensure!(fixture.ask(&token, &path).await?.0 == 200);
    }
    Ok(())
}

/// Errors of the guard and the framework have AWS's format, too.
#[tokio::test]
async fn framework_errors_match_aws_format() -> Result<()> {
    let fixture = Fixture::new().await?;
    let wrong_host = fixture
        .get("/assignment/accounts")
        .header("host", "evil.example");
    let (status, kind, _) = read(wrong_host.send().await?).await?;
    ensure!(
        status == 421 && kind == "InvalidRequestException",
        "{status} {kind}"
    );
    let wrong_method = fixture.client.put(fixture.at("/federation/credentials"));
    let (status, kind, body) = read(wrong_method.send().await?).await?;
    ensure!(
        status == 405 && kind == "InvalidRequestException",
        "{status} {kind}"
    );
    ensure!(body["message"].is_string(), "{body}");
    let of_a_page = fixture
        .client
        .post(fixture.at("/logout"))
        .header("origin", "https://evil.example");
    let (status, kind, _) = read(of_a_page.send().await?).await?;
    ensure!(
        status == 403 && kind == "ForbiddenException",
        "{status} {kind}"
    );
    Ok(())
}
