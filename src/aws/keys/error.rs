//! Errors of the key directory, with hints.

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use openssl::error::ErrorStack;

use super::{KeyId, KeyUse};

/// Why the keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The directory or its index does not exist.
    #[error("no keys in {}", .0.display())]
    Empty(PathBuf),
    /// Group or others have permissions.
    #[error("other users can access {} (mode {mode:03o})", path.display())]
    Open {
        /// Path of the file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user owns the file or directory.
    #[error("{} is owned by the user {user}", path.display())]
    OtherOwner {
        /// Path of the file or directory.
        path: PathBuf,
        /// Numeric user ID of the owner.
        user: u32,
    },
    /// An I/O error.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file or directory.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A file is larger than any key file.
    #[error("{} is too large for a key file", .0.display())]
    TooLarge(PathBuf),
    /// The index is invalid.
    #[error("{} is invalid: {reason}", path.display())]
    Index {
        /// Path of the index.
        path: PathBuf,
        /// Why the index is invalid. It contains no secrets.
        reason: String,
    },
    /// The files of a key do not match the index.
    #[error("{} does not match the key in the index or its certificate", path.display())]
    Mismatch {
        /// Path of the private key.
        path: PathBuf,
    },
    /// Another command holds the lock.
    #[error("another `rolecalld keys` command is running in {}", .0.display())]
    Busy(PathBuf),
    /// There is no active key.
    #[error("no active key{}", purpose(.0))]
    NoneActive(KeyUse),
    /// There is no key that waits for activation.
    #[error("no next key{}", purpose(.0))]
    NoneNext(KeyUse),
    /// IAM requires RSA for SAML.
    #[error("keys for SAML must use RSA")]
    NotForSaml,
    /// AWS may not have fetched the next key yet.
    #[error(
        "the next key, {id}, was published less than a day ago; it can be activated from {}",
        minute(from)
    )]
    TooEarly {
        /// ID of the next key.
        id: KeyId,
        /// The time at which it can be activated.
        from: DateTime<Utc>,
        /// The use of the key.
        use_: KeyUse,
    },
    /// The address in `[issuer] url` is not known to serve the next key.
    #[error(
        "the next key, {id}, was not found at {issuer}/jwks when the keys there were last recorded"
    )]
    NotServed {
        /// ID of the next key.
        id: KeyId,
        /// The issuer.
        issuer: String,
    },
    /// AWS may not have fetched the next key yet.
    #[error(
        "the next key, {id}, was first found at {issuer}/jwks less than a day ago; it can be activated from {}",
        minute(from)
    )]
    ServedTooShort {
        /// ID of the next key.
        id: KeyId,
        /// The issuer.
        issuer: String,
        /// The time at which it can be activated.
        from: DateTime<Utc>,
    },
    /// The record of served keys is invalid.
    #[error("{} is invalid: {reason}", path.display())]
    Record {
        /// Path of the record.
        path: PathBuf,
        /// Why it is invalid. It contains no secrets.
        reason: String,
    },
    /// The key does not exist or is already retired.
    #[error("there is no key {0} to retire")]
    Unknown(KeyId),
    /// The key is active.
    #[error("the key {0} is active")]
    Active(KeyId),
    /// Tokens it signed, or gateways that have not reloaded the index, may still need the key.
    #[error("the key {id} may be needed until {}", minute(until))]
    Needed {
        /// ID of the key.
        id: KeyId,
        /// The time after which it is no longer needed.
        until: DateTime<Utc>,
    },
    /// The limit of keys is reached.
    #[error("limit reached: there are {0} keys that are not retired")]
    TooMany(usize),
    /// An error of OpenSSL.
    #[error("cannot create or use the key: {0}")]
    Crypto(#[from] ErrorStack),
}

fn purpose(use_: &KeyUse) -> &'static str {
    match use_ {
        KeyUse::Token => "",
        KeyUse::Saml => " for SAML",
    }
}

/// A time in minutes, rounded up.
fn minute(at: &DateTime<Utc>) -> impl std::fmt::Display {
    (*at + TimeDelta::seconds(59)).format("%Y-%m-%d %H:%M UTC")
}

impl KeyError {
    /// The next step for the operator.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty(_) => Some("run `rolecalld keys generate`"),
            Self::Open { .. } => Some(
                "the directory requires mode 0700 and files 0600: run chmod -R go= on the directory; for a Kubernetes Secret set \
                 defaultMode: 0440 in its volume and fsGroup in the pod's securityContext; other modes are \
                 accepted only in such a volume (a read-only tmpfs)",
            ),
            Self::OtherOwner { .. } => Some(
                "the key directory and its files must be owned by the user of the gateway or by root: run chown, and run this command as that user",
            ),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run the command as the user of the gateway, which must own the key directory")
            }
            Self::Io { .. } => Some(
                "check that the parent folder exists, and that the user of the gateway owns the key directory",
            ),
            Self::TooLarge(_) | Self::Index { .. } | Self::Mismatch { .. } => {
                Some("restore the directory from a backup; do not edit it manually")
            }
            Self::Busy(_) => Some("wait until it has completed"),
            Self::NoneActive(KeyUse::Token) | Self::NoneNext(KeyUse::Token) => {
                Some("run `rolecalld keys generate`")
            }
            Self::NoneActive(KeyUse::Saml) | Self::NoneNext(KeyUse::Saml) | Self::NotForSaml => {
                Some("run `rolecalld keys generate --saml`")
            }
            Self::TooEarly {
                use_: KeyUse::Saml, ..
            } => Some(
                "until then, update the SAML provider of every account with the current /saml/metadata; add --emergency if the active key has leaked",
            ),
            Self::TooEarly { .. } => Some(
                "AWS caches the keys it fetched: wait, or add --emergency if the active key has leaked",
            ),
            Self::NotServed { .. } => Some(
                "run `rolecalld keys publish`, upload both documents, run `rolecalld keys confirm`, and wait a day; add --emergency if the active key has leaked: AWS then refuses tokens until the documents are there",
            ),
            Self::ServedTooShort { .. } => Some(
                "AWS caches the keys it fetched: wait, or add --emergency if the active key has leaked",
            ),
            Self::Record { .. } => {
                Some("delete this file: the waiting period of the next key begins again")
            }
            Self::Unknown(_) => Some("run `rolecalld keys list` to see all keys"),
            Self::Active(_) => {
                Some("run `rolecalld keys rotate` first, or add --emergency if the key has leaked")
            }
            Self::Needed { .. } => Some("wait, or add --emergency if the key has leaked"),
            Self::TooMany(_) => {
                Some("run `rolecalld keys list`, and retire keys that are no longer needed")
            }
            Self::Crypto(_) => None,
        }
    }
}
