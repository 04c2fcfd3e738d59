//! Redis deployments and PostgreSQL: start, suspend, restart, failover and stop.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use rolecall_testkit::postgres::Postgres;
use rolecall_testkit::redis::Redis;

#[tokio::test]
async fn dump_contains_stored_data() -> Result<()> {
    for redis in [
        Redis::single().await?,
        Redis::unix_socket().await?,
        Redis::tls().await?,
    ] {
        let secret = "a secret ".repeat(100);
        assert_eq!(redis.cli(&["set", "k", &secret])?, "OK");
        redis.cli(&["-n", "3", "hset", "h", "field", "plain"])?;
        let dump = redis.dump()?;
        assert_eq!(dump.len(), 2, "{}", redis.url());
        let holds = |text: &str| {
            dump.iter().any(|(_, value)| {
                value
                    .windows(text.len())
                    .any(|bytes| bytes == text.as_bytes())
            })
        };
        assert!(holds(&secret) && holds("plain") && !holds("other"));
    }
    Ok(())
}

#[tokio::test]
async fn redis_suspends_and_restarts_empty() -> Result<()> {
    let mut redis = Redis::single().await?;
    let url = redis.url();
    let ping = || -> Result<String> {
        let mut connection = redis::Client::open(url.as_str())?
            .get_connection_with_timeout(Duration::from_millis(200))?;
        connection.set_read_timeout(Some(Duration::from_millis(200)))?;
        Ok(redis::cmd("PING").query(&mut connection)?)
    };
    redis.cli(&["set", "k", "v"])?;
    assert_eq!(ping()?, "PONG");
    redis.pause()?;
    assert!(ping().is_err());
    redis.resume()?;
    assert_eq!(ping()?, "PONG");
    redis.stop()?;
    assert!(ping().is_err());
    redis.restart()?;
    assert_eq!(ping()?, "PONG");
    assert_eq!(redis.dump()?, []);
    Ok(())
}

#[tokio::test]
async fn cluster_distributes_and_moves_keys() -> Result<()> {
    let cluster = Redis::cluster3().await?;
    for n in 0..30 {
        cluster.cli(0, &["-c", "set", &format!("key-{n}"), "v"])?;
    }
    assert_eq!(cluster.dump()?.len(), 30);
    let on_first = cluster.cli(0, &["dbsize"])?;
    cluster.move_slots(0, 1, 5461)?;
    assert_ne!(on_first, "0");
    assert_eq!(cluster.cli(0, &["dbsize"])?, "0");
    assert_eq!(cluster.dump()?.len(), 30);
    Ok(())
}

#[tokio::test]
async fn sentinel_fails_over_when_master_dies() -> Result<()> {
    let sentinel = Redis::sentinel().await?;
    let before = sentinel.master_port()?;
    let sentinel = sentinel.failover().await?;
    assert_ne!(sentinel.master_port()?, before);
    assert!(TcpStream::connect(("127.0.0.1", before)).is_err());
    Ok(())
}

#[tokio::test]
async fn postgres_starts_and_stops() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    postgres.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)")?;
    assert_eq!(
        postgres.sql("SELECT sum(n), current_user FROM t")?,
        "3|rolecall"
    );
    assert!(postgres.sql("SELECT nonsense").is_err());
    let url = postgres.url();
    let port: u16 = url.rsplit(['/', ':']).nth(1).context("a port")?.parse()?;
    TcpStream::connect(("127.0.0.1", port))?;
    postgres.stop()?;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    Ok(())
}
