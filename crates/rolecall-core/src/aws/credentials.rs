//! What AWS hands out. Never stored, never logged.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use url::Url;

use super::{Destination, RoleSessionDuration};
use crate::base::Source;
use crate::base::secret::SecretText;

/// Temporary AWS credentials (STS, `Credentials`).
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `AccessKeyId`: not a secret, it joins the audit trail with CloudTrail.
    pub access_key_id: String,
    /// `SecretAccessKey`
    pub secret_access_key: SecretText,
    /// `SessionToken`
    pub session_token: SecretText,
    /// `Expiration`
    pub expires_at: DateTime<Utc>,
}

/// A link that signs a browser in to the console: a secret of 15 minutes.
#[derive(Clone, Debug)]
pub struct ConsoleLink(SecretText);

impl ConsoleLink {
    /// Takes ownership of the URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(SecretText::new(url))
    }

    /// The URL, for a redirect that is never cached.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Why the sign-in endpoint made no link.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// It refused the credentials or the duration.
    #[error("AWS's sign-in endpoint refused the request (HTTP {status})")]
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// It cannot be reached or answers nonsense.
    #[error("AWS's sign-in endpoint is unavailable")]
    Unavailable(#[source] Source),
}

/// AWS's sign-in endpoint (`getSigninToken` and the login URL).
#[async_trait]
pub trait ConsoleSignIn: Send + Sync {
    /// Makes a link to `destination` for the credentials. `issuer` is where AWS sends the person when the console
    /// session has ended; `duration` is left out where AWS refuses it (chained credentials, `GetFederationToken`).
    ///
    /// # Errors
    /// [`SignInError`].
    async fn link(
        &self,
        credentials: &Credentials,
        duration: Option<RoleSessionDuration>,
        destination: &Destination,
        issuer: &Url,
    ) -> Result<ConsoleLink, SignInError>;

    /// Where a browser signs out of the console before it goes on to `then`, our own address.
    fn sign_out_url(&self, then: &Url) -> Url;
}
