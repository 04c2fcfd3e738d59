//! Public keys of documents: the key ID that a JWK must have.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::KeyId;
use super::material::thumbprint;

impl KeyId {
    /// The ID of a public key of this gateway's kinds: the thumbprint of its required members (RFC 7638), regardless of its
    /// `kid`. `None` for other keys.
    pub fn of_jwk(key: &Value) -> Option<Self> {
        let names: &[&'static str] = match key.get("kty")?.as_str()? {
            "EC" => &["crv", "kty", "x", "y"],
            "RSA" => &["e", "kty", "n"],
            _ => return None,
        };
        let members: Option<Vec<(&'static str, String)>> = names
            .iter()
            .map(|name| {
                let text = key.get(name)?.as_str()?;
                // No value requires escaping.
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                text.bytes().all(plain).then(|| (*name, text.to_owned()))
            })
            .collect();
        Self::parse(&URL_SAFE_NO_PAD.encode(thumbprint(&members?))).ok()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::super::{KeyAlgorithm, SigningKey};
    use super::*;

    #[test]
    fn key_id_depends_only_on_the_public_key() {
        for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::Rs256] {
            let key = SigningKey::generate(algorithm, DateTime::UNIX_EPOCH).unwrap();
            let mut jwk = key.jwk().clone();
            jwk["kid"] = json!("other");
            jwk["x5c"] = json!([]);
            assert_eq!(KeyId::of_jwk(&jwk).as_ref(), Some(key.id()));
            let member = if algorithm == KeyAlgorithm::Es256 {
                "x"
            } else {
                "n"
            };
            jwk[member] = json!("AQAB");
            assert_ne!(KeyId::of_jwk(&jwk).as_ref(), Some(key.id()));
            jwk[member] = json!("\"");
            assert_eq!(KeyId::of_jwk(&jwk), None);
        }
        for other in [
            json!({}),
            json!({ "kty": "oct", "k": "AQAB" }),
            json!([]),
            json!(1),
        ] {
            assert_eq!(KeyId::of_jwk(&other), None);
        }
    }
}
