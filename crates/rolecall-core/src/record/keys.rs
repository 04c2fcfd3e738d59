//! Keys that seal records and authenticate values that clients return. The first key is used for new values; all keys
//! open and verify existing ones, so that keys can be rotated.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::base::Entropy;
use crate::record::{Key, StoreError};

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
    mac: Hmac<Sha256>,
}

/// Derives a key for one purpose with HKDF-SHA256. It only fails for outputs over 8160 bytes.
fn derive<const N: usize>(master: &[u8; 32], purpose: &[u8]) -> zeroize::Zeroizing<[u8; N]> {
    let mut key = zeroize::Zeroizing::new([0_u8; N]);
    let expanded = Hkdf::<Sha256>::new(None, master).expand(purpose, key.as_mut());
    assert!(expanded.is_ok(), "a key is within HKDF's limit");
    key
}

impl SealingKey {
    fn new(master: &[u8; 32]) -> Self {
        let key = derive::<32>(master, b"rolecall/record/v1");
        let mac = derive::<64>(master, b"rolecall/stamp/v1");
        let digest = Sha256::digest(key.as_ref());
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self {
            id,
            cipher: XChaCha20Poly1305::new(key.as_ref().into()),
            mac: Mac::new(mac.as_slice().into()),
        }
    }

    fn mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        for part in [purpose, text] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

/// Keys in order: the first key seals, all of them open.
pub struct SealingKeys {
    first: SealingKey,
    rest: Vec<SealingKey>,
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKeys({})", 1 + self.rest.len())
    }
}

impl SealingKeys {
    /// Creates keys from a current key and any number of older ones; 32 random bytes each.
    pub fn new(first: &[u8; 32], older: &[[u8; 32]]) -> Self {
        Self {
            first: SealingKey::new(first),
            rest: older.iter().map(SealingKey::new).collect(),
        }
    }

    /// The message authentication code (HMAC-SHA-256, base64url) of this text, with `purpose` as domain separation.
    pub fn mac(&self, purpose: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.first.mac(purpose, text).finalize().into_bytes())
    }

    /// Verifies an authentication code with all keys, in constant time.
    pub fn verify_mac(&self, purpose: &str, text: &str, code: &str) -> bool {
        let Ok(code) = URL_SAFE_NO_PAD.decode(code) else {
            return false;
        };
        let keys = std::iter::once(&self.first).chain(&self.rest);
        // Not `any`: its time would reveal which key matched.
        keys.fold(false, |found, key| {
            key.mac(purpose, text).verify_slice(&code).is_ok() | found
        })
    }

    pub(super) fn seal(
        &self,
        key: Key,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let aad = key.to_string();
        let sealed = self
            .first
            .cipher
            .encrypt(
                XNonce::from_slice(&nonce),
                Payload {
                    msg: plain,
                    aad: aad.as_bytes(),
                },
            )
            .map_err(|_| StoreError::Unavailable("a record could not be sealed".into()))?;
        let mut value = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + sealed.len());
        value.push(FORMAT);
        value.extend_from_slice(&self.first.id);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// Opens a value. `None` if it was not sealed with these keys for this record key, or was modified.
    pub(super) fn open(&self, key: Key, value: &[u8]) -> Option<Vec<u8>> {
        let (format, rest) = value.split_first()?;
        let (id, rest) = rest.split_at_checked(KEY_ID_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        if *format != FORMAT {
            return None;
        }
        let aad = key.to_string();
        std::iter::once(&self.first)
            .chain(&self.rest)
            .filter(|candidate| candidate.id == id)
            .find_map(|candidate| {
                candidate
                    .cipher
                    .decrypt(
                        XNonce::from_slice(nonce),
                        Payload {
                            msg: sealed,
                            aad: aad.as_bytes(),
                        },
                    )
                    .ok()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::SecretDigest;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes
                .iter_mut()
                .enumerate()
                .for_each(|(i, b)| *b = u8::try_from(i % 251).unwrap_or(0));
        }
    }

    fn key(kind: &'static str, name: &str) -> Key {
        Key::new(kind, SecretDigest::of("test", &[name.as_bytes()]))
    }

    #[test]
    fn value_opens_only_under_its_key() {
        let ring = SealingKeys::new(&[7; 32], &[]);
        let value = ring
            .seal(key("session", "a"), b"secret", &Counting)
            .unwrap();
        assert_eq!(
            ring.open(key("session", "a"), &value).as_deref(),
            Some(b"secret".as_slice())
        );
        assert_eq!(ring.open(key("session", "b"), &value), None, "another key");
        assert_eq!(ring.open(key("sign-in", "a"), &value), None, "another kind");
        assert!(!value.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn modified_or_truncated_value_is_rejected() {
        let ring = SealingKeys::new(&[7; 32], &[]);
        let value = ring
            .seal(key("session", "a"), b"secret", &Counting)
            .unwrap();
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1;
            assert_eq!(ring.open(key("session", "a"), &changed), None, "byte {at}");
            assert_eq!(
                ring.open(key("session", "a"), &value[..at]),
                None,
                "cut at {at}"
            );
        }
    }

    #[test]
    fn mac_is_bound_to_text_purpose_and_key() {
        let old = SealingKeys::new(&[1; 32], &[]);
        let both = SealingKeys::new(&[2; 32], &[[1; 32]]);
        let new = SealingKeys::new(&[2; 32], &[]);
        let mac = old.mac("client", "text");
        assert!(old.verify_mac("client", "text", &mac));
        assert!(both.verify_mac("client", "text", &mac), "after rotation");
        assert!(both.verify_mac("client", "text", &both.mac("client", "text")));
        assert!(!new.verify_mac("client", "text", &mac), "another ring");
        assert!(!old.verify_mac("client", "texts", &mac));
        assert!(!old.verify_mac("clientt", "ext", &mac));
        for code in ["", "=", &mac[1..], "A", &format!("{mac}A")] {
            assert!(!old.verify_mac("client", "text", code), "{code}");
        }
    }

    #[test]
    fn rotated_keys_open_old_values() {
        let old = SealingKeys::new(&[1; 32], &[]);
        let both = SealingKeys::new(&[2; 32], &[[1; 32]]);
        let new = SealingKeys::new(&[2; 32], &[]);
        let k = key("session", "a");
        let sealed_by_old = old.seal(k, b"x", &Counting).unwrap();
        let sealed_by_both = both.seal(k, b"x", &Counting).unwrap();
        assert!(both.open(k, &sealed_by_old).is_some());
        assert!(new.open(k, &sealed_by_both).is_some());
        assert!(new.open(k, &sealed_by_old).is_none() && old.open(k, &sealed_by_both).is_none());
    }
}
