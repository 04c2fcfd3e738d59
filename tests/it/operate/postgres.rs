//! PostgreSQL as Debian sets it up, peer authentication through the socket included; and what is said, once, of each way in
//! which it lets nobody in.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::postgres::Postgres;
use rolecalld::audit::SqlAudit;
use rolecalld::database::{Database, DatabaseUrl, OpenDatabaseError};
use rolecalld::world::{SystemClock, SystemEntropy};

use super::until;

/// A server with these rules before its own, and the start of a URL's authority: `HOST:PORT`.
async fn server(rules: &str) -> Result<(Postgres, String)> {
    let postgres = Postgres::start().await?;
    let file = postgres.sql("SHOW hba_file")?;
    let others = fs::read_to_string(file.trim())?;
    fs::write(file.trim(), format!("{rules}\n{others}"))?;
    postgres.sql("SELECT pg_reload_conf()")?;
    until("the new rules", async || {
        let loaded = "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method IN ('peer', 'scram-sha-256', 'reject')";
        Ok((postgres.sql(loaded)? != "0").then_some(()))
    })
    .await?;
    let url = postgres.url();
    let host = url.split(['@', '/']).nth(3).context("no host")?;
    Ok((postgres, host.to_owned()))
}

/// Opens the trail as a gateway does; the error where that fails.
async fn open(url: &str) -> Result<Option<OpenDatabaseError>> {
    let url: DatabaseUrl = url.parse()?;
    match SqlAudit::open(&url, &SystemClock, &SystemEntropy).await {
        Ok(audit) => {
            audit.close().await;
            Ok(None)
        }
        Err(error) => Ok(Some(error)),
    }
}

async fn opens(url: &str) -> Result<()> {
    match open(url).await? {
        None => Ok(()),
        Some(error) => Err(error).with_context(|| url.to_owned()),
    }
}

/// What is said of a URL that does not work, and the hint.
async fn told(url: &str) -> Result<(String, &'static str)> {
    let error = open(url).await?.with_context(|| url.to_owned())?;
    let hint = error.hint();
    Ok((rolecall_core::base::text::chain(&error), hint))
}

fn user() -> Result<String> {
    let name = Command::new("id").arg("-un").output()?.stdout;
    Ok(String::from_utf8(name)?.trim().to_owned())
}

#[tokio::test]
async fn a_socket_needs_no_password_where_role_and_system_user_agree() -> Result<()> {
    let (postgres, host) = server("local app all peer").await?;
    let user = user()?;
    // As `createuser` and `createdb --owner` do it.
    postgres.sql(&format!("CREATE ROLE \"{user}\" LOGIN"))?;
    postgres.sql("CREATE ROLE other LOGIN")?;
    postgres.sql(&format!("CREATE DATABASE app OWNER \"{user}\""))?;
    let folder = postgres.sql("SHOW unix_socket_directories")?;
    let escaped = folder.trim().replace('/', "%2F");
    let port = host.rsplit(':').next().context("no port")?;

    let url = format!("postgres://{user}@{escaped}:{port}/app");
    opens(&url).await?;
    opens(&format!(
        "postgres:///app?host={}&port={port}&user={user}",
        folder.trim()
    ))
    .await?;
    Database::open(&url.parse()?).await?;

    let (said, hint) = told(&format!("postgres://other@{escaped}:{port}/app")).await?;
    ensure!(
        said == "the audit database cannot be opened: PostgreSQL says: Peer authentication failed for user \"other\"",
        "{said}"
    );
    ensure!(hint.contains("system user"), "{hint}");

    let (said, hint) = told(&format!("postgres://{user}@%2Fno%2Fsuch:{port}/app")).await?;
    ensure!(
        said == format!(
            "the audit database cannot be opened: there is no socket /no/such/.s.PGSQL.{port}"
        ),
        "{said}"
    );
    ensure!(hint.contains("unix_socket_directories"), "{hint}");
    Ok(())
}

#[tokio::test]
async fn each_refusal_is_said_once_and_with_what_to_do() -> Result<()> {
    let (mut postgres, host) =
        server("host app app all scram-sha-256\nhost none app all reject").await?;
    for statement in [
        "CREATE ROLE app LOGIN PASSWORD 'right'",
        "CREATE DATABASE app OWNER app",
        "CREATE DATABASE others",
    ] {
        postgres.sql(statement)?;
    }
    opens(&format!("postgres://app:right@{host}/app")).await?;
    let free = "postgres://app@127.0.0.1:1/app".to_owned();
    for (url, said, hint) in [
        (
            format!("postgres://app:hunter2@{host}/app"),
            "PostgreSQL says: password authentication failed for user \"app\"",
            "password",
        ),
        (
            format!("postgres://app@{host}/app"),
            "PostgreSQL says: password authentication failed for user \"app\"",
            "PGPASSFILE",
        ),
        (
            format!("postgres://nobody@{host}/others"),
            "PostgreSQL says: role \"nobody\" does not exist",
            "createuser",
        ),
        (
            format!("postgres://app@{host}/none"),
            "PostgreSQL says: pg_hba.conf rejects connection for host \"127.0.0.1\", user \"app\", database \"none\", no encryption",
            "pg_hba.conf",
        ),
        (
            format!("postgres://rolecall@{host}/nowhere"),
            "PostgreSQL says: database \"nowhere\" does not exist",
            "createdb",
        ),
        (
            format!("postgres://app@{host}/others"),
            "PostgreSQL says: permission denied for schema public",
            "OWNER",
        ),
        (
            format!("postgres://app:right@{host}/app?sslmode=require"),
            &format!("PostgreSQL at {host} does not speak TLS"),
            "ssl = on",
        ),
        (
            free,
            "no PostgreSQL accepts connections at 127.0.0.1:1",
            "listen_addresses",
        ),
    ] {
        let (told, next) = told(&url).await?;
        let rest = told.strip_prefix("the audit database cannot be opened: ");
        let rest = rest.with_context(|| told.clone())?;
        ensure!(rest == said, "{url}: {told}");
        ensure!(next.contains(hint), "{url}: {next}");
        ensure!(!told.contains("hunter2"), "{told}");
    }
    postgres.stop()?;
    let (told, _) = told(&format!("postgres://app:right@{host}/app")).await?;
    ensure!(
        told.ends_with(&format!("no PostgreSQL accepts connections at {host}")),
        "{told}"
    );
    Ok(())
}
