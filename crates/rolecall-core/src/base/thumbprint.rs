//! Thumbprints of public keys (RFC 7638).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// SHA-256 thumbprint of a P-256 public key (RFC 7638; `jkt` of RFC 9449 section 6), to which a code or token is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyThumbprint([u8; 32]);

impl KeyThumbprint {
    /// The thumbprint of the key with these coordinates, in base64url without padding (RFC 7518 6.2.1).
    pub fn of_p256(x: &str, y: &str) -> Self {
        // RFC 7638 3.2: the required members, in this order.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Self(Sha256::digest(canonical).into())
    }

    /// The digest as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
