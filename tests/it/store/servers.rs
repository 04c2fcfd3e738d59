//! Redis in all topologies: conformance, and expiry of all keys.

use anyhow::{Result, ensure};
use rolecall_testkit::redis::Redis;

use super::conformance::{StoreFixture, conformance};
use super::*;

async fn conforms(url: &str) -> Result<()> {
    conformance(async || Ok(StoreFixture::real_time(patient_store_at(url).await?))).await
}

#[tokio::test]
async fn single_server_conforms() -> Result<()> {
    conforms(&Redis::single().await?.url()).await
}

#[tokio::test]
async fn unix_socket_conforms() -> Result<()> {
    conforms(&Redis::unix_socket().await?.url()).await
}

#[tokio::test]
async fn tls_conforms_and_requires_the_ca() -> Result<()> {
    let redis = Redis::tls().await?;
    let authority = redis.authority_file();
    conforms(&format!("{}?ca={}", redis.url(), authority.display())).await?;
    let stranger = store_at(&redis.url()).await?;
    ensure!(is_unavailable(&stranger.get(key("a")).await));
    Ok(())
}

#[tokio::test]
async fn cluster_conforms_and_follows_moved_slots() -> Result<()> {
    let cluster = Redis::cluster3().await?;
    conforms(&cluster.url()).await?;
    let store = patient_store_at(&cluster.url()).await?;
    for n in 0..60 {
        store
            .insert(key(&n.to_string()), vec![n], in_a_minute())
            .await?;
    }
    cluster.move_slots(0, 1, 2_000)?;
    for n in 0..60 {
        ensure!(
            store.take(key(&n.to_string())).await? == Some(vec![n]),
            "record {n}"
        );
        ensure!(
            store.take(key(&n.to_string())).await?.is_none(),
            "record {n}, again"
        );
    }
    Ok(())
}

#[tokio::test]
async fn sentinel_conforms_and_follows_failover() -> Result<()> {
    let sentinel = Redis::sentinel().await?;
    conforms(&sentinel.url()).await?;
    let store = store_at(&sentinel.url()).await?;
    store
        .insert(key("session"), b"one".to_vec(), in_a_minute())
        .await?;
    ensure!(store.get(key("session")).await?.is_some());
    let _sentinel = sentinel.failover().await?;
    let recovered = system_clock().now() + TimeDelta::seconds(5);
    while store.ready().await.is_err() {
        ensure!(
            system_clock().now() < recovered,
            "the client did not find the new master"
        );
    }
    let (value, version) = store.get(key("session")).await?.context("absent")?;
    ensure!(value == b"one");
    store
        .replace(key("session"), version, b"two".to_vec(), in_a_minute())
        .await?;
    ensure!(store.take(key("session")).await?.as_deref() == Some(b"two".as_slice()));
    Ok(())
}

#[tokio::test]
async fn every_key_has_the_prefix_and_expires() -> Result<()> {
    let redis = Redis::single().await?;
    let settings = StoreSettings {
        url: redis.url().parse()?,
        prefix: "rolecall:".to_owned(),
        operation_max: PATIENT,
    };
    let store = open(&settings, system_clock()).await?;
    store.ready().await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    store
        .insert(key("b"), b"one".to_vec(), in_a_minute())
        .await?;
    let (_, version) = store.get(key("b")).await?.context("absent")?;
    store
        .replace(key("b"), version, b"two".to_vec(), in_a_minute())
        .await?;
    let keys = redis.cli(&["--scan"])?;
    ensure!(keys.lines().count() == 2, "{keys}");
    for name in keys.lines() {
        ensure!(name.starts_with("rolecall:test:"), "{name}");
        let life: i64 = redis.cli(&["PTTL", name])?.trim().parse()?;
        ensure!((1..=60_000).contains(&life), "{name}: {life} ms");
    }
    Ok(())
}
