//! Passwords of Redis and PostgreSQL in a separate key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::base::secret::SecretText;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::postgres::Postgres;
use rolecall_testkit::redis::Redis;
use rolecalld::audit::SqlAudit;
use rolecalld::database::DatabaseUrl;
use rolecalld::world::{SystemClock, SystemEntropy};
use tempfile::TempDir;

use super::{sign_in, stack_with, until};

/// Contains characters that a URL would have to escape.
const PASSWORD: &str = "p@ss/w%rd &+#é";

#[tokio::test]
async fn redis_uses_the_password_key() -> Result<()> {
    let redis = Redis::single().await?;
    let password = format!(">{PASSWORD}");
    redis.cli(&[
        "ACL", "SETUSER", "app", "on", &password, "~*", "&*", "+@all",
    ])?;
    let folder = TempDir::new()?;
    let file = folder.path().join("redis.password");
    fs::write(&file, format!("{PASSWORD}\n"))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    // The closing quote of the URL, then the password key.
    let url = redis.url().replace("redis://", "redis://app@");
    let store = format!("{url}\"\npassword = {{ file = {file:?} }} #");
    let stack = stack_with(&store).await?;
    sign_in(stack.url(), &mut Browser::new()?, "alice").await?;
    Ok(())
}

#[tokio::test]
async fn postgresql_uses_the_password_key() -> Result<()> {
    let postgres = Postgres::start().await?;
    postgres.sql(&format!(
        "CREATE ROLE app LOGIN NOSUPERUSER PASSWORD '{PASSWORD}'"
    ))?;
    postgres.sql("CREATE DATABASE app OWNER app")?;
    let rules = postgres.sql("SHOW hba_file")?;
    let rules = rules.trim();
    let others = fs::read_to_string(rules)?;
    fs::write(rules, format!("host app app all scram-sha-256\n{others}"))?;
    postgres.sql("SELECT pg_reload_conf()")?;
    let server = postgres.url();
    let (_, host) = server.split_once('@').context("a user")?;
    let host = host.split('/').next().context("a host")?;
    let url: DatabaseUrl = format!("postgres://app@{host}/app").parse()?;
    let open = async |password: &str| {
        let url = url.clone().with_password(&SecretText::new(password))?;
        SqlAudit::open(&url, &SystemClock, &SystemEntropy)
            .await?
            .close()
            .await;
        anyhow::Ok(())
    };
    until("the new rule", async || {
        Ok(open("hunter2").await.is_err().then_some(()))
    })
    .await?;
    let error = open("hunter2")
        .await
        .err()
        .context("any password is accepted")?;
    ensure!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    open(PASSWORD).await
}
