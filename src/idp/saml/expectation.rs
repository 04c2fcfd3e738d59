//! What a response is held against, for a thread that outlives whoever asked.

use chrono::{DateTime, Utc};

use super::assertion::Expected;

/// [`Expected`], with everything in it.
pub struct Expectation {
    /// Where it must have been sent.
    pub recipients: Vec<String>,
    /// Whom it must be for.
    pub audiences: Vec<String>,
    /// The id of the request it answers; it answers none without one.
    pub in_response_to: Option<String>,
    /// When the sign-in began, if it must have been a fresh one.
    pub fresh_since: Option<DateTime<Utc>>,
}

impl Expectation {
    /// Lends it.
    pub fn hold<T>(&self, with: impl FnOnce(&Expected<'_>) -> T) -> T {
        let recipients: Vec<&str> = self.recipients.iter().map(String::as_str).collect();
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        with(&Expected {
            recipients: &recipients,
            audiences: &audiences,
            in_response_to: self.in_response_to.as_deref(),
            fresh_since: self.fresh_since,
        })
    }
}
