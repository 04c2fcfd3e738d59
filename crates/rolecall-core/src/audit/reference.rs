//! Identifier that correlates page, log and audit trail.

use serde::{Deserialize, Serialize};

/// Id of one request or one issuance: shown on pages, in logs and in the trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReferenceId(pub(super) String);

impl ReferenceId {
    /// Generates an id: 80 random bits in Crockford's base32, 16 characters, easy to read aloud.
    pub fn generate(entropy: &dyn crate::base::Entropy) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut bytes = [0_u8; 16];
        entropy.fill(&mut bytes);
        Self(
            bytes
                .iter()
                .map(|b| char::from(ALPHABET[usize::from(b & 31)]))
                .collect(),
        )
    }

    /// Returns the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ReferenceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
