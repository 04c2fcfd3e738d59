//! PKCE (RFC 7636): only the client that requested a code knows the verifier. Only SHA-256 is supported; a plain
//! challenge would reveal the verifier.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::base::text_newtype;

text_newtype!(
    /// `code_challenge` (RFC 7636 4.2): SHA-256 of the verifier, base64url without padding.
    CodeChallenge,
    InvalidCodeChallenge,
    "a code challenge is 43 characters of base64url without padding: the SHA-256 of the code verifier",
    |text| URL_SAFE_NO_PAD.decode(text).is_ok_and(|digest| digest.len() == 32)
);

impl CodeChallenge {
    /// Whether it is the challenge of this `code_verifier`, 43 to 128 unreserved characters (RFC 7636 4.1, 4.6).
    pub fn matches(&self, unverified: &str) -> bool {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        (43..=128).contains(&unverified.len())
            && unverified.bytes().all(unreserved)
            && URL_SAFE_NO_PAD.encode(Sha256::digest(unverified)) == self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn only_the_verifier_matches_the_challenge() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        assert!(challenge.matches(VERIFIER));
        for other in [
            "",
            CHALLENGE,
            &VERIFIER.to_lowercase(),
            &VERIFIER[..42],
            &format!("{VERIFIER}A"),
        ] {
            assert!(!challenge.matches(other), "{other}");
        }
        let of = |text: &str| {
            CodeChallenge::parse(&URL_SAFE_NO_PAD.encode(Sha256::digest(text))).unwrap()
        };
        for (verifier, fits) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("-._~".repeat(32), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
            (format!("{}é", "a".repeat(43)), false),
        ] {
            assert_eq!(of(&verifier).matches(&verifier), fits, "{verifier}");
        }
    }

    #[test]
    fn challenge_must_be_a_sha_256_digest() {
        for text in [
            "",
            &CHALLENGE[..42],
            &format!("{CHALLENGE}="),
            &format!("{CHALLENGE}A"),
            &CHALLENGE.replace('-', "+"),
            VERIFIER.get(..40).unwrap(),
            // The last character has unused bits that are not zero.
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
        ] {
            assert!(CodeChallenge::parse(text).is_err(), "{text}");
        }
    }
}
