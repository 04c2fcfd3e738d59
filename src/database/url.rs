//! Where the database is.

use std::path::PathBuf;
use std::str::FromStr;

use rolecall_core::base::secret::SecretText;
use sqlx::postgres::PgConnectOptions;
use url::Url;

const POSTGRES_FORM: &str = "write postgres://user@host:5432/database, special characters as %XX, and password = { file = \"…\" } beside it";

/// Where the database is: the audit trail, and its search index.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// `sqlite:FILE`
    Sqlite(PathBuf),
    /// `postgres://…`, which may hold a password.
    Postgres(SecretText),
}

/// Why a text is no [`DatabaseUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidDatabaseUrl {
    reason: &'static str,
    hint: &'static str,
}

impl InvalidDatabaseUrl {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

impl DatabaseUrl {
    /// Whether the URL's own text holds a password.
    pub fn holds_password(&self) -> bool {
        let Self::Postgres(text) = self else {
            return false;
        };
        let parameter = |url: &Url| url.query_pairs().any(|(name, _)| name == "password");
        Url::parse(text.expose()).is_ok_and(|url| url.password().is_some() || parameter(&url))
    }

    /// With the password that stands beside the URL.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl`] when there is no use for one, or the URL holds one already.
    pub fn with_password(self, password: &SecretText) -> Result<Self, InvalidDatabaseUrl> {
        let invalid = |reason, hint| Err(InvalidDatabaseUrl { reason, hint });
        if self.holds_password() {
            return invalid(
                "the password stands in the database's URL and beside it",
                "take it out of the URL",
            );
        }
        let Self::Postgres(text) = &self else {
            return invalid("only PostgreSQL takes a password", "leave `password` out");
        };
        let Ok(mut url) = Url::parse(text.expose()) else {
            return invalid("this is no URL of a PostgreSQL database", POSTGRES_FORM);
        };
        url.query_pairs_mut()
            .append_pair("password", password.expose());
        Ok(Self::Postgres(SecretText::new(url)))
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let invalid = |(reason, hint)| InvalidDatabaseUrl { reason, hint };
        match text.split_once(':') {
            Some(("sqlite", rest)) => crate::file::parse_sqlite(rest)
                .map(Self::Sqlite)
                .map_err(invalid),
            Some(("postgres" | "postgresql", _)) if PgConnectOptions::from_str(text).is_ok() => {
                Ok(Self::Postgres(SecretText::new(text)))
            }
            Some(("postgres" | "postgresql", _)) => Err(invalid((
                "this is no URL of a PostgreSQL database",
                POSTGRES_FORM,
            ))),
            Some(_) | None => Err(invalid((
                "the trail is kept in SQLite or PostgreSQL",
                "write sqlite:FILE or postgres://user@host/database",
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn databases_are_named_by_url() {
        assert!(
            matches!("sqlite:a b.db".parse(), Ok(DatabaseUrl::Sqlite(p)) if p == Path::new("a b.db"))
        );
        assert!(matches!(
            "postgres://u:hunter2@h/d".parse(),
            Ok(DatabaseUrl::Postgres(_))
        ));
        for text in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://h",
            "postgres://h:x:hunter2",
            "redis://h",
        ] {
            let error = text.parse::<DatabaseUrl>().expect_err(text);
            assert!(!error.hint().is_empty());
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_password_may_stand_beside_the_url() {
        let password = SecretText::new("hunter2 &%+é");
        for text in [
            "postgres://u@h/d",
            "postgres://u@h/d?sslmode=require",
            "postgres:///d?host=/run/postgresql&user=u",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert!(!url.holds_password());
            let url = url.with_password(&password).unwrap();
            assert!(url.holds_password() && !format!("{url:?}").contains("hunter2"));
            let DatabaseUrl::Postgres(url) = url else {
                panic!("{text}");
            };
            let read = Url::parse(url.expose()).unwrap();
            let found = read.query_pairs().find(|(name, _)| name == "password");
            assert_eq!(found.unwrap().1, password.expose());
            assert!(PgConnectOptions::from_str(url.expose()).is_ok());
        }
        for text in [
            "postgres://u:x@h/d",
            "postgres://u@h/d?password=x",
            "sqlite:a",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            let error = url.with_password(&password).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let url: DatabaseUrl = "postgres://u:hunter2@h/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
