//! Discovery document and keys: cached, refreshed on key rotation, kept during outages, never replaced by invalid ones.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Result, ensure};
use rolecall_core::identity::Identity;
use rolecall_core::sign_in::{
    AuthnRequirements, IdentityProvider as _, ProviderError, RejectReason,
};
use rolecall_testkit::oidc::{EndpointFault, Fault};

use super::{Ended, Fixture, new_state};

const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn documents_are_cached_across_sign_ins() -> Result<()> {
    let mut fixture = Fixture::new()?;
    for username in ["alice", "bob", "carol"] {
        fixture.sign_in(username).await?;
    }
    ensure!(fixture.upstream.hits(DISCOVERY) == 1);
    ensure!(fixture.upstream.hits("/jwks") == 1);
    Ok(())
}

#[tokio::test]
async fn concurrent_first_sign_ins_share_a_fetch() -> Result<()> {
    let fixture = Fixture::new()?;
    let mut begins: Vec<_> = (0..100)
        .map(|_| {
            Box::pin(async {
                let state = new_state();
                fixture
                    .adapter
                    .begin(&state, &AuthnRequirements::default())
                    .await
            })
        })
        .collect();
    let mut begun = 0;
    poll_fn(|context| {
        begins.retain_mut(|begin| match begin.as_mut().poll(context) {
            Poll::Ready(done) => {
                begun += usize::from(done.is_ok());
                false
            }
            Poll::Pending => true,
        });
        if begins.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    ensure!(begun == 100);
    ensure!(fixture.upstream.hits(DISCOVERY) == 1);
    Ok(())
}

#[tokio::test]
async fn rotated_keys_are_fetched_once() -> Result<()> {
    let mut fixture = Fixture::new()?;
    fixture.sign_in("alice").await?;
    let returned = fixture
        .visit_provider("bob", &AuthnRequirements::default())
        .await?;
    fixture.upstream.rotate_keys()?;
    fixture.complete(returned).await?;
    ensure!(fixture.upstream.hits("/jwks") == 2);
    fixture.sign_in("carol").await?;
    ensure!(fixture.upstream.hits("/jwks") == 2);
    Ok(())
}

#[tokio::test]
async fn cached_keys_are_used_for_a_day_during_an_outage() -> Result<()> {
    let mut fixture = Fixture::new()?;
    fixture.sign_in("alice").await?;
    fixture
        .upstream
        .inject_fault(Fault::Jwks(EndpointFault::ServerError));
    fixture
        .upstream
        .inject_fault(Fault::Discovery(EndpointFault::Html));
    fixture.clock.advance(Duration::from_secs(3 * 3600));
    fixture.sign_in("alice").await?;
    ensure!(fixture.upstream.hits("/jwks") == 2);
    fixture.clock.advance(Duration::from_secs(22 * 3600));
    ensure!(unavailable(&fixture.sign_in("alice").await));
    fixture.upstream.clear_faults();
    fixture.sign_in("alice").await?;
    Ok(())
}

#[tokio::test]
async fn empty_key_set_is_not_adopted() -> Result<()> {
    let mut fixture = Fixture::new()?;
    fixture.sign_in("alice").await?;
    fixture.upstream.inject_fault(Fault::JwksEmpty);
    fixture.clock.advance(Duration::from_secs(2 * 3600));
    fixture.sign_in("alice").await?;
    Ok(())
}

#[tokio::test]
async fn unknown_key_during_an_outage_is_unavailable() -> Result<()> {
    let mut fixture = Fixture::new()?;
    fixture.sign_in("alice").await?;
    fixture
        .upstream
        .inject_fault(Fault::Jwks(EndpointFault::ServerError));
    fixture.upstream.rotate_keys()?;
    for _ in 0..2 {
        ensure!(unavailable(&fixture.sign_in("alice").await));
    }
    ensure!(fixture.upstream.hits("/jwks") == 2);
    Ok(())
}

#[tokio::test]
async fn unknown_keys_cause_at_most_two_requests() -> Result<()> {
    let mut fixture = Fixture::new()?;
    fixture.upstream.inject_fault(Fault::UnknownKid);
    for _ in 0..1_000 {
        let ended = fixture.sign_in("alice").await;
        ensure!(matches!(
            ended,
            Err(Ended::ByTheAdapter(ProviderError::Rejected {
                reason: RejectReason::Signature,
                ..
            }))
        ));
    }
    ensure!(fixture.upstream.hits("/jwks") == 2);
    fixture.upstream.clear_faults();
    fixture.sign_in("alice").await?;
    ensure!(fixture.upstream.hits("/jwks") == 2);
    Ok(())
}

#[tokio::test]
async fn outage_of_one_provider_does_not_affect_another() -> Result<()> {
    let (mut down, mut up) = (Fixture::new()?, Fixture::new()?);
    down.upstream
        .inject_fault(Fault::Discovery(EndpointFault::DropConnection));
    ensure!(unavailable(&down.sign_in("alice").await));
    up.sign_in("alice").await?;
    Ok(())
}

fn unavailable(ended: &Result<Identity, Ended>) -> bool {
    matches!(
        ended,
        Err(Ended::ByTheAdapter(ProviderError::Unavailable(_)))
    )
}
