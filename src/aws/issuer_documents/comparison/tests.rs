//! Documents that are stale, damaged or changed on purpose.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::aws::keys::{KeyAlgorithm, KeySet, SigningKey};

const ISSUER: &str = "https://issuer.example.com";

fn key(algorithm: KeyAlgorithm) -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(algorithm, DateTime::UNIX_EPOCH).unwrap())
}

/// A key in each state.
struct Fixture {
    active: Arc<SigningKey>,
    next: Arc<SigningKey>,
    replaced: Arc<SigningKey>,
    expired: Arc<SigningKey>,
    retired: Arc<SigningKey>,
    own: IssuerDocuments,
}

impl Fixture {
    fn new() -> Self {
        let [active, next, replaced, expired, retired] = [
            KeyAlgorithm::Es256,
            KeyAlgorithm::Rs256,
            KeyAlgorithm::Es256,
            KeyAlgorithm::Es256,
            KeyAlgorithm::Es256,
        ]
        .map(key);
        let keys = KeySet {
            active: Arc::clone(&active),
            published: [&active, &next, &replaced].map(Arc::clone).into(),
            replaced: vec![Arc::clone(&replaced)],
            next: vec![next.id().clone()],
            expired: vec![expired.id().clone()],
            retired: vec![retired.id().clone()],
        };
        let own = IssuerDocuments::new(ISSUER, &keys);
        Self {
            active,
            next,
            replaced,
            expired,
            retired,
            own,
        }
    }

    fn jwks(&self, keys: &[Value]) -> Vec<Difference> {
        let jwks = json!({ "keys": keys }).to_string();
        self.differences(self.own.discovery.body.as_bytes(), jwks.as_bytes())
    }

    fn differences(&self, discovery: &[u8], jwks: &[u8]) -> Vec<Difference> {
        self.own.compare(discovery, jwks).differences
    }

    /// The key set of this installation.
    fn all(&self) -> Vec<Value> {
        [&self.active, &self.next, &self.replaced]
            .map(|key| key.jwk().clone())
            .into()
    }
}

#[test]
fn own_documents_match_in_any_order() {
    let fixture = Fixture::new();
    let own = &fixture.own;
    let compared = own.compare(own.discovery.body.as_bytes(), own.jwks.body.as_bytes());
    assert_eq!(compared.differences, []);
    assert_eq!(compared.served.len(), 3);
    let mut keys = fixture.all();
    keys.reverse();
    let jwks = serde_json::to_vec_pretty(&json!({ "keys": keys, "note": 1 })).unwrap();
    let compared = own.compare(own.discovery.body.as_bytes(), &jwks);
    assert_eq!((compared.differences, compared.served.len()), (vec![], 3));
}

#[test]
fn missing_keys_are_named_by_their_use() {
    let fixture = Fixture::new();
    let expected = [
        Difference::MissingActive(fixture.active.id().clone()),
        Difference::MissingNext(fixture.next.id().clone()),
        Difference::MissingReplaced(fixture.replaced.id().clone()),
    ];
    assert_eq!(fixture.jwks(&[]), expected);
    for (missing, expected) in expected.into_iter().enumerate() {
        let mut keys = fixture.all();
        keys.remove(missing);
        assert_eq!(expected.severity(), Severity::Fault);
        assert_eq!(fixture.jwks(&keys), [expected]);
    }
}

#[test]
fn keys_that_do_not_belong_there_are_found() {
    let fixture = Fixture::new();
    let with = |more: Value| {
        let mut keys = fixture.all();
        keys.push(more);
        fixture.jwks(&keys)
    };
    let retired = with(fixture.retired.jwk().clone());
    assert_eq!(retired, [Difference::Retired(fixture.retired.id().clone())]);
    assert_eq!(retired[0].severity(), Severity::Fault);
    let expired = with(fixture.expired.jwk().clone());
    assert_eq!(expired, [Difference::Expired(fixture.expired.id().clone())]);
    assert_eq!(expired[0].severity(), Severity::Warning);

    let foreign = key(KeyAlgorithm::Es256);
    let named = |kid: &str| {
        let mut jwk = foreign.jwk().clone();
        jwk["kid"] = json!(kid);
        jwk
    };
    let own_alg_none = {
        let mut jwk = fixture.active.jwk().clone();
        jwk["alg"] = json!("none");
        jwk
    };
    for more in [
        foreign.jwk().clone(),
        named(fixture.active.id().as_str()),
        named(fixture.retired.id().as_str()),
        own_alg_none,
        json!({ "kty": "oct", "k": "AQAB" }),
        json!({}),
        json!(null),
        json!("\u{202e}\n"),
    ] {
        let found = with(more.clone());
        assert!(
            matches!(&found[..], [Difference::ForeignKey(_)])
                && found[0].severity() == Severity::Danger,
            "{more}: {found:?}"
        );
    }
    // In place of the own key.
    let mut keys = fixture.all();
    keys[0] = named(fixture.active.id().as_str());
    let found = fixture.jwks(&keys);
    assert!(
        matches!(
            found[..],
            [Difference::ForeignKey(_), Difference::MissingActive(_)]
        ),
        "{found:?}"
    );
}

#[test]
fn member_that_occurs_twice_is_rejected() {
    let fixture = Fixture::new();
    let own = &fixture.own.jwks.body;
    let foreign = json!([key(KeyAlgorithm::Es256).jwk()]);
    let twice = format!("{{\"keys\":{foreign},{}", &own[1..]);
    let found = fixture.differences(fixture.own.discovery.body.as_bytes(), twice.as_bytes());
    assert!(
        matches!(found[..], [Difference::Invalid { .. }]),
        "{found:?}"
    );
}

#[test]
fn discovery_document_of_others_is_rejected() {
    let fixture = Fixture::new();
    let own = &fixture.own;
    let jwks = own.jwks.body.as_bytes();
    for (from, to, dangerous) in [
        (
            "\"issuer\":\"https://issuer.",
            "\"issuer\":\"https://sso.",
            false,
        ),
        (
            "\"issuer\":\"https://issuer.example.com\"",
            "\"issuer\":\"https://issuer.example.com/\"",
            false,
        ),
        ("/jwks\"", "/jwks?v=2\"", true),
        (
            "\"jwks_uri\":\"https://issuer.",
            "\"jwks_uri\":\"https://evil.",
            true,
        ),
        ("\"jwks_uri\"", "\"jwksuri\"", true),
        ("\"ES256\"", "\"PS256\"", false),
    ] {
        let other = own.discovery.body.replace(from, to);
        assert_ne!(*other, *own.discovery.body, "{from}");
        let compared = own.compare(other.as_bytes(), jwks);
        assert_eq!(compared.differences.len(), 1, "{from}: {compared:?}");
        let severity = compared.differences[0].severity();
        assert_eq!(severity == Severity::Danger, dangerous, "{from}");
        assert_eq!(
            compared.served.is_empty(),
            !from.contains("ES256"),
            "{from}"
        );
    }
    let spaced = own.discovery.body.replace(",\"", " ,\n\"");
    assert_eq!(fixture.differences(spaced.as_bytes(), jwks), []);
    let long = format!("{{\"issuer\":\"{}\"}}", "\u{7}x".repeat(100_000));
    for other in [
        "",
        "<html>",
        "[]",
        "null",
        "{\"issuer\":1}",
        &long,
        "{\"issuer\":\"a\",\"issuer\":\"b\"}",
    ] {
        let found = fixture.differences(other.as_bytes(), jwks);
        assert!(!found.is_empty(), "{other}");
        for difference in found {
            let text = difference.to_string();
            assert!(
                text.chars().count() < 1_000 && !text.contains(char::is_control),
                "{text}"
            );
        }
    }
}

#[test]
fn long_key_sets_are_reported_and_bounded() {
    let fixture = Fixture::new();
    let mut keys: Vec<Value> = (0..100).map(|n| json!({ "kid": n.to_string() })).collect();
    keys.extend(fixture.all());
    let jwks = json!({ "keys": keys }).to_string();
    let own = &fixture.own;
    let compared = own.compare(own.discovery.body.as_bytes(), jwks.as_bytes());
    assert!(compared.served.is_empty(), "AWS does not read them");
    assert_eq!(compared.differences.len(), FOREIGN_KEYS_MAX + 4);
    assert!(compared.differences.contains(&Difference::TooManyKeys(103)));
    for other in ["", "{}", "{\"keys\":{}}", "[]"] {
        let found = fixture.differences(own.discovery.body.as_bytes(), other.as_bytes());
        assert!(
            matches!(found[..], [Difference::Invalid { .. }]),
            "{other}: {found:?}"
        );
    }
}

#[test]
fn retired_keys_do_not_hide_a_foreign_key() {
    let fixture = Fixture::new();
    let retired: Vec<Arc<SigningKey>> = (0..FOREIGN_KEYS_MAX)
        .map(|_| key(KeyAlgorithm::Es256))
        .collect();
    let own = IssuerDocuments::new(
        ISSUER,
        &KeySet {
            active: Arc::clone(&fixture.active),
            published: [Arc::clone(&fixture.active)].into(),
            replaced: vec![],
            next: vec![],
            expired: vec![],
            retired: retired.iter().map(|key| key.id().clone()).collect(),
        },
    );
    let mut keys: Vec<Value> = retired.iter().map(|key| key.jwk().clone()).collect();
    keys.push(fixture.active.jwk().clone());
    keys.push(key(KeyAlgorithm::Es256).jwk().clone());
    let jwks = json!({ "keys": keys }).to_string();
    let compared = own.compare(own.discovery.body.as_bytes(), jwks.as_bytes());
    assert_eq!(compared.differences.len(), FOREIGN_KEYS_MAX + 1);
    assert_eq!(compared.differences[0].severity(), Severity::Danger);
    assert!(matches!(compared.differences[0], Difference::ForeignKey(_)));
}
