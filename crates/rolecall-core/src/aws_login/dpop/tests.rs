//! The example of RFC 9449, valid proofs, and invalid ones of every kind.

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const URL: &str = "https://sso.example.com/v1/token";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn jwk(key: &SigningKey) -> Value {
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
}

fn header() -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&signing_key(7)) })
}

fn claims() -> Value {
    json!({ "jti": "a-jti", "htm": "POST", "htu": URL, "iat": now().timestamp() })
}

fn signed(header: &str, payload: &str, key: &SigningKey) -> String {
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature: Signature = key.sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn proof(header: &Value, claims: &Value) -> String {
    signed(&header.to_string(), &claims.to_string(), &signing_key(7))
}

fn verify(proof: &str) -> Result<DpopProof, DpopError> {
    DpopProof::verify(&[proof], "POST", &URL.parse().unwrap(), now())
}

fn changed(mut whole: Value, name: &str, value: Value) -> Value {
    let members = whole.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    whole
}

fn with_claim(name: &str, value: Value) -> Result<DpopProof, DpopError> {
    verify(&proof(&header(), &changed(claims(), name, value)))
}

fn with_header(name: &str, value: Value) -> Result<DpopProof, DpopError> {
    verify(&proof(&changed(header(), name, value), &claims()))
}

fn with_jwk(name: &str, value: Value) -> Result<DpopProof, DpopError> {
    let jwk = changed(jwk(&signing_key(7)), name, value);
    with_header("jwk", jwk)
}

fn refusal(outcome: Result<DpopProof, DpopError>) -> Option<DpopError> {
    outcome.err()
}

#[test]
fn rfc_9449_example_is_accepted_within_leeway() {
    // Section 4.1, figure 1.
    let example = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    let url = "https://server.example.com/token".parse().unwrap();
    let at = DateTime::from_timestamp(1_562_262_616, 0).unwrap();
    let proof = DpopProof::verify(&[example], "POST", &url, at).unwrap();
    // Section 6.1, figure 6.
    let jkt = URL_SAFE_NO_PAD.encode(proof.key.as_bytes());
    assert_eq!(jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn issue_time_leeway_is_exact() {
    for (seconds, wanted) in [
        (-61, Some(DpopError::Time)),
        (-60, None),
        (0, None),
        (60, None),
        (61, Some(DpopError::Time)),
    ] {
        let iat = now().timestamp() + seconds;
        assert_eq!(refusal(with_claim("iat", iat.into())), wanted, "{seconds}");
    }
    for bad in [
        json!("1800000000"),
        json!(1.8e9),
        json!(i64::MAX),
        json!(true),
        Value::Null,
    ] {
        let outcome = refusal(with_claim("iat", bad.clone()));
        assert_eq!(outcome, Some(DpopError::Malformed), "{bad}");
    }
    let past = now().timestamp() - 60;
    assert_eq!(
        refusal(with_claim("exp", past.into())),
        Some(DpopError::Time)
    );
    let later = now().timestamp() + 61;
    assert_eq!(
        refusal(with_claim("nbf", later.into())),
        Some(DpopError::Time)
    );
}

#[test]
fn out_of_range_time_is_rejected() {
    for name in ["exp", "nbf", "iat"] {
        // The first is the last second that chrono supports: any addition overflows.
        for bad in [
            8_210_266_876_799,
            8_210_266_876_800,
            -8_334_601_228_800,
            253_402_300_800,
            i64::MAX,
            i64::MIN,
            -1,
        ] {
            let outcome = refusal(with_claim(name, bad.into()));
            assert_eq!(outcome, Some(DpopError::Malformed), "{name} {bad}");
        }
    }
    assert_eq!(refusal(with_claim("exp", 253_402_300_799_i64.into())), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_times_do_not_panic(
        exp in any::<i64>(),
        nbf in any::<i64>(),
        iat in any::<i64>(),
        float in proptest::num::f64::ANY,
    ) {
        for (name, value) in [("exp", json!(exp)), ("nbf", json!(nbf)), ("iat", json!(iat)), ("exp", json!(float))] {
            let _ = with_claim(name, value);
        }
    }
}

#[test]
fn proof_is_bound_to_method_and_url() {
    for method in ["GET", "post", "POST ", ""] {
        let outcome = refusal(with_claim("htm", method.into()));
        assert_eq!(outcome, Some(DpopError::Method), "{method}");
    }
    for same in [
        "https://sso.example.com/v1/token?x=y",
        "https://sso.example.com/v1/token#part",
        "https://sso.example.com:443/v1/token",
        "HTTPS://SSO.EXAMPLE.COM/v1/token",
        "https://sso.example.com/v1/./x/../token",
        "https://sso.example.com/%76%31/t%6Fken",
    ] {
        assert_eq!(refusal(with_claim("htu", same.into())), None, "{same}");
    }
    for other in [
        "http://sso.example.com/v1/token",
        "https://sso.example.com:8443/v1/token",
        "https://sso.example.com.evil.example/v1/token",
        "https://sso.example.com@evil.example/v1/token",
        "https://evil.example/v1/token",
        "https://user@sso.example.com/v1/token",
        "https://sso.example.com/v1/token/",
        "https://sso.example.com/v1//token",
        "https://sso.example.com/V1/token",
        "https://sso.example.com/v1%2Ftoken",
        "https://sso.example.com/v1%2",
        "https://sso.example.com/v1/%+1token",
        "https://sso.example.com/v1\\token",
        "https://sso.example.com/v1/to\tken",
        " https://sso.example.com/v1/token",
        "//sso.example.com/v1/token",
        "/v1/token",
        "data:,",
        "",
    ] {
        let outcome = refusal(with_claim("htu", other.into()));
        assert_eq!(outcome, Some(DpopError::Target), "{other}");
    }
}

#[test]
fn single_well_formed_header_is_required() {
    let url: Url = URL.parse().unwrap();
    let good = proof(&header(), &claims());
    let several = DpopProof::verify(&[&good, &good], "POST", &url, now());
    assert_eq!(refusal(several), Some(DpopError::Several));
    let none = DpopProof::verify(&[], "POST", &url, now());
    assert_eq!(refusal(none), Some(DpopError::Missing));
    let (input, _) = good.rsplit_once('.').unwrap();
    let long = changed(claims(), "pad", "x".repeat(DPOP_PROOF_BYTES_MAX).into());
    for bad in [
        String::new(),
        input.to_owned(),
        format!("{good}."),
        format!("{good},{good}"),
        format!("DPoP {good}"),
        format!("{good}="),
        proof(&header(), &long),
        signed("[]", &claims().to_string(), &signing_key(7)),
        signed(&header().to_string(), "[]", &signing_key(7)),
        signed(
            &header().to_string(),
            &claims().to_string().replace("{", r#"{"htm":"POST","#),
            &signing_key(7),
        ),
    ] {
        assert_eq!(refusal(verify(&bad)), Some(DpopError::Malformed), "{bad}");
    }
    for (name, value) in [
        ("jti", Value::Null),
        ("jti", json!(7)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(DPOP_ID_BYTES_MAX + 1))),
        ("htm", Value::Null),
        ("htm", json!(["POST"])),
        ("htu", Value::Null),
    ] {
        let outcome = refusal(with_claim(name, value.clone()));
        assert_eq!(outcome, Some(DpopError::Malformed), "{name} {value}");
    }
    let crit = with_header("crit", json!(["b64"]));
    assert_eq!(refusal(crit), Some(DpopError::Malformed));
}

#[test]
fn only_es256_and_dpop_type_are_accepted() {
    for alg in ["none", "NONE", "HS256", "RS256", "ES384", "es256", ""] {
        let outcome = refusal(with_header("alg", alg.into()));
        assert_eq!(outcome, Some(DpopError::Algorithm), "{alg}");
    }
    assert_eq!(
        refusal(with_header("alg", Value::Null)),
        Some(DpopError::Algorithm)
    );
    for typ in [json!("JWT"), json!("DPOP+JWT"), json!(1), Value::Null] {
        let outcome = refusal(with_header("typ", typ.clone()));
        assert_eq!(outcome, Some(DpopError::Type), "{typ}");
    }
}

#[test]
fn only_p256_public_keys_are_accepted() {
    let y = jwk(&signing_key(8))["y"].clone();
    for (name, value) in [
        ("d", json!(URL_SAFE_NO_PAD.encode([7; 32]))),
        ("d", json!(false)),
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("crv", Value::Null),
        ("x", Value::Null),
        ("x", json!(7)),
        ("x", json!(URL_SAFE_NO_PAD.encode([1; 31]))),
        ("x", json!(URL_SAFE_NO_PAD.encode([1; 33]))),
        ("x", json!(format!("{}=", URL_SAFE_NO_PAD.encode([1; 32])))),
        // A coordinate of another key: not a point of the curve.
        ("y", y),
        ("y", json!(URL_SAFE_NO_PAD.encode([0; 32]))),
    ] {
        let outcome = refusal(with_jwk(name, value.clone()));
        assert_eq!(outcome, Some(DpopError::Key), "{name} {value}");
    }
    for jwk in [Value::Null, json!("key"), json!({}), json!([])] {
        let outcome = refusal(with_header("jwk", jwk.clone()));
        assert_eq!(outcome, Some(DpopError::Key), "{jwk}");
    }
}

#[test]
fn signature_of_another_key_is_rejected() {
    let (header, claims) = (header().to_string(), claims().to_string());
    let foreign = signed(&header, &claims, &signing_key(8));
    assert_eq!(refusal(verify(&foreign)), Some(DpopError::Signature));
    let good = signed(&header, &claims, &signing_key(7));
    let (input, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bad in [
        vec![],
        vec![0; 64],
        vec![0xff; 64],
        bytes[..63].to_vec(),
        [bytes.as_slice(), &[0]].concat(),
        [&bytes[32..], &bytes[..32]].concat(),
    ] {
        let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&bad));
        assert_eq!(
            refusal(verify(&forged)),
            Some(DpopError::Signature),
            "{bad:?}"
        );
    }
    let other = self::claims().to_string().replace("a-jti", "b-jti");
    let moved = format!(
        "{}.{}.{signature}",
        URL_SAFE_NO_PAD.encode(&header),
        URL_SAFE_NO_PAD.encode(other)
    );
    assert_eq!(refusal(verify(&moved)), Some(DpopError::Signature));
}

#[test]
fn replay_key_depends_on_key_and_jti() {
    let first = verify(&proof(&header(), &claims())).unwrap();
    let again = verify(&proof(
        &header(),
        &changed(claims(), "htu", format!("{URL}?x").into()),
    ));
    assert_eq!(first.replay_key(), again.unwrap().replay_key());
    let other = with_claim("jti", "another".into()).unwrap();
    assert_ne!(first.replay_key(), other.replay_key());
    let other = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&signing_key(8)) });
    let other = signed(&other.to_string(), &claims().to_string(), &signing_key(8));
    let other = verify(&other).unwrap();
    assert_ne!(first.replay_key(), other.replay_key());
    assert_eq!(other.check_key(first.key), Err(DpopError::OtherKey));
    assert!(first.replay_until() > now() + LEEWAY);
}
