//! Errors when connecting to PostgreSQL, with hints.

use std::io::ErrorKind;
use std::str::FromStr as _;

use rolecall_core::base::secret::SecretText;
use rolecall_core::base::text;
use sqlx::any::AnyPoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyPool, Connection as _, PgConnection};
use tokio::time::timeout;

const PASSWORD: &str = "check `password` in [database], or the file named by PGPASSFILE. To set the password of the role, run as the user postgres: \
     `psql -c '\\password ROLE'`";
const PEER: &str = "on a Unix socket, PostgreSQL requires that the role equals the system user of this process: run it as that user, or set the role in \
     database.url (postgres://ROLE@…)";
const NO_ROLE: &str = "create the role; as the user postgres, run `createuser ROLE`; see \"PostgreSQL\" in docs/operations.md";
const NO_ENTRY: &str = "add a line for this role, database and address to pg_hba.conf and reload the server; if the message contains \"no encryption\", the server \
     may require TLS: add `?sslmode=verify-full`";
const NO_DATABASE: &str = "create the database; as the user postgres, run `createdb --owner=ROLE NAME`; see \"PostgreSQL\" in docs/operations.md";
const NOT_OWNER: &str = "the role must own the database; as the user postgres, run `psql -c 'ALTER DATABASE NAME OWNER TO ROLE'`";
const BUSY: &str = "each replica uses up to four connections: close other connections, or increase max_connections";
const STARTING: &str = "wait until the server accepts connections, then restart";
const NO_SOCKET: &str = "check that the server is running, and the folder of its sockets (`SHOW unix_socket_directories`; on Debian /var/run/postgresql): \
     postgres://ROLE@%2Fvar%2Frun%2Fpostgresql/NAME";
const SOCKET_DENIED: &str = "the user of this process has no permission to use the socket: check the permissions of its folder";
const NOT_LISTENING: &str = "check that the server is running, and host and port in database.url (`SHOW listen_addresses`, `SHOW port`)";
const NO_HOST: &str = "check the host in database.url, and name resolution on this host";
const NO_TLS: &str =
    "set `ssl = on` on the server; on the same host, use its Unix socket or `?sslmode=disable`";
const TLS: &str = "set `sslrootcert` to the CA of the server certificate, and check that the certificate contains the host in database.url";
const SILENT: &str =
    "check host and port in database.url, and that no firewall drops the connection";
const OTHER: &str = "check database.url and the log of the server";

/// A PostgreSQL error with a hint. It has no source: its text is complete.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PostgresError {
    message: String,
    hint: &'static str,
}

impl PostgresError {
    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        self.hint
    }

    /// Converts an error that occurred while connecting to the server of this URL.
    fn while_connecting(error: &sqlx::Error, url: &str) -> Self {
        if let Some(fault) = Self::access_error(error) {
            return fault;
        }
        let address = address(url);
        // The enum of sqlx is non-exhaustive.
        let (message, hint) = if let sqlx::Error::Io(io) = error {
            io_error(io, &address)
        } else if let sqlx::Error::Tls(tls) = error {
            match text::chain(tls.as_ref()) {
                message if message.contains("does not support TLS") => (
                    format!("PostgreSQL at {address} does not support TLS"),
                    NO_TLS,
                ),
                message => (
                    format!("TLS connection to {address} failed: {message}"),
                    TLS,
                ),
            }
        } else if let sqlx::Error::PoolTimedOut = error {
            (format!("{address} does not respond"), SILENT)
        } else {
            (format!("{address}: {}", text::chain(error)), OTHER)
        };
        Self { message, hint }
    }

    /// Converts an error that the server sent about authentication or authorization; `None` for any other error.
    pub(super) fn access_error(error: &sqlx::Error) -> Option<Self> {
        let error = error.as_database_error()?;
        let message = error.message();
        let hint = match &*error.code()? {
            "28P01" => PASSWORD,
            "28000" if message.contains("pg_hba.conf") => NO_ENTRY,
            "28000" if message.contains("does not exist") => NO_ROLE,
            "28000" => PEER,
            "3D000" => NO_DATABASE,
            "42501" => NOT_OWNER,
            "53300" => BUSY,
            "57P03" => STARTING,
            _ => return None,
        };
        let message = format!("PostgreSQL returned: {message}");
        Some(Self { message, hint })
    }
}

fn io_error(io: &std::io::Error, address: &str) -> (String, &'static str) {
    let kind = io.kind();
    if kind == ErrorKind::NotFound {
        (format!("the socket {address} does not exist"), NO_SOCKET)
    } else if kind == ErrorKind::PermissionDenied {
        (
            format!("no permission to use the socket {address}"),
            SOCKET_DENIED,
        )
    } else if kind == ErrorKind::ConnectionRefused {
        (
            format!("no server accepts connections at {address}"),
            NOT_LISTENING,
        )
    } else if kind == ErrorKind::TimedOut {
        (format!("{address} does not respond"), SILENT)
    } else if io.to_string().contains("lookup") {
        (
            format!("cannot resolve the host of {address}: {io}"),
            NO_HOST,
        )
    } else {
        (format!("{address}: {io}"), OTHER)
    }
}

/// Opens a pool, which retries while the server starts. After a timeout, one more attempt determines the cause.
pub(super) async fn connect(
    options: AnyPoolOptions,
    url: &SecretText,
) -> Result<AnyPool, PostgresError> {
    let (url, patience) = (url.expose(), options.get_acquire_timeout());
    let error = match options.connect(url).await {
        Ok(pool) => return Ok(pool),
        Err(sqlx::Error::PoolTimedOut) => {
            match timeout(patience, PgConnection::connect(url)).await {
                Ok(Err(error)) => error,
                // The attempt succeeded too late, or timed out.
                Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut,
            }
        }
        Err(error) => error,
    };
    Err(PostgresError::while_connecting(&error, url))
}

/// The address in the URL, without user and password.
fn address(url: &str) -> String {
    let Ok(options) = PgConnectOptions::from_str(url) else {
        return "database.url".to_owned();
    };
    let port = options.get_port();
    let host = options.get_host();
    match options.get_socket() {
        Some(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
        None if host.starts_with('/') => format!("{host}/.s.PGSQL.{port}"),
        None => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_host_is_named() {
        let error = std::io::Error::other(
            "failed to lookup address information: Name or service not known",
        );
        let fault =
            PostgresError::while_connecting(&sqlx::Error::Io(error), "postgres://app@nowhere/app");
        assert_eq!(
            fault.to_string(),
            "cannot resolve the host of nowhere:5432: failed to lookup address information: Name or service not known"
        );
        assert_eq!(fault.hint(), NO_HOST);
    }

    #[test]
    fn address_is_socket_or_host_without_credentials() {
        for (url, message) in [
            (
                "postgres://app:hunter2@db.example:6432/app",
                "db.example:6432",
            ),
            (
                "postgres://app@%2Fvar%2Frun%2Fpostgresql/app?password=hunter2",
                "/var/run/postgresql/.s.PGSQL.5432",
            ),
            (
                "postgres:///app?host=/run/pg&port=5433&user=app",
                "/run/pg/.s.PGSQL.5433",
            ),
        ] {
            assert_eq!(address(url), message, "{url}");
        }
    }
}
