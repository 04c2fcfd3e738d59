//! Retries, fallback Regions, and behavior during outages.

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

/// STS with separate endpoints per Region: `eu-west-1` is called first, `eu-central-1` is the fallback.
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
async fn transient_errors_are_retried() -> Result<()> {
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
async fn persistent_errors_end_after_three_attempts() -> Result<()> {
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
        // Both Regions have the same endpoint, which is not called twice.
        assert_eq!(fixture.aws.requests().len(), 3, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn outage_switches_to_the_fallback_region() -> Result<()> {
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
    // If the fallback fails as well, the first Region is called again.
    fixture.aws.clear_faults();
    central.inject_fault(Fault::DropConnection { times: 99 });
    assert_eq!(
        sts.assume(&fixture.request().await?).await?.region,
        "eu-west-1"
    );
    Ok(())
}

#[tokio::test]
async fn refusal_is_not_retried() -> Result<()> {
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
async fn region_of_the_account_is_called_first() -> Result<()> {
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

/// STS may have issued credentials for a request that was sent completely.
#[tokio::test]
async fn attempts_without_response_are_counted() -> Result<()> {
    for (fault, lost) in [
        (Fault::DropConnection { times: 2 }, 2),
        (Fault::Throttle { times: 2 }, 0),
        // It has no error code, so it can be that of a proxy that received no response from STS.
        (Fault::ServerError { times: 2 }, 2),
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
        matches!(answer, Err(StsError::Unanswered { attempts: 3, .. })),
        "{answer:?}"
    );
    Ok(())
}

/// Callers do not queue for an unresponsive STS, and its recovery is detected.
#[tokio::test]
async fn unresponsive_sts_is_not_called_for_a_while() -> Result<()> {
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
            "its recovery is not detected"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// A Region that accepts connections without responding leaves time for the fallback.
#[tokio::test]
async fn unresponsive_region_leaves_time_for_the_next() -> Result<()> {
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

/// A proxy that rejects requests: this does not count as an outage of the Region.
#[tokio::test]
async fn rejected_request_does_not_affect_the_region() -> Result<()> {
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
        assert_eq!(
            asked.load(Ordering::Relaxed),
            calls,
            "the Region is not called"
        );
    }
    Ok(())
}

#[tokio::test]
async fn refused_connections_fail_quickly() -> Result<()> {
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
