//! The URL of the database.

use std::path::PathBuf;
use std::str::FromStr;

use rolecall_core::base::secret::SecretText;
use sqlx::postgres::PgConnectOptions;
use url::Url;

const POSTGRES_FORM: &str = "write postgres://user@host:5432/database, with special characters as %XX, and set password = { file = \"…\" }";

/// The URL of the database, which contains the audit trail and its search index.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// `sqlite:FILE`
    Sqlite(PathBuf),
    /// `postgres://…`. The URL can contain a password.
    Postgres(SecretText),
}

/// Why a text is not a [`DatabaseUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidDatabaseUrl {
    reason: &'static str,
    hint: &'static str,
}

impl InvalidDatabaseUrl {
    /// The accepted form.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

impl DatabaseUrl {
    /// Whether the URL itself contains a password.
    pub fn holds_password(&self) -> bool {
        let Self::Postgres(text) = self else {
            return false;
        };
        let parameter = |url: &Url| url.query_pairs().any(|(name, _)| name == "password");
        Url::parse(text.expose()).is_ok_and(|url| url.password().is_some() || parameter(&url))
    }

    /// Adds the password of the key `password`.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl`], if this kind of database has no password, or the URL already contains one.
    pub fn with_password(self, password: &SecretText) -> Result<Self, InvalidDatabaseUrl> {
        let invalid = |reason, hint| Err(InvalidDatabaseUrl { reason, hint });
        if self.holds_password() {
            return invalid(
                "the database has two passwords: in the URL and in `password`",
                "remove the password from the URL",
            );
        }
        let Self::Postgres(text) = &self else {
            return invalid("`password` applies only to PostgreSQL", "remove `password`");
        };
        let Ok(mut url) = Url::parse(text.expose()) else {
            return invalid("not a URL of a PostgreSQL database", POSTGRES_FORM);
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
                "not a URL of a PostgreSQL database",
                POSTGRES_FORM,
            ))),
            Some(_) | None => Err(invalid((
                "unsupported database: the audit trail requires SQLite or PostgreSQL",
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
    fn database_urls_are_parsed() {
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
    fn password_key_is_added_to_the_url() {
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
    fn debug_output_hides_the_password() {
        let url: DatabaseUrl = "postgres://u:hunter2@h/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
