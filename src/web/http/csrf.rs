//! The CSRF token of forms: proves that the form comes from a page that was served in this session.
//!
//! The token is an HMAC under a key of the session. It is masked with random bytes on every page, so that compressed response
//! lengths reveal nothing about it (BREACH). The key outlives the cookie secret, so that open pages keep working.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use rolecall_core::base::secret::SecretText;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const BYTES: usize = 32;

fn unmasked(form_key: &SecretText) -> [u8; BYTES] {
    mac(form_key, &[b"rolecall/csrf/v1"])
}

fn mac(form_key: &SecretText, parts: &[&[u8]]) -> [u8; BYTES] {
    // HMAC takes keys of any length.
    Hmac::<Sha256>::new_from_slice(form_key.expose().as_bytes())
        .map(|mut mac| {
            for part in parts {
                mac.update(part);
            }
            mac.finalize().into_bytes().into()
        })
        .unwrap_or([0; BYTES])
}

/// A proof that a notice refers to an action of this session.
pub fn notice(form_key: &SecretText, what: &str) -> String {
    let proof = mac(form_key, &[b"rolecall/notice/v1", what.as_bytes()]);
    URL_SAFE_NO_PAD.encode(proof)
}

/// Whether `proof` was created for this notice in this session.
pub fn verify_notice(form_key: &SecretText, what: &str, proof: &str) -> bool {
    bool::from(notice(form_key, what).as_bytes().ct_eq(proof.as_bytes()))
}

/// A token for the forms of this session. `mask` must be random.
pub fn token(form_key: &SecretText, mask: [u8; BYTES]) -> String {
    let mut bytes = [0; 2 * BYTES];
    bytes[..BYTES].copy_from_slice(&mask);
    for ((out, plain), mask) in bytes[BYTES..].iter_mut().zip(unmasked(form_key)).zip(mask) {
        *out = plain ^ mask;
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether `token` was created for this session.
pub fn verify(form_key: &SecretText, token: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else {
        return false;
    };
    let Some((mask, masked)) = bytes.split_at_checked(BYTES) else {
        return false;
    };
    let plain: Vec<u8> = masked.iter().zip(mask).map(|(a, b)| a ^ b).collect();
    masked.len() == BYTES && bool::from(plain.ct_eq(&unmasked(form_key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notice_proof_is_valid_only_in_its_session() {
        let (mine, other) = (SecretText::new("a"), SecretText::new("b"));
        let proof = notice(&mine, "others");
        assert!(verify_notice(&mine, "others", &proof));
        assert!(!verify_notice(&mine, "one", &proof) && !verify_notice(&other, "others", &proof));
        assert!(!verify_notice(&mine, "others", "") && !verify(&mine, &proof));
    }

    #[test]
    fn token_is_valid_only_in_its_session() {
        let (mine, other) = (SecretText::new("a"), SecretText::new("b"));
        let first = token(&mine, [1; BYTES]);
        assert!(verify(&mine, &first) && verify(&mine, &token(&mine, [2; BYTES])));
        assert_ne!(
            first,
            token(&mine, [2; BYTES]),
            "each token has its own mask"
        );
        assert!(!verify(&other, &first));
        for bad in ["", "x", &first[1..], &format!("{first}A"), "!!!"] {
            assert!(!verify(&mine, bad), "{bad}");
        }
    }
}
