//! `DecodeAuthorizationMessage` at the emulated AWS: what is sent, and what its refusals mean.

use anyhow::{Context as _, Result};
use rolecall_core::aws::{
    Credentials, EncodedMessage, ErrorText, Region, SessionPolicy, Sts as _, StsError, StsRefusal,
};
use rolecall_core::base::secret::SecretText;
use rolecall_testkit::aws::Fault;
use rolecalld::aws::StsClient;
use rolecalld::aws::keys::KeyAlgorithm;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::EnvFilter;

use super::fixture::{StsFixture, session};
use crate::log::Log;

fn message() -> Result<EncodedMessage> {
    let text = "canary".repeat(12);
    ErrorText::read(&text).encoded.context("an encoded message")
}

async fn decode(
    sts: &StsClient,
    credentials: &Credentials,
    region: Option<&Region>,
) -> Result<StsError> {
    let message = message()?;
    let answer = sts.decode_authorization_message(credentials, region, &message);
    let error = answer.await.map(|_| ()).err();
    error.context("the message was decoded")
}

fn refusal(error: &StsError) -> Option<StsRefusal> {
    match error {
        StsError::Refused { refusal, .. } => Some(*refusal),
        StsError::Unavailable(_)
        | StsError::Unanswered { .. }
        | StsError::NoCredentials(_)
        | StsError::AfterEarlierCalls { .. } => None,
    }
}

#[tokio::test]
async fn refusals_have_their_meaning() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let sts = fixture.sts()?;
    let issued = fixture.issued().await?;
    let error = decode(&sts, &issued.credentials, None).await?;
    assert_eq!(refusal(&error), Some(StsRefusal::InvalidMessage));
    let seen = fixture.aws.requests().pop().context("a request")?;
    let form: Vec<(&str, &str)> = seen.form.iter().map(|(k, v)| (&**k, &**v)).collect();
    let text = "canary".repeat(12);
    assert_eq!(
        form,
        [
            ("Action", "DecodeAuthorizationMessage"),
            ("Version", "2011-06-15"),
            ("EncodedMessage", &text),
        ]
    );
    assert!(seen.header("authorization").is_some_and(|header| {
        header.contains(&issued.credentials.access_key_id) && header.contains("/sts/aws4_request")
    }));

    let mut narrow = fixture.request().await?;
    session(&mut narrow).session_policy = Some(SessionPolicy::parse(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
    )?);
    let narrow = sts.assume(&narrow).await?;
    let error = decode(&sts, &narrow.credentials, None).await?;
    assert_eq!(refusal(&error), Some(StsRefusal::AccessDenied));
    assert!(
        error
            .to_string()
            .contains("because no session policy allows"),
        "{error}"
    );

    let mut other = issued.credentials.clone();
    other.secret_access_key = SecretText::new("guess");
    let error = decode(&sts, &other, None).await?;
    assert_eq!(refusal(&error), Some(StsRefusal::InvalidCredentials));
    Ok(())
}

#[tokio::test]
async fn outage_and_foreign_answers_are_told_apart() -> Result<()> {
    for (fault, expected) in [
        (Fault::ServerError { times: 99 }, None),
        (Fault::Throttle { times: 99 }, Some(StsRefusal::Throttled)),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        let issued = fixture.issued().await?;
        fixture.aws.inject_fault(fault);
        let sts = fixture.sts()?;
        let error = decode(&sts, &issued.credentials, None).await?;
        assert_eq!(refusal(&error), expected, "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    Ok(())
}

/// The person chose the message, so errors of the server do not block credentials for others.
#[tokio::test]
async fn errors_do_not_open_the_circuit_breaker() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let sts = fixture.sts()?;
    let issued = sts.assume(&fixture.request().await?).await?;
    fixture.aws.inject_fault(Fault::ServerError { times: 99 });
    for _ in 0..4 {
        let error = decode(&sts, &issued.credentials, None).await?;
        assert!(matches!(error, StsError::Unavailable(_)), "{error}");
    }
    fixture.aws.clear_faults();
    sts.assume(&fixture.request().await?).await?;
    Ok(())
}

#[tokio::test]
async fn no_log_level_reveals_the_message() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let issued = fixture.issued().await?;
    let sts = fixture.sts()?;
    // Tests that run at the same time set other levels, and the library remembers which of its lines are wanted.
    for _ in 0..50 {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::try_new("trace")?)
            .with_writer(log.clone())
            .with_ansi(false)
            .finish();
        decode(&sts, &issued.credentials, None)
            .with_subscriber(subscriber)
            .await?;
        let log = log.text();
        assert!(!log.contains("canarycanary"), "{log}");
        if log.contains("DecodeAuthorizationMessage") {
            return Ok(());
        }
    }
    anyhow::bail!("no log contains the request")
}
