//! The hash chain over the events of one writer.

use sha2::{Digest as _, Sha256};

/// A link of a writer's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// Start of a writer's chain: the predecessor of its first event.
    pub fn genesis(writer: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"rolecall/audit/v1");
        hash.update(writer.as_bytes());
        Self(hash.finalize().into())
    }

    /// Returns the hash of the next event, from its sequence number and canonical form.
    #[must_use]
    pub fn next(&self, sequence: u64, canonical: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
        hash.update(canonical.as_bytes());
        Self(hash.finalize().into())
    }
}

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half & 15)]);
        let digits = |byte: &u8| [digit(byte >> 4), digit(*byte)];
        let mut text = String::with_capacity(2 * self.0.len());
        text.extend(self.0.iter().flat_map(digits));
        f.write_str(&text)
    }
}

/// The text is not a [`ChainHash`]: 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of the trail")]
pub struct InvalidChainHash;

impl std::str::FromStr for ChainHash {
    type Err = InvalidChainHash;

    fn from_str(text: &str) -> Result<Self, InvalidChainHash> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(InvalidChainHash),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let pairs: &[[u8; 2]; 32] = pairs.try_into().map_err(|_| InvalidChainHash)?;
        if !rest.is_empty() {
            return Err(InvalidChainHash);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}
