//! Retries, fallback Regions, and what an outage must not do.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use rolecall_core::aws::{Region, Sts as _, StsError, StsRefusal};
use rolecall_testkit::aws::{Aws, AwsSettings as Emulated, Fault};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, http_client};
use url::Url;

use super::fixture::{StsFixture, refusal, session, settings};

/// An STS whose Regions have endpoints of their own; `eu-west-1` is asked first, `eu-central-1` is the fallback.
fn regional(west: &str, central: &str, others: &str) -> Result<StsClient> {
    let (west, central, others) = (Url::parse(west)?, Url::parse(central)?, Url::parse(others)?);
    let endpoints = Arc::new(move |region: &Region| {
        Some(match region.as_str() {
            "eu-west-1" => west.clone(),
            "eu-central-1" => central.clone(),
            _ => others.clone(),
        })
    });
    Ok(StsClient::with_endpoints(
        settings(None)?,
        http_client(),
        endpoints,
    ))
}

fn second_aws(fixture: &StsFixture) -> Result<Aws> {
    let aws = Aws::start(Emulated {
        clock: fixture.clock.clock(),
        ..Emulated::default()
    })?;
    fixture.trust(&aws)?;
    Ok(aws)
}

#[tokio::test]
async fn passing_trouble_is_tried_again() -> Result<()> {
    for fault in [
        Fault::Throttle { times: 2 },
        Fault::ServerError { times: 2 },
        Fault::DropConnection { times: 2 },
        Fault::IdpCommunicationError { times: 2 },
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        fixture.aws.inject_fault(fault.clone());
        fixture.issued().await?;
        assert_eq!(fixture.aws.requests().len(), 3, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn lasting_trouble_ends_after_three_tries() -> Result<()> {
    for (fault, meaning) in [
        (Fault::Throttle { times: 9 }, Some(StsRefusal::Throttled)),
        (
            Fault::IdpCommunicationError { times: 9 },
            Some(StsRefusal::ProviderUnreachable),
        ),
        (Fault::ServerError { times: 9 }, None),
        (Fault::DropConnection { times: 9 }, None),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        fixture.aws.inject_fault(fault.clone());
        match (
            fixture.sts()?.assume(&fixture.request().await?).await,
            meaning,
        ) {
            (Err(StsError::Refused { refusal, .. }), Some(meaning)) => assert_eq!(refusal, meaning),
            (Err(StsError::Unavailable(source) | StsError::Unanswered { source, .. }), None) => {
                assert!(!source.to_string().contains("eyJ"), "{source}");
            }
            (other, _) => anyhow::bail!("{fault:?} ended in {other:?}"),
        }
        // Both Regions share the one endpoint: it is not asked all over again.
        assert_eq!(fixture.aws.requests().len(), 3, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_outage_goes_to_the_fallback_and_stays_there() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let central = second_aws(&fixture)?;
    let sts = regional(&fixture.aws.url(), &central.url(), "http://127.0.0.1:1")?;
    fixture.aws.inject_fault(Fault::ServerError { times: 99 });
    assert_eq!(
        sts.assume(&fixture.request().await?).await?.region,
        "eu-central-1"
    );
    assert_eq!(
        (fixture.aws.requests().len(), central.requests().len()),
        (3, 1)
    );
    assert_eq!(
        sts.assume(&fixture.request().await?).await?.region,
        "eu-central-1"
    );
    assert_eq!(
        (fixture.aws.requests().len(), central.requests().len()),
        (3, 2)
    );
    // When the fallback fails as well, the first is asked after all.
    fixture.aws.clear_faults();
    central.inject_fault(Fault::DropConnection { times: 99 });
    assert_eq!(
        sts.assume(&fixture.request().await?).await?.region,
        "eu-west-1"
    );
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_final() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let central = second_aws(&fixture)?;
    let sts = regional(&fixture.aws.url(), &central.url(), "http://127.0.0.1:1")?;
    for (fault, meaning) in [
        (Fault::AccessDenied, StsRefusal::AccessDenied),
        (Fault::RegionDisabled, StsRefusal::RegionDisabled),
        (Fault::Throttle { times: 3 }, StsRefusal::Throttled),
    ] {
        fixture.aws.clear_faults();
        fixture.aws.inject_fault(fault);
        assert_eq!(
            refusal(sts.assume(&fixture.request().await?).await)?,
            meaning
        );
    }
    assert!(central.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn the_accounts_own_region_comes_first() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let (central, virginia) = (second_aws(&fixture)?, second_aws(&fixture)?);
    let sts = regional(&fixture.aws.url(), &central.url(), &virginia.url())?;
    let mut request = fixture.request().await?;
    session(&mut request).region = Some(Region::parse("us-east-1")?);
    assert_eq!(sts.assume(&request).await?.region, "us-east-1");
    virginia.inject_fault(Fault::DropConnection { times: 99 });
    assert_eq!(sts.assume(&request).await?.region, "eu-west-1");
    session(&mut request).region = Some(Region::parse("cn-north-1")?);
    assert_eq!(sts.assume(&request).await?.region, "eu-west-1");
    Ok(())
}

/// A request that was sent whole may have been answered with credentials.
#[tokio::test]
async fn tries_whose_answer_was_lost_are_counted() -> Result<()> {
    for (fault, lost) in [
        (Fault::DropConnection { times: 2 }, 2),
        (Fault::Throttle { times: 2 }, 0),
        (Fault::ServerError { times: 2 }, 0),
    ] {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        fixture.aws.inject_fault(fault.clone());
        let issued = fixture.sts()?.assume(&fixture.request().await?).await?;
        assert_eq!(issued.unanswered, lost, "{fault:?}");
    }
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    fixture.aws.inject_fault(Fault::DropConnection { times: 9 });
    let answer = fixture.sts()?.assume(&fixture.request().await?).await;
    assert!(
        matches!(answer, Err(StsError::Unanswered { tries: 3, .. })),
        "{answer:?}"
    );
    Ok(())
}

/// Callers do not queue up before an STS that hangs, and it is found again when it is back.
#[tokio::test]
async fn an_sts_that_hangs_is_not_asked_for_a_while() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let sts = fixture.sts()?;
    let request = fixture.request().await?;
    fixture
        .aws
        .inject_fault(Fault::SlowBy(Duration::from_secs(60)));
    let (one, two, three) = tokio::join!(
        sts.assume(&request),
        sts.assume(&request),
        sts.assume(&request)
    );
    for answer in [one, two, three] {
        assert!(
            matches!(answer, Err(StsError::Unanswered { .. })),
            "{answer:?}"
        );
    }
    let asked = fixture.aws.requests().len();
    let begun = Instant::now();
    for _ in 0..20 {
        let answer = sts.assume(&request).await;
        assert!(
            matches!(answer, Err(StsError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert!(
        begun.elapsed() < Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(fixture.aws.requests().len(), asked);
    fixture.aws.clear_faults();
    let begun = Instant::now();
    while sts.assume(&request).await.is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(6),
            "it is not found again"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// A Region that takes connections and says nothing leaves the fallback its share of the eight seconds.
#[tokio::test]
async fn a_silent_region_does_not_eat_the_time_of_the_next() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sts = regional(
        &format!("http://{}", silent.local_addr()?),
        &fixture.aws.url(),
        "http://127.0.0.1:1",
    )?;
    let begun = Instant::now();
    assert_eq!(
        sts.assume(&fixture.request().await?).await?.region,
        "eu-central-1"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}

/// A proxy that turns requests away: none of them tells that the Region does not answer.
#[tokio::test]
async fn a_request_that_is_turned_away_counts_against_no_region() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = proxy.local_addr()?;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut stream = stream?;
            if stream.read(&mut [0; 64 * 1024])? == 0 {
                continue;
            }
            counter.fetch_add(1, Ordering::Relaxed);
            stream.write_all(
                b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno",
            )?;
        }
        std::io::Result::Ok(())
    });
    let sts = regional(
        &format!("http://{address}"),
        &fixture.aws.url(),
        "http://127.0.0.1:1",
    )?;
    for calls in 1..=5 {
        let issued = sts.assume(&fixture.request().await?).await?;
        assert_eq!(issued.region, "eu-central-1");
        assert_eq!(asked.load(Ordering::Relaxed), calls, "it is not asked");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_at_home_is_told_soon() -> Result<()> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let begun = Instant::now();
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let gone = format!("http://{gone}");
    let answer = regional(&gone, &gone, &gone)?
        .assume(&fixture.request().await?)
        .await;
    assert!(
        matches!(answer, Err(StsError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}
