//! The keys of a provider (RFC 7517), and signature verification with them.
//!
//! Keys that are weak, private, symmetric, for encryption or inconsistent with their `alg` are ignored; a set without a
//! usable key is invalid. The allowed algorithms are configured, never chosen by the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonCurveType, CoreJsonWebKey};
use openidconnect::{JsonWebKey as _, JsonWebKeyId};
use rolecall_core::base::{json, limits};
use serde_json::{Map, Value};

use super::jws::{Algorithm, UnverifiedJws};

/// Maximum number of keys that are tried for a token without `kid`.
const CANDIDATES_MAX: usize = 4;
/// NIST SP 800-131A disallows signatures with shorter RSA keys.
const RSA_BYTES_MIN: usize = 2048 / 8;

/// The usable keys of a provider.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// Allowed algorithms: those of the key type, or the one in `alg`.
    algorithms: Vec<Algorithm>,
    public: CoreJsonWebKey,
}

/// Why no key verifies a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// There is no key with this ID, type and use. A newer key set may contain it.
    NoKey,
    /// The signature does not match the key that the token names.
    BadSignature,
}

impl KeySet {
    /// Parses a JWKS document.
    ///
    /// # Errors
    /// If it is not a JWKS or has no usable key. Such a response never replaces a valid set.
    pub fn parse(document: &[u8]) -> Result<Self, String> {
        let mut document = json::object(document)?;
        let Some(Value::Array(keys)) = document.remove("keys") else {
            return Err("the array \"keys\" is missing".to_owned());
        };
        let usable: Vec<Key> = keys
            .iter()
            .take(limits::JWKS_KEYS_MAX)
            .filter_map(Value::as_object)
            .filter_map(Key::parse)
            .collect();
        if usable.is_empty() {
            return Err("it contains no key that can verify an ID token".to_owned());
        }
        Ok(Self(usable))
    }

    /// Verifies a signature and returns the key.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub fn verify(&self, jws: &UnverifiedJws) -> Result<&CoreJsonWebKey, NotVerified> {
        let named = |key: &&Key| jws.key_id.is_some() && key.id == jws.key_id;
        // A key without an ID may be the one that the token names.
        let possible = |key: &&Key| jws.key_id.is_none() || key.id.is_none();
        let usable = || {
            let keys = self.0.iter();
            keys.filter(|key| key.algorithms.contains(&jws.algorithm))
        };
        let candidates = usable().filter(named).chain(usable().filter(possible));
        let mut named_one = false;
        for key in candidates.take(CANDIDATES_MAX) {
            named_one |= named(&key);
            let verdict = key.public.verify_signature(
                &jws.algorithm.core(),
                jws.signing_input.as_bytes(),
                &jws.signature,
            );
            if verdict.is_ok() {
                return Ok(&key.public);
            }
        }
        if named_one {
            Err(NotVerified::BadSignature)
        } else {
            Err(NotVerified::NoKey)
        }
    }
}

impl Key {
    fn parse(members: &Map<String, Value>) -> Option<Self> {
        let members: Map<String, Value> = members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let absent_or = |name: &str, wanted: &str| {
            members
                .get(name)
                .is_none_or(|value| value.as_str() == Some(wanted))
        };
        let may_verify = members.get("key_ops").is_none_or(|operations| {
            operations
                .as_array()
                .is_some_and(|list| list.iter().any(|item| item.as_str() == Some("verify")))
        });
        // A set that contains a private key has published it.
        let private = members.contains_key("d") || members.contains_key("k");
        if !absent_or("use", "sig") || !may_verify || private {
            return None;
        }
        let id = match members.get("kid") {
            None => None,
            Some(value) => Some(value.as_str()?.to_owned()),
        };
        let kid = id.clone().map(JsonWebKeyId::new);
        let bytes = |name: &str| text(name).and_then(number);
        let (public, of_type): (_, &[Algorithm]) = match (text("kty")?, text("crv")) {
            ("RSA", None) => {
                use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
                let (n, e) = (unsigned(bytes("n")?), unsigned(bytes("e")?));
                (
                    strong_rsa(&n, &e).then(|| CoreJsonWebKey::new_rsa(n, e, kid))?,
                    &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
                )
            }
            ("EC", Some("P-256")) => (ec(bytes("x")?, bytes("y")?, 32, kid)?, &[Algorithm::Es256]),
            ("EC", Some("P-384")) => (ec(bytes("x")?, bytes("y")?, 48, kid)?, &[Algorithm::Es384]),
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x").filter(|x| x.len() == 32)?;
                (
                    CoreJsonWebKey::new_okp(x, CoreJsonCurveType::Ed25519, kid),
                    &[Algorithm::EdDsa],
                )
            }
            _ => return None,
        };
        let algorithms = match members.get("alg") {
            None => of_type.to_vec(),
            Some(value) => {
                let only = Algorithm::parse(value.as_str()?)?;
                of_type.contains(&only).then(|| vec![only])?
            }
        };
        Some(Self {
            id,
            algorithms,
            public,
        })
    }
}

/// Parses base64url (RFC 7518 2), or padded base64 as sent by some providers.
fn number(text: &str) -> Option<Vec<u8>> {
    let url_safe = text
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    URL_SAFE_NO_PAD.decode(url_safe).ok()
}

fn ec(x: Vec<u8>, y: Vec<u8>, length: usize, kid: Option<JsonWebKeyId>) -> Option<CoreJsonWebKey> {
    let curve = match length {
        32 => CoreJsonCurveType::P256,
        _ => CoreJsonCurveType::P384,
    };
    (x.len() == length && y.len() == length).then(|| CoreJsonWebKey::new_ec(x, y, curve, kid))
}

/// Removes leading zeros, which some providers send although RFC 7518 6.3.1.1 forbids them.
fn unsigned(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}

/// Whether an RSA key has at least 2,048 bits, an odd exponent of at least 3, and no ROCA weakness.
fn strong_rsa(n: &[u8], e: &[u8]) -> bool {
    let long = n.len() > RSA_BYTES_MIN
        || (n.len() == RSA_BYTES_MIN && n.first().is_some_and(|byte| *byte >= 0x80));
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    long && odd(n) && odd(e) && e != [1] && !roca(n)
}

/// CVE-2017-15361: moduli of the vulnerable generator are powers of 65537 modulo each small prime. The probability for
/// any other modulus is 10^-8 or less (Nemec et al., CCS 2017, 3.2).
fn roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|&prime| {
        let remainder = n
            .iter()
            .fold(0, |so_far, &byte| (so_far * 256 + u32::from(byte)) % prime);
        let generator = 65537 % prime;
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * generator % prime;
            power == remainder
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(keys: &Value) -> Result<KeySet, String> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn rsa(bits: usize) -> Value {
        let mut n = vec![0x5a_u8; bits / 8];
        if let (Some(first), Some(middle)) = (n.first().copied(), n.get_mut(bits / 16)) {
            *middle = first ^ 0x3c;
        }
        n[0] = 0xc1;
        n[bits / 8 - 1] = 0x03;
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": "AQAB"})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    #[test]
    fn unusable_keys_are_ignored() {
        let keys = json!([
            {"kty": "AKP", "alg": "ML-DSA-44", "kid": "z"},
            {"kty": "oct", "k": "c2VjcmV0"},
            17,
            with(rsa(2048), "kid", json!("good")),
        ]);
        assert_eq!(set(&keys).unwrap().0.len(), 1);
    }

    #[test]
    fn set_without_usable_key_is_rejected() {
        let coordinate = URL_SAFE_NO_PAD.encode([7; 32]);
        for key in [
            rsa(1024),
            with(rsa(2048), "e", json!("AQ")),
            with(rsa(2048), "e", json!("AA")),
            with(rsa(2048), "use", json!("enc")),
            with(rsa(2048), "key_ops", json!(["encrypt"])),
            with(rsa(2048), "alg", json!("HS256")),
            with(rsa(2048), "alg", json!("ES256")),
            with(rsa(2048), "alg", json!("RSA-OAEP")),
            with(rsa(2048), "d", json!("AQAB")),
            with(rsa(2048), "kid", json!(1)),
            with(rsa(2048), "crv", json!("P-256")),
            json!({"kty": "EC", "crv": "P-256", "x": coordinate, "y": "AA"}),
            json!({"kty": "EC", "crv": "P-384", "x": coordinate, "y": coordinate}),
            json!({"kty": "EC", "crv": "P-521", "x": coordinate, "y": coordinate}),
            json!({"kty": "OKP", "crv": "X25519", "x": coordinate}),
            json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
        ] {
            assert!(set(&json!([key])).is_err(), "{key}");
        }
        for document in ["{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "[]", "<html>", ""] {
            assert!(KeySet::parse(document.as_bytes()).is_err(), "{document}");
        }
    }

    #[test]
    fn empty_members_count_as_absent() {
        for name in ["use", "alg", "kid", "key_ops", "d", "crv", "x5c", "exp"] {
            assert!(
                set(&json!([with(rsa(2048), name, json!(null))])).is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn padded_and_standard_base64_are_accepted() {
        use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
        let key = rsa(2048);
        let n = URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap();
        let Ok(KeySet(wanted)) = set(&json!([key])) else {
            panic!("a key");
        };
        for text in [
            STANDARD.encode(&n),
            STANDARD_NO_PAD.encode(&n),
            URL_SAFE.encode(&n),
        ] {
            let KeySet(found) = set(&json!([with(rsa(2048), "n", json!(text))])).unwrap();
            assert_eq!(found[0].public, wanted[0].public, "{text}");
        }
        assert!(set(&json!([with(rsa(2048), "n", json!("not base64!"))])).is_err());
    }

    fn signed(kid: Option<&str>) -> (UnverifiedJws, Value) {
        use openssl::ec::{EcGroup, EcKey};
        use openssl::{bn::BigNumContext, ecdsa::EcdsaSig, nid::Nid, sha::sha256};
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let (mut x, mut y) = (
            openssl::bn::BigNum::new().unwrap(),
            openssl::bn::BigNum::new().unwrap(),
        );
        let mut context = BigNumContext::new().unwrap();
        key.public_key()
            .affine_coordinates(&group, &mut x, &mut y, &mut context)
            .unwrap();
        let coordinate =
            |n: &openssl::bn::BigNum| URL_SAFE_NO_PAD.encode(n.to_vec_padded(32).unwrap());
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": coordinate(&x), "y": coordinate(&y)});
        let mut header = json!({"alg": "ES256"});
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        let input = format!("{}.e30", URL_SAFE_NO_PAD.encode(header.to_string()));
        let signature = EcdsaSig::sign(&sha256(input.as_bytes()), &key).unwrap();
        let mut bytes = signature.r().to_vec_padded(32).unwrap();
        bytes.extend(signature.s().to_vec_padded(32).unwrap());
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes));
        (UnverifiedJws::parse(&token).unwrap(), jwk)
    }

    #[test]
    fn key_without_id_is_tried_for_any_kid() {
        let (jws, jwk) = signed(Some("k1"));
        let (_, stranger) = signed(None);
        let verdict = |keys: Value| set(&keys).unwrap().verify(&jws).map(drop);
        let named = |key: &Value, id: &str| with(key.clone(), "kid", json!(id));
        assert_eq!(verdict(json!([jwk])), Ok(()));
        assert_eq!(verdict(json!([named(&stranger, "k2"), jwk])), Ok(()));
        assert_eq!(verdict(json!([stranger, named(&jwk, "k1")])), Ok(()));
        assert_eq!(verdict(json!([named(&stranger, "k1"), jwk])), Ok(()));
        // A key ID, if present, must match the token.
        assert_eq!(verdict(json!([named(&jwk, "k2")])), Err(NotVerified::NoKey));
        assert_eq!(
            verdict(json!([named(&stranger, "k1")])),
            Err(NotVerified::BadSignature)
        );
        assert_eq!(verdict(json!([stranger])), Err(NotVerified::NoKey));
    }

    #[test]
    fn large_key_sets_are_searched_completely() {
        let (jws, jwk) = signed(Some("k500"));
        let (_, stranger) = signed(None);
        let mut keys: Vec<Value> = (0..500)
            .map(|n| with(stranger.clone(), "kid", json!(format!("k{n}"))))
            .collect();
        keys.push(with(jwk, "kid", json!("k500")));
        assert!(set(&Value::Array(keys)).unwrap().verify(&jws).is_ok());
    }

    #[test]
    fn keys_beyond_the_limit_are_ignored() {
        let mut keys = vec![json!({"kty": "oct"}); limits::JWKS_KEYS_MAX];
        keys.push(rsa(2048));
        assert!(set(&Value::Array(keys)).is_err());
    }
}
