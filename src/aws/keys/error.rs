//! What can be wrong with the keys, in words for the operator, each with what to do next.

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use openssl::error::ErrorStack;

use super::{KeyId, KeyUse};

/// Why the keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No directory, or none with an index.
    #[error("there are no keys in {}", .0.display())]
    Empty(PathBuf),
    /// Group or others have rights.
    #[error("{} is open to others (mode {mode:03o})", path.display())]
    Open {
        /// Which file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user can change it.
    #[error("{} belongs to the user {user}", path.display())]
    Foreign {
        /// Which file or directory.
        path: PathBuf,
        /// The user's number.
        user: u32,
    },
    /// The system's answer.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that no key of ours needs.
    #[error("{} is larger than any key", .0.display())]
    TooLarge(PathBuf),
    /// The index does not parse.
    #[error("{} does not parse: {reason}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong; the index holds no secret.
        reason: String,
    },
    /// A key's files are not what the index says.
    #[error("{} is not the key that the index names, or its certificate is another's", path.display())]
    Mismatch {
        /// The private key's file.
        path: PathBuf,
    },
    /// Another command holds the lock.
    #[error("another `rolecalld keys` command is at work in {}", .0.display())]
    Busy(PathBuf),
    /// No key signs.
    #[error("no key is active{}", purpose(.0))]
    NoneActive(KeyUse),
    /// No key waits.
    #[error("no key waits to become active{}", purpose(.0))]
    NoneNext(KeyUse),
    /// IAM takes RSA for SAML.
    #[error("a key for SAML is RSA")]
    NotForSaml,
    /// AWS may not have seen the next key yet.
    #[error(
        "the next key, {id}, has not been published for a day yet; that is so from {}",
        minute(from)
    )]
    TooEarly {
        /// Which.
        id: KeyId,
        /// When it has.
        from: DateTime<Utc>,
        /// What it will sign.
        use_: KeyUse,
    },
    /// Not one of ours, or retired already.
    #[error("there is no key {0} that could be retired")]
    Unknown(KeyId),
    /// It signs.
    #[error("the key {0} is active")]
    Active(KeyId),
    /// Tokens it signed, or gateways that have not read the index again, may still need it.
    #[error("the key {id} may still be needed until {}", minute(until))]
    Needed {
        /// Which.
        id: KeyId,
        /// From when on it is not.
        until: DateTime<Utc>,
    },
    /// More than anybody rotates.
    #[error("there are {0} keys already that are not retired")]
    TooMany(usize),
    /// OpenSSL's answer.
    #[error("the key cannot be made or used: {0}")]
    Crypto(#[from] ErrorStack),
}

fn purpose(use_: &KeyUse) -> &'static str {
    match use_ {
        KeyUse::Token => "",
        KeyUse::Saml => " for SAML",
    }
}

/// To the minute, rounded up: nothing is too early any more then.
fn minute(at: &DateTime<Utc>) -> impl std::fmt::Display {
    (*at + TimeDelta::seconds(59)).format("%Y-%m-%d %H:%M UTC")
}

impl KeyError {
    /// What to do next, for a line `hint: …`.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty(_) => Some("run `rolecalld keys generate`"),
            Self::Open { .. } => Some(
                "directories of keys have mode 0700, files 0600: run chmod -R go= on the directory; for a Kubernetes Secret set \
                 defaultMode: 0440 in its volume and fsGroup in the pod's securityContext; elsewhere than in such a volume (a tmpfs \
                 that is mounted read-only) these modes are not taken",
            ),
            Self::Foreign { .. } => Some(
                "directories of keys and their files belong to the gateway's user or to root: run chown, and the command as that user",
            ),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(
                "this user may not read or write there: run the command as the gateway's user, which owns the directory of keys",
            ),
            Self::Io { .. } => Some(
                "the folder above it must be there, and the gateway's user must own the directory of keys",
            ),
            Self::TooLarge(_) | Self::Index { .. } | Self::Mismatch { .. } => {
                Some("restore the directory from a backup; do not edit it by hand")
            }
            Self::Busy(_) => Some("wait for it to end"),
            Self::NoneActive(KeyUse::Token) | Self::NoneNext(KeyUse::Token) => {
                Some("run `rolecalld keys generate`")
            }
            Self::NoneActive(KeyUse::Saml) | Self::NoneNext(KeyUse::Saml) | Self::NotForSaml => {
                Some("run `rolecalld keys generate --saml`")
            }
            Self::TooEarly {
                use_: KeyUse::Saml, ..
            } => Some(
                "bring today's /saml/metadata to the SAML provider of every account meanwhile, or add --emergency if the active key has leaked",
            ),
            Self::TooEarly { .. } => Some(
                "AWS remembers the keys it fetched: wait, or add --emergency if the active key has leaked",
            ),
            Self::Unknown(_) => Some("`rolecalld keys list` shows the keys"),
            Self::Active(_) => {
                Some("run `rolecalld keys rotate` first, or add --emergency if the key has leaked")
            }
            Self::Needed { .. } => Some("wait, or add --emergency if the key has leaked"),
            Self::TooMany(_) => {
                Some("retire those that are no longer needed: `rolecalld keys list`")
            }
            Self::Crypto(_) => None,
        }
    }
}
