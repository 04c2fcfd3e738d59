//! Why a request to a provider failed.

use rolecall_core::base::limits;

/// Why a request failed. The texts are for logs: they contain hosts and statuses, never bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The URL is not allowed.
    #[error("{0} is not allowed: use https; http is allowed only on loopback")]
    Refused(String),
    /// The host resolves to loopback or to a link-local address, such as a metadata service, and would be resolved by
    /// the proxy.
    #[error(
        "{0} resolves to loopback or to a metadata service, which are never reached through the proxy"
    )]
    LocalDestination(String),
    /// Name resolution, proxy, TCP or TLS failed.
    #[error("cannot connect to {host}: {cause}")]
    Connect {
        /// Host and port of the server.
        host: String,
        /// The chain of causes.
        cause: String,
    },
    /// The time limit expired.
    #[error("{0} did not respond in time")]
    Timeout(String),
    /// The connection broke, or the response is not HTTP.
    #[error("the response of {host} is incomplete: {cause}")]
    Broken {
        /// Host and port of the server.
        host: String,
        /// The chain of causes.
        cause: String,
    },
    /// An unexpected status.
    #[error("{host} returned status {status}")]
    Status {
        /// Host and port of the server.
        host: String,
        /// HTTP status code.
        status: u16,
    },
    /// A redirect, which is never followed.
    #[error(
        "{host} returned status {status} with a redirect to {to}, which is not followed: if that URL is correct, use it in the configuration"
    )]
    Redirect {
        /// Host and port of the server.
        host: String,
        /// HTTP status code.
        status: u16,
        /// Target of the redirect: scheme, host and path.
        to: String,
    },
    /// An HTML page.
    #[error("{host} returned a page ({found:?}) instead of JSON")]
    ContentType {
        /// Host and port of the server.
        host: String,
        /// The media type.
        found: String,
    },
    /// The response is larger than [`limits::UPSTREAM_BYTES_MAX`].
    #[error("the response of {0} is larger than {max} bytes", max = limits::UPSTREAM_BYTES_MAX)]
    TooLarge(String),
}

impl HttpError {
    /// Whether the error persists until an administrator changes something: a URL that is not allowed, an untrusted
    /// certificate, or a status that rejects the request.
    pub fn is_persistent(&self) -> bool {
        match self {
            Self::Refused(_) | Self::LocalDestination(_) => true,
            Self::Connect { cause, .. } => cause.contains("certificate"),
            // 408, 425 and 429 are temporary.
            Self::Status { status, .. } => {
                (400..500).contains(status) && !matches!(status, 408 | 425 | 429)
            }
            Self::Redirect { .. }
            | Self::Timeout(_)
            | Self::Broken { .. }
            | Self::ContentType { .. }
            | Self::TooLarge(_) => false,
        }
    }
}
