//! Console sign-in links, and faults of the sign-in endpoint.

use anyhow::{Context as _, Result};
use rolecall_core::aws::{
    ConsoleLink, ConsoleSignIn as _, ConsoleSignInError, Credentials, Destination, Partition,
    RoleSessionDuration,
};
use rolecall_testkit::aws::Fault;
use rolecalld::aws::SignInEndpoint;
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::egress::Egress;
use url::Url;

use super::fixture::{StsFixture, settings};

async fn link(
    fixture: &StsFixture,
    credentials: &Credentials,
    seconds: Option<u32>,
) -> Result<Result<ConsoleLink, ConsoleSignInError>> {
    let endpoint = SignInEndpoint::new(&settings(Some(&fixture.aws))?, &Egress::default())
        .map_err(|error| anyhow::anyhow!(error))?;
    let duration = seconds.and_then(RoleSessionDuration::from_seconds);
    let destination = Destination::parse(
        "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1",
        Partition::Aws,
    )?;
    let issuer = Url::parse(
        "https://sso.example.com/console?account=111122223333&permission_set=Developer",
    )?;
    Ok(endpoint
        .link(credentials, duration, &destination, &issuer)
        .await)
}

/// The durations sent to `getSigninToken`, in order. Also checks that URLs contain no secrets.
fn durations_asked(fixture: &StsFixture) -> Result<Vec<Option<String>>> {
    fixture
        .aws
        .requests()
        .iter()
        .filter(|request| request.action == "getSigninToken")
        .map(|request| {
            anyhow::ensure!(request.method == "POST" && request.path == "/federation");
            Ok(request.field("SessionDuration").map(str::to_owned))
        })
        .collect()
}

#[tokio::test]
async fn link_opens_the_console() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let issued = fixture.issued().await?;
    let link = link(&fixture, &issued.credentials, Some(7_273)).await??;
    assert_eq!(durations_asked(&fixture)?, [Some("7200".to_owned())]);
    assert!(!format!("{link:?}").contains("http"), "{link:?}");
    let url = Url::parse(link.expose())?;
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query.get("Action").map(String::as_str), Some("login"));
    assert_eq!(
        query.get("Issuer").map(String::as_str),
        Some("https://sso.example.com/console?account=111122223333&permission_set=Developer")
    );
    let page = open(link.expose()).await?;
    assert!(page.contains(&issued.assumed_role_arn), "{page}");
    assert!(
        page.contains("https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1"),
        "{page}"
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a browser is not the gateway")]
async fn open(url: &str) -> Result<String> {
    Ok(reqwest::get(url).await?.error_for_status()?.text().await?)
}

#[tokio::test]
async fn rejected_duration_is_omitted() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let issued = fixture.issued().await?;
    fixture.aws.inject_fault(Fault::SigninRejectsDuration);
    link(&fixture, &issued.credentials, Some(3_600)).await??;
    assert_eq!(durations_asked(&fixture)?, [Some("3600".to_owned()), None]);
    Ok(())
}

#[tokio::test]
async fn refusals_differ_from_outages_and_hide_secrets() -> Result<()> {
    for (fault, refused, tries) in [
        (Fault::SigninBadRequest, true, 2),
        (Fault::SigninHtml, false, 1),
        (Fault::SigninServerError { times: 9 }, false, 1),
        (
            Fault::SigninSlow(std::time::Duration::from_secs(60)),
            false,
            1,
        ),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        let issued = fixture.issued().await?;
        fixture.aws.inject_fault(fault.clone());
        let error = link(&fixture, &issued.credentials, Some(900))
            .await?
            .err()
            .context("no link")?;
        assert_eq!(
            matches!(error, ConsoleSignInError::Refused { status: 400 }),
            refused,
            "{fault:?}: {error:?}"
        );
        assert_eq!(durations_asked(&fixture)?.len(), tries, "{fault:?}");
        let text = format!("{error:?} {error}");
        for secret in [
            &issued.credentials.secret_access_key,
            &issued.credentials.session_token,
        ] {
            assert!(!text.contains(secret.expose()), "{text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn unknown_credentials_are_refused() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let mut credentials = fixture.issued().await?.credentials;
    credentials.access_key_id = "ASIAUNKNOWNUNKNOWN00".to_owned();
    let answer = link(&fixture, &credentials, None).await?;
    assert!(
        matches!(answer, Err(ConsoleSignInError::Refused { status: 400 })),
        "{answer:?}"
    );
    assert_eq!(durations_asked(&fixture)?, [None]);
    Ok(())
}
