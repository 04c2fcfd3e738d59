//! The handle in a client token: it finds the record and contains the key of the person.

use super::{ACCESS_PREFIX, HANDLE_CHARACTERS, REFRESH_PREFIX};
use crate::base::secret::{AccessToken, RefreshToken, SecretDigest, TOKEN_CHARACTERS};

pub(super) fn handle_of<'a>(token: &'a str, prefix: &str) -> Option<&'a str> {
    let parts = token.strip_prefix(prefix)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let whole = parts.len() == HANDLE_CHARACTERS + TOKEN_CHARACTERS && parts.bytes().all(plain);
    whole.then(|| &parts[..HANDLE_CHARACTERS])
}

pub(super) fn key_of(handle: &str) -> SecretDigest {
    SecretDigest::of("rolecall/client-session/v1", &[handle.as_bytes()])
}

/// The handle of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHandle {
    /// Key of the record.
    pub key: SecretDigest,
    /// Key of the person. It cannot be replaced: the record is found by the digest of the whole handle.
    pub person: SecretDigest,
}

impl TokenHandle {
    fn parse(token: &str, prefix: &str) -> Option<Self> {
        let handle = handle_of(token, prefix)?;
        Some(Self {
            key: key_of(handle),
            person: SecretDigest::parse(&handle[TOKEN_CHARACTERS..])?,
        })
    }
}

impl AccessToken {
    /// The handle; `None` if the token has another format.
    pub fn handle(&self) -> Option<TokenHandle> {
        TokenHandle::parse(self.expose(), ACCESS_PREFIX)
    }
}

impl RefreshToken {
    /// The handle; `None` if the token has another format.
    pub fn handle(&self) -> Option<TokenHandle> {
        TokenHandle::parse(self.expose(), REFRESH_PREFIX)
    }
}
