//! GetCallerIdentity, with requests that the AWS SDK or the test signs.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{Credentials, Region};
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use rolecall_testkit::aws::IssuedSession;

use crate::setup::Setup;

/// An SDK client for the emulated STS.
pub fn sdk(setup: &Setup, credentials: Option<Credentials>) -> Client {
    let mut config = aws_sdk_sts::Config::builder()
        .region(Region::new("eu-west-1"))
        .endpoint_url(setup.aws.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    if let Some(credentials) = credentials {
        config = config.credentials_provider(credentials);
    }
    Client::from_conf(config.build())
}

fn credentials(session: &IssuedSession) -> Credentials {
    Credentials::new(
        &session.access_key_id,
        &session.secret_access_key,
        Some(session.session_token.clone()),
        None,
        "test",
    )
}

/// The error code of GetCallerIdentity.
async fn error_code(client: &Client) -> Result<String> {
    match client.get_caller_identity().send().await {
        Ok(_) => bail!("the request succeeded"),
        Err(error) => Ok(error.code().context("no code")?.to_owned()),
    }
}

#[tokio::test]
async fn issued_credentials_identify_assumed_role() -> Result<()> {
    let setup = Setup::new().await?;
    let token = setup.token()?;
    let output = sdk(&setup, None)
        .assume_role_with_web_identity()
        .role_arn(&setup.role_arn)
        .role_session_name("alice@example.com")
        .web_identity_token(&token)
        .send()
        .await?;
    let given = output.credentials().context("credentials")?;
    assert_eq!(output.provider(), Some(setup.issuer.as_str()));
    assert_eq!(output.source_identity(), Some("alice@example.com"));
    assert!(output.session_token_size().is_some());
    let requests = setup.aws.requests();
    let request = requests.last().context("no request")?;
    assert_eq!(request.action, "AssumeRoleWithWebIdentity");
    assert_eq!(request.field("WebIdentityToken"), Some(token.as_str()));
    assert_eq!(request.header("authorization"), None);

    let credentials = Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        None,
        "test",
    );
    let caller = sdk(&setup, Some(credentials))
        .get_caller_identity()
        .send()
        .await?;
    assert_eq!(
        caller.arn(),
        Some("arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com")
    );
    assert_eq!(caller.account(), Some("111122223333"));
    let user = caller.user_id().context("a user id")?;
    assert!(
        user.starts_with("AROA") && user.ends_with(":alice@example.com"),
        "{user}"
    );
    Ok(())
}

#[tokio::test]
async fn wrong_credentials_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let session = setup.session().await?;
    let with = |id: &str, secret: &str, token: &str| {
        sdk(
            &setup,
            Some(Credentials::new(
                id,
                secret,
                Some(token.to_owned()),
                None,
                "test",
            )),
        )
    };
    let (id, secret, token) = (
        &session.access_key_id,
        &session.secret_access_key,
        &session.session_token,
    );
    assert_eq!(
        error_code(&with(id, "guess", token)).await?,
        "SignatureDoesNotMatch"
    );
    assert_eq!(
        error_code(&with(id, secret, "guess")).await?,
        "InvalidClientTokenId"
    );
    assert_eq!(
        error_code(&with("ASIAUNKNOWN", secret, token)).await?,
        "InvalidClientTokenId"
    );
    let correct = sdk(&setup, Some(credentials(&session)));
    correct.get_caller_identity().send().await?;
    setup.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(error_code(&correct).await?, "SignatureDoesNotMatch");
    Ok(())
}

#[tokio::test]
async fn expired_credentials_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    // The emulator issues the credentials an hour ago, so that the signatures of the SDK, which uses the system clock, are valid.
    let now = setup.clock.now();
    setup.clock.set(now - Duration::from_secs(3_600));
    let session = setup.session().await?;
    setup.clock.set(now);
    assert_eq!(
        error_code(&sdk(&setup, Some(credentials(&session)))).await?,
        "ExpiredToken"
    );
    Ok(())
}

#[tokio::test]
async fn unsigned_and_malformed_signatures_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let scope = setup
        .clock
        .now()
        .format("%Y%m%d/eu-west-1/sts/aws4_request");
    let timestamp = setup.clock.now().format("%Y%m%dT%H%M%SZ").to_string();
    for (authorization, code) in [
        (None, "MissingAuthenticationToken"),
        (Some("Bearer x".to_owned()), "IncompleteSignature"),
        (
            Some("AWS4-HMAC-SHA256 Credential=A/B, SignedHeaders=host, Signature=0".to_owned()),
            "IncompleteSignature",
        ),
        (
            Some(format!(
                "AWS4-HMAC-SHA256 Credential=A/{scope}, SignedHeaders=host, Signature=0"
            )),
            "InvalidClientTokenId",
        ),
        (
            Some(format!(
                "AWS4-HMAC-SHA256 Credential=A/{}, SignedHeaders=host, Signature=0",
                scope.to_string().replace("sts", "s3")
            )),
            "SignatureDoesNotMatch",
        ),
    ] {
        let mut request = setup
            .http
            .post(setup.aws.url())
            .form(&form)
            .header("x-amz-date", &timestamp);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let body = request.send().await?.text().await?;
        assert!(
            body.contains(&format!("<Code>{code}</Code>")),
            "{code}: {body}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn sdk_parses_errors() -> Result<()> {
    let setup = Setup::new().await?;
    let error = sdk(&setup, None)
        .assume_role_with_web_identity()
        .role_arn(&setup.role_arn)
        .role_session_name("alice")
        .web_identity_token(setup.token_with(&serde_json::json!({"exp": 0}))?)
        .send()
        .await
        .err()
        .context("the request succeeded")?
        .into_service_error();
    assert!(error.is_expired_token_exception(), "{error:?}");
    assert!(
        error
            .message()
            .is_some_and(|message| message.starts_with("Token expired"))
    );
    Ok(())
}
