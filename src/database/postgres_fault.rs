//! Why PostgreSQL cannot be reached or lets the gateway in no further, told once, and what to do about it.

use std::io::ErrorKind;
use std::str::FromStr as _;

use rolecall_core::base::secret::SecretText;
use rolecall_core::base::text;
use sqlx::any::AnyPoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyPool, Connection as _, PgConnection};
use tokio::time::timeout;

const PASSWORD: &str = "compare `password` in [database], or the file that PGPASSFILE names, with the role's own: as the user postgres, \
     `psql -c '\\password ROLE'` sets it";
const PEER: &str = "through a socket, PostgreSQL compares the system user of this process with the role: run it as that user, or set the role in \
     database.url (postgres://ROLE@…)";
const NO_ROLE: &str =
    "make it, as the user postgres: `createuser ROLE`; docs/operations.md, PostgreSQL";
const NO_ENTRY: &str = "add a line for this role, database and address to pg_hba.conf and reload the server; where it says \"no encryption\", the server \
     may take TLS only: `?sslmode=verify-full`";
const NO_DATABASE: &str =
    "make it, as the user postgres: `createdb --owner=ROLE NAME`; docs/operations.md, PostgreSQL";
const NOT_OWNER: &str = "the role must own its database: as the user postgres, `psql -c 'ALTER DATABASE NAME OWNER TO ROLE'`";
const BUSY: &str =
    "each replica takes up to four connections: end others, or raise max_connections";
const STARTING: &str = "wait until the server accepts connections, then start again";
const NO_SOCKET: &str = "check that the server runs and where its sockets are (`SHOW unix_socket_directories`; on Debian /var/run/postgresql): \
     postgres://ROLE@%2Fvar%2Frun%2Fpostgresql/NAME";
const SOCKET_DENIED: &str =
    "the user of this process may not use that socket: compare the modes of its directory";
const NOT_LISTENING: &str = "check that the server runs, and host and port in database.url (`SHOW listen_addresses`, `SHOW port`)";
const NO_HOST: &str = "check the host in database.url, and that this machine can resolve names";
const NO_TLS: &str =
    "set `ssl = on` at the server; on the same machine, use its socket or `?sslmode=disable`";
const TLS: &str = "`sslrootcert` must name the authority that signed the server's certificate, and the certificate must name the host in database.url";
const SILENT: &str =
    "check host and port in database.url, and that no firewall drops the connection";
const OTHER: &str = "check database.url, and the server's log";

/// See the module. It has no source: all there is to say is in its text.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub struct PostgresFault {
    said: String,
    hint: &'static str,
}

impl PostgresFault {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        self.hint
    }

    /// Of an error while connecting to the server of this URL.
    fn connecting(error: &sqlx::Error, url: &str) -> Self {
        if let Some(fault) = Self::refused(error) {
            return fault;
        }
        let place = place(url);
        // The foreign enum is open.
        let (said, hint) = if let sqlx::Error::Io(io) = error {
            of_io(io, &place)
        } else if let sqlx::Error::Tls(tls) = error {
            match text::chain(tls.as_ref()) {
                said if said.contains("does not support TLS") => {
                    (format!("PostgreSQL at {place} does not speak TLS"), NO_TLS)
                }
                said => (format!("no TLS with {place}: {said}"), TLS),
            }
        } else if let sqlx::Error::PoolTimedOut = error {
            (format!("{place} does not answer"), SILENT)
        } else {
            (format!("{place}: {}", text::chain(error)), OTHER)
        };
        Self { said, hint }
    }

    /// Of an error that the server has sent; none of any other, or of one that says nothing of who may do what.
    pub(super) fn refused(error: &sqlx::Error) -> Option<Self> {
        let error = error.as_database_error()?;
        let said = error.message();
        let hint = match &*error.code()? {
            "28P01" => PASSWORD,
            "28000" if said.contains("pg_hba.conf") => NO_ENTRY,
            "28000" if said.contains("does not exist") => NO_ROLE,
            "28000" => PEER,
            "3D000" => NO_DATABASE,
            "42501" => NOT_OWNER,
            "53300" => BUSY,
            "57P03" => STARTING,
            _ => return None,
        };
        let said = format!("PostgreSQL says: {said}");
        Some(Self { said, hint })
    }
}

fn of_io(io: &std::io::Error, place: &str) -> (String, &'static str) {
    let kind = io.kind();
    if kind == ErrorKind::NotFound {
        (format!("there is no socket {place}"), NO_SOCKET)
    } else if kind == ErrorKind::PermissionDenied {
        (format!("the socket {place} may not be used"), SOCKET_DENIED)
    } else if kind == ErrorKind::ConnectionRefused {
        (
            format!("no PostgreSQL accepts connections at {place}"),
            NOT_LISTENING,
        )
    } else if kind == ErrorKind::TimedOut {
        (format!("{place} does not answer"), SILENT)
    } else if io.to_string().contains("lookup") {
        (format!("the host of {place} is unknown: {io}"), NO_HOST)
    } else {
        (format!("{place}: {io}"), OTHER)
    }
}

/// Opens a pool. It tries again while a server starts, and then says only that time is up: one more attempt says why.
pub(super) async fn connect(
    options: AnyPoolOptions,
    url: &SecretText,
) -> Result<AnyPool, PostgresFault> {
    let (url, patience) = (url.expose(), options.get_acquire_timeout());
    let error = match options.connect(url).await {
        Ok(pool) => return Ok(pool),
        Err(sqlx::Error::PoolTimedOut) => {
            match timeout(patience, PgConnection::connect(url)).await {
                Ok(Err(error)) => error,
                // It has come too late, or not at all.
                Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut,
            }
        }
        Err(error) => error,
    };
    Err(PostgresFault::connecting(&error, url))
}

/// Where the URL leads, without user and password.
fn place(url: &str) -> String {
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
    fn a_host_that_is_unknown_is_named() {
        let error = std::io::Error::other(
            "failed to lookup address information: Name or service not known",
        );
        let fault =
            PostgresFault::connecting(&sqlx::Error::Io(error), "postgres://app@nowhere/app");
        assert_eq!(
            fault.to_string(),
            "the host of nowhere:5432 is unknown: failed to lookup address information: Name or service not known"
        );
        assert_eq!(fault.hint(), NO_HOST);
    }

    #[test]
    fn a_place_is_a_socket_or_a_host_and_never_a_secret() {
        for (url, said) in [
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
            assert_eq!(place(url), said, "{url}");
        }
    }
}
