//! A request to EC2 that is denied, and the error that the AWS CLI prints.

use anyhow::{Context as _, Result, ensure};
use hmac::{Hmac, Mac as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::{Fixture, Pass};

const FORM: &str = "application/x-www-form-urlencoded";

/// What the AWS CLI prints for `aws ec2 run-instances` with credentials of this role.
pub async fn denied(
    fixture: &Fixture,
    pass: &Pass,
    account: &str,
    permission_set: &str,
    variant: &str,
) -> Result<String> {
    let fields = [
        ("account", account),
        ("permission_set", permission_set),
        ("variant", variant),
    ];
    let (status, credentials) = fixture.post_json(pass, "/credentials", &fields).await?;
    ensure!(status == 200, "{status} {credentials}");
    let body = "Action=RunInstances&Version=2016-11-15&InstanceType=m5.24xlarge&DryRun=true";
    let (status, xml) = signed(fixture, &credentials, body).await?;
    ensure!(
        status == 403 && xml.contains("<Code>UnauthorizedOperation</Code>"),
        "{status} {xml}"
    );
    let message = xml
        .split_once("<Message>")
        .and_then(|(_, rest)| rest.split_once("</Message>"))
        .context("no message")?
        .0;
    Ok(format!(
        "An error occurred (UnauthorizedOperation) when calling the RunInstances operation: {message}\n"
    ))
}

/// Sends a form to EC2, signed with these credentials (SigV4).
async fn signed(fixture: &Fixture, credentials: &Value, body: &str) -> Result<(u16, String)> {
    let part = |name: &str| credentials[name].as_str().context("no credentials");
    let host = fixture.stack.aws.address().to_string();
    let time = fixture.clock.now().format("%Y%m%dT%H%M%SZ").to_string();
    let token = part("SessionToken")?;
    let names = "content-type;host;x-amz-date;x-amz-security-token";
    let canonical = format!(
        "POST\n/\n\ncontent-type:{FORM}\nhost:{host}\nx-amz-date:{time}\nx-amz-security-token:{token}\n\n{names}\n{}",
        hex(&Sha256::digest(body))
    );
    let scope = [&time[..8], "eu-west-1", "ec2", "aws4_request"];
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{time}\n{}\n{}",
        scope.join("/"),
        hex(&Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{}", part("SecretAccessKey")?).into_bytes();
    for part in scope.into_iter().chain([to_sign.as_str()]) {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={}",
        part("AccessKeyId")?,
        scope.join("/"),
        hex(&key)
    );
    let request = fixture
        .client
        .post(fixture.stack.aws.url())
        .header(HOST, &host)
        .header(CONTENT_TYPE, FORM)
        .header("x-amz-date", &time)
        .header("x-amz-security-token", token)
        .header(AUTHORIZATION, authorization);
    let answer = request.body(body.to_owned()).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
