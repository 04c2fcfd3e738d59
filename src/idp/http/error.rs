//! Why a request to a provider brought nothing usable.

use rolecall_core::base::limits;

/// Why a request brought nothing usable. The texts are for logs: they name hosts and statuses, never bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The URL is not one we call.
    #[error("{0} is refused: only https is called, plain http on loopback alone")]
    Refused(String),
    /// The host is this machine by a name that the proxy would look up, or a link-local one, where clouds keep their
    /// metadata services.
    #[error(
        "{0} leads to this machine or to a metadata service, which are never reached through the proxy"
    )]
    LeadsHere(String),
    /// No connection: name lookup, proxy, TCP or TLS.
    #[error("cannot connect to {host}: {cause}")]
    Connect {
        /// Whom.
        host: String,
        /// The chain of causes.
        cause: String,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    Timeout(String),
    /// The connection broke, or what came is not HTTP.
    #[error("the answer of {host} broke off: {cause}")]
    Broken {
        /// Whose.
        host: String,
        /// The chain of causes.
        cause: String,
    },
    /// Another status than was asked for.
    #[error("{host} answered with status {status}")]
    Status {
        /// Who.
        host: String,
        /// The status.
        status: u16,
    },
    /// Another address instead, which is never gone to.
    #[error(
        "{host} answered with status {status} and leads to {to}, where nobody follows: if that address is right, configure it"
    )]
    Redirect {
        /// Who.
        host: String,
        /// The status.
        status: u16,
        /// Where it leads: scheme, host and path.
        to: String,
    },
    /// A page for people.
    #[error("{host} answered with a page ({found:?}) where JSON was expected")]
    ContentType {
        /// Who.
        host: String,
        /// The type.
        found: String,
    },
    /// More than [`limits::UPSTREAM_BYTES_MAX`].
    #[error("the answer of {0} is larger than {max} bytes", max = limits::UPSTREAM_BYTES_MAX)]
    TooLarge(String),
}

impl HttpError {
    /// Whether asking again brings the same until an administrator has changed something: an address that is not called, a
    /// certificate that is not trusted, or a status that says that the request is wrong.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Refused(_) | Self::LeadsHere(_) => true,
            Self::Connect { cause, .. } => cause.contains("certificate"),
            // 408, 425 and 429 ask to try again.
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
