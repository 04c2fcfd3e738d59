//! Finds people in the trail by their sign-ins.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use rolecall_core::identity::{EmailAddress, ProviderId, Subject};

use crate::database::{Database, sortable};

/// People that are listed at most.
const PEOPLE_MAX: i64 = 100;

/// A person who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPerson {
    /// The identity provider.
    pub provider: ProviderId,
    /// The subject at the provider.
    pub subject: Subject,
    /// The time of the last sign-in, UTC, RFC 3339.
    pub last_signed_in: String,
}

/// The people who signed in with this verified address since a time, the latest first. Reads the whole trail.
///
/// # Errors
/// If the database fails.
pub async fn people_with_email(
    trail: &Database,
    email: &EmailAddress,
    since: DateTime<Utc>,
) -> Result<Vec<KnownPerson>, sqlx::Error> {
    let query = "SELECT provider, subject, MAX(at) AS last FROM audit_events \
                 WHERE event = 'signed_in' AND email = $1 AND at >= $2 \
                 GROUP BY provider, subject ORDER BY last DESC, provider, subject LIMIT $3";
    let rows = sqlx::query(query)
        .bind(email.to_string())
        .bind(sortable(since))
        .bind(PEOPLE_MAX)
        .fetch_all(&trail.pool)
        .await?;
    // A row without a person was not written by a gateway; `audit verify` reports it.
    let people = rows.iter().filter_map(|row| {
        let text = |column: &str| row.try_get::<String, _>(column).ok();
        Some(KnownPerson {
            provider: ProviderId::parse(&text("provider")?).ok()?,
            subject: Subject::parse(&text("subject")?).ok()?,
            last_signed_in: text("last")?,
        })
    });
    Ok(people.collect())
}

/// Whether this person has signed in since a time. Reads the trail until it finds a sign-in.
///
/// # Errors
/// If the database fails.
pub async fn has_signed_in(
    trail: &Database,
    provider: &ProviderId,
    subject: &Subject,
    since: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let query = "SELECT at FROM audit_events \
                 WHERE provider = $1 AND subject = $2 AND event = 'signed_in' AND at >= $3 LIMIT 1";
    let found = sqlx::query(query)
        .bind(provider.as_str().to_owned())
        .bind(subject.as_str().to_owned())
        .bind(sortable(since))
        .fetch_optional(&trail.pool)
        .await?;
    Ok(found.is_some())
}
