//! The expected values of a response, owned, for a blocking thread.

use chrono::{DateTime, Utc};

use super::assertion::Expected;

/// [`Expected`] with owned values.
pub struct OwnedExpected {
    /// Allowed values of `Destination` and `Recipient`.
    pub recipients: Vec<String>,
    /// Allowed values of `Audience`.
    pub audiences: Vec<String>,
    /// `InResponseTo`; if `None`, it must be absent.
    pub in_response_to: Option<String>,
    /// The start of the sign-in, if it must be fresh.
    pub fresh_since: Option<DateTime<Utc>>,
}

impl OwnedExpected {
    /// Borrows the values.
    pub fn borrow_for<T>(&self, with: impl FnOnce(&Expected<'_>) -> T) -> T {
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
