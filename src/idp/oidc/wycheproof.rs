//! Wycheproof's JOSE test vectors, run through the functions that verify ID tokens. `ROLECALL_CORPUS` is the path of
//! the corpus; without it, the tests report that they are skipped, and pass.
//!
//! Stricter than the vectors: symmetric algorithms, P-521 and private keys in a key set are never accepted, nor is a
//! token with another algorithm than its key (RFC 7520, figure 20: PS384 with a key for PS256).

use std::path::PathBuf;

use serde_json::{Value, json};

use super::jwks::KeySet;
use super::jws::UnverifiedJws;

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the corpus is not part of the repository; skipped tests are reported"
)]
fn groups(file: &str) -> Vec<Value> {
    let Ok(corpus) = std::env::var("ROLECALL_CORPUS") else {
        eprintln!("LEFT OUT: ROLECALL_CORPUS is not set, so {file} was not run");
        return Vec::new();
    };
    let path = PathBuf::from(corpus).join("jose/wycheproof").join(file);
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document["testGroups"].as_array().unwrap().clone()
}

/// Whether a token is accepted with this key or key set.
fn accepted(key: &Value, token: &str) -> bool {
    let set = if key.get("keys").is_some() {
        key.clone()
    } else {
        json!({ "keys": [key] })
    };
    let Ok(keys) = KeySet::parse(set.to_string().as_bytes()) else {
        return false;
    };
    let Ok(jws) = UnverifiedJws::parse(token) else {
        return false;
    };
    keys.verify(&jws).is_ok()
}

/// Runs a file: all invalid vectors must be rejected, all valid ones of a public, asymmetric key accepted. Returns the
/// numbers of accepted and rejected vectors.
/// were accepted and refused.
fn run(file: &str) -> (usize, usize) {
    let (mut yes, mut no) = (0, 0);
    for group in groups(file) {
        let public = group.get("public");
        let key = public.or(group.get("private")).unwrap();
        let ours = public.is_some() && key["crv"] != "P-521";
        for test in group["tests"].as_array().unwrap() {
            let Some(token) = test["jws"].as_str() else {
                continue;
            };
            let mislabelled = key["alg"] == "PS256" && test["comment"] == "Figure20";
            let wanted = ours && !mislabelled && test["result"] == "valid";
            let got = accepted(key, token);
            assert_eq!(
                got, wanted,
                "{file}, {} ({}): {}",
                test["tcId"], group["comment"], test["comment"]
            );
            if got {
                yes += 1;
            } else {
                no += 1;
            }
        }
    }
    (yes, no)
}

#[test]
fn signature_vectors() {
    let counts = run("json_web_signature_test.json");
    assert!([(0, 0), (32, 369)].contains(&counts), "{counts:?}");
}

#[test]
fn key_vectors() {
    let counts = run("json_web_key_test.json");
    assert!([(0, 0), (1, 25)].contains(&counts), "{counts:?}");
}

#[test]
fn crypto_vectors() {
    let counts = run("json_web_crypto_test.json");
    assert!([(0, 0), (2, 46)].contains(&counts), "{counts:?}");
}

#[test]
fn encrypted_tokens_are_rejected() {
    for group in groups("json_web_encryption_test.json") {
        for test in group["tests"].as_array().unwrap() {
            let token = test["jwe"].as_str().unwrap_or_default();
            assert!(UnverifiedJws::parse(token).is_err(), "{}", test["tcId"]);
        }
    }
}
