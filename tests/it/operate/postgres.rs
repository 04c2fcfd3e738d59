//! PostgreSQL with the default configuration of Debian, including peer authentication; and the error message of each
//! connection failure.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::postgres::Postgres;
use rolecalld::audit::SqlAudit;
use rolecalld::database::{Database, DatabaseUrl, OpenDatabaseError};
use rolecalld::world::{SystemClock, SystemEntropy};

use super::until;

/// A server with additional rules, and its `HOST:PORT`.
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

/// Opens the database like a gateway; returns the error if that fails.
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

/// The error message and the hint for a URL that does not work.
async fn connect_error(url: &str) -> Result<(String, &'static str)> {
    let error = open(url).await?.with_context(|| url.to_owned())?;
    let hint = error.hint();
    Ok((rolecall_core::base::text::chain(&error), hint))
}

fn user() -> Result<String> {
    let name = Command::new("id").arg("-un").output()?.stdout;
    Ok(String::from_utf8(name)?.trim().to_owned())
}

#[tokio::test]
async fn peer_authentication_works_on_the_socket() -> Result<()> {
    let (postgres, host) = server("local app all peer").await?;
    let user = user()?;
    // As with `createuser` and `createdb --owner`.
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

    let (message, hint) = connect_error(&format!("postgres://other@{escaped}:{port}/app")).await?;
    ensure!(
        message
            == "cannot open the audit database: PostgreSQL returned: Peer authentication failed for user \"other\"",
        "{message}"
    );
    ensure!(hint.contains("system user"), "{hint}");

    let (message, hint) =
        connect_error(&format!("postgres://{user}@%2Fno%2Fsuch:{port}/app")).await?;
    ensure!(
        message
            == format!(
                "cannot open the audit database: the socket /no/such/.s.PGSQL.{port} does not exist"
            ),
        "{message}"
    );
    ensure!(hint.contains("unix_socket_directories"), "{hint}");
    Ok(())
}

#[tokio::test]
async fn connection_errors_have_a_hint() -> Result<()> {
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
    for (url, expected, hint) in [
        (
            format!("postgres://app:hunter2@{host}/app"),
            "PostgreSQL returned: password authentication failed for user \"app\"",
            "password",
        ),
        (
            format!("postgres://app@{host}/app"),
            "PostgreSQL returned: password authentication failed for user \"app\"",
            "PGPASSFILE",
        ),
        (
            format!("postgres://nobody@{host}/others"),
            "PostgreSQL returned: role \"nobody\" does not exist",
            "createuser",
        ),
        (
            format!("postgres://app@{host}/none"),
            "PostgreSQL returned: pg_hba.conf rejects connection for host \"127.0.0.1\", user \"app\", database \"none\", no encryption",
            "pg_hba.conf",
        ),
        (
            format!("postgres://rolecall@{host}/nowhere"),
            "PostgreSQL returned: database \"nowhere\" does not exist",
            "createdb",
        ),
        (
            format!("postgres://app@{host}/others"),
            "PostgreSQL returned: permission denied for schema public",
            "OWNER",
        ),
        (
            format!("postgres://app:right@{host}/app?sslmode=require"),
            &format!("PostgreSQL at {host} does not support TLS"),
            "ssl = on",
        ),
        (
            free,
            "no server accepts connections at 127.0.0.1:1",
            "listen_addresses",
        ),
    ] {
        let (message, next) = connect_error(&url).await?;
        let rest = message.strip_prefix("cannot open the audit database: ");
        let rest = rest.with_context(|| message.clone())?;
        ensure!(rest == expected, "{url}: {message}");
        ensure!(next.contains(hint), "{url}: {next}");
        ensure!(!message.contains("hunter2"), "{message}");
    }
    postgres.stop()?;
    let (message, _) = connect_error(&format!("postgres://app:right@{host}/app")).await?;
    ensure!(
        message.ends_with(&format!("no server accepts connections at {host}")),
        "{message}"
    );
    Ok(())
}
