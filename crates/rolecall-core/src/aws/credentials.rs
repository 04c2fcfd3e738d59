//! Credentials and console links. They are never stored and never logged.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use url::Url;

use super::{Destination, RoleSessionDuration};
use crate::base::BoxError;
use crate::base::secret::SecretText;

/// Temporary AWS credentials (STS, `Credentials`).
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `AccessKeyId`. It is not a secret, and correlates the audit trail with CloudTrail.
    pub access_key_id: String,
    /// `SecretAccessKey`; never logged.
    pub secret_access_key: SecretText,
    /// `SessionToken`; never logged. AWS does not limit its length.
    pub session_token: SecretText,
    /// `Expiration`
    pub expires_at: DateTime<Utc>,
}

/// A link that signs a browser in to the console. It is a secret, valid for 15 minutes.
#[derive(Clone, Debug)]
pub struct ConsoleLink(SecretText);

impl ConsoleLink {
    /// Takes ownership of the URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(SecretText::new(url))
    }

    /// The URL, for a redirect that is not cached.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Why the sign-in endpoint did not return a link.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The endpoint refused the credentials or the duration.
    #[error("AWS's sign-in endpoint refused the request (HTTP {status})")]
    Refused {
        /// HTTP status code.
        status: u16,
    },
    /// The endpoint cannot be reached, or its response is invalid.
    #[error("AWS's sign-in endpoint is unavailable")]
    Unavailable(#[source] BoxError),
}

/// AWS's sign-in endpoint (`getSigninToken` and the login URL).
#[async_trait]
pub trait ConsoleSignIn: Send + Sync {
    /// Creates a link to `destination` for the credentials. AWS redirects the person to `issuer` when the console
    /// session has expired. `duration` must be `None` where AWS rejects it (chained credentials, `GetFederationToken`).
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

    /// The URL that signs the browser out of the console and then redirects it to `then`, a URL of the gateway.
    fn sign_out_url(&self, then: &Url) -> Url;
}
