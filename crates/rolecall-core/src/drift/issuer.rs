//! The issuer's documents, as AWS reads them (IAM User Guide, "Create an OpenID Connect identity provider in IAM").

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::document::shown;
use super::finding::{Finding, FindingKind, Fix};
use super::fix;
use crate::base::json;

/// Characters of the URL of an OIDC provider (IAM, `CreateOpenIDConnectProvider`).
const URL_CHARS_MAX: usize = 255;
/// Keys that AWS reads of a key set, of each type.
const KEYS_MAX: usize = 100;
/// Algorithms that IAM supports.
const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];

const PUBLISH_NOTE: &str = "AWS needs both documents of the gateway unchanged: see \"Network requirements\" in docs/operations.md";

/// Collects findings about one URL.
struct Findings<'a> {
    resource: &'a str,
    found: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, kind: FindingKind, found: impl Into<String>, fix: Fix) {
        self.found.push(Finding {
            kind,
            account: None,
            resource: Some(self.resource.to_owned()),
            found: found.into(),
            fix,
        });
    }
}

/// Whether IAM accepts the issuer as OIDC provider.
pub fn issuer_url(issuer: &Url) -> Vec<Finding> {
    let text = issuer.as_str().trim_end_matches('/');
    let mut findings = Findings {
        resource: text,
        found: Vec::new(),
    };
    let advice =
        || fix::advice("change public_url, or `url` in [issuer]: it is the issuer of the tokens");
    let mut add = |found: &str| findings.add(FindingKind::IssuerUrl, found, advice());
    if issuer.scheme() != "https" {
        add("the URL does not use https");
    }
    if issuer.port().is_some() {
        add("the URL has a port");
    }
    if issuer.query().is_some() || issuer.fragment().is_some() {
        add("the URL has a query or a fragment");
    }
    if text.chars().count() > URL_CHARS_MAX {
        add("the URL has more than 255 characters");
    }
    findings.found
}

/// The documents cannot be fetched.
pub fn issuer_unreachable(url: &str, reason: &str) -> Finding {
    Finding {
        kind: FindingKind::IssuerUnreachable,
        account: None,
        resource: Some(url.to_owned()),
        found: shown(reason),
        fix: fix::advice(PUBLISH_NOTE),
    }
}

/// The key set contains a key with which somebody else can sign tokens.
pub fn issuer_foreign_key(url: &str, found: &str) -> Finding {
    Finding {
        kind: FindingKind::IssuerForeignKey,
        account: None,
        resource: Some(url.to_owned()),
        found: shown(found),
        fix: fix::advice(
            "find out who can write to this address, and see \"The published documents were changed\" in docs/issuer.md",
        ),
    }
}

/// Whether AWS can use the discovery document (OpenID Connect Discovery 1.0 section 3). Returns the URL of the key set as well.
pub fn discovery(issuer: &Url, body: &[u8]) -> (Vec<Finding>, Option<Url>) {
    let issuer = issuer.as_str().trim_end_matches('/');
    let mut findings = Findings {
        resource: issuer,
        found: Vec::new(),
    };
    let mut add = |found: String| {
        findings.add(
            FindingKind::IssuerDiscovery,
            found,
            fix::advice(PUBLISH_NOTE),
        );
    };
    let document = match json::object(body) {
        Ok(document) => document,
        Err(reason) => {
            add(format!("the discovery document: {reason}"));
            return (findings.found, None);
        }
    };
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("issuer") != Some(issuer) {
        let found = text("issuer").unwrap_or_default();
        add(format!("the issuer in the document is {:?}", shown(found)));
    }
    for name in [
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ] {
        if document.get(name).and_then(Value::as_array).is_none() {
            add(format!("the document has no list {name}"));
        }
    }
    let jwks_uri = text("jwks_uri").and_then(|uri| Url::parse(uri).ok());
    match &jwks_uri {
        None => add("the document has no URL jwks_uri".to_owned()),
        Some(uri) if uri.scheme() != "https" => add("jwks_uri does not use https".to_owned()),
        Some(_) => {}
    }
    (findings.found, jwks_uri)
}

/// Whether AWS can use the key set (RFC 7517). `own` are the IDs of the keys that the gateway publishes, if they are known.
pub fn key_set(url: &str, body: &[u8], own: Option<&BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Findings {
        resource: url,
        found: Vec::new(),
    };
    let mut add = |kind, found: String| findings.add(kind, found, fix::advice(PUBLISH_NOTE));
    let keys = json::object(body).and_then(|document| match document.get("keys") {
        Some(Value::Array(keys)) if !keys.is_empty() => Ok(keys.clone()),
        Some(_) | None => Err("it has no keys".to_owned()),
    });
    let keys = match keys {
        Ok(keys) => keys,
        Err(reason) => {
            add(FindingKind::IssuerKeys, format!("the key set: {reason}"));
            return findings.found;
        }
    };
    let mut ids = BTreeSet::new();
    for (number, key) in (1..).zip(&keys) {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let id = text("kid").filter(|id| !id.is_empty());
        let named = id.map_or_else(
            || format!("key {number}"),
            |id| format!("key {}", shown(id)),
        );
        match id {
            None => add(FindingKind::IssuerKeys, format!("{named} has no kid")),
            Some(id) if !ids.insert(id.to_owned()) => {
                add(
                    FindingKind::IssuerKeys,
                    format!("two keys have the kid {}", shown(id)),
                );
            }
            Some(_) => {}
        }
        if let Some(fault) = fault(&text) {
            add(FindingKind::IssuerKeys, format!("{named}: {fault}"));
        }
    }
    for kind in ["RSA", "EC"] {
        let count = keys.iter().filter(|key| key["kty"] == kind).count();
        if count > KEYS_MAX {
            let found =
                format!("the key set has {count} keys of type {kind}; AWS reads {KEYS_MAX}");
            add(FindingKind::IssuerKeys, found);
        }
    }
    if let Some(own) = own.filter(|own| **own != ids) {
        let list = |ids: &BTreeSet<String>| super::document::listed(ids);
        let found = format!(
            "the published keys are {} instead of {}",
            list(&ids),
            list(own)
        );
        add(FindingKind::IssuerKeysStale, found);
    }
    findings.found
}

/// Why AWS does not use a key with these members.
fn fault<'k>(text: &impl Fn(&str) -> Option<&'k str>) -> Option<String> {
    let present = |name: &str| text(name).is_some_and(|value| !value.is_empty());
    let Some(algorithm) = text("alg") else {
        return Some("it has no alg".to_owned());
    };
    if !ALGORITHMS.contains(&algorithm) {
        return Some(format!("AWS does not support {}", shown(algorithm)));
    }
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return Some("it is not for signatures".to_owned());
    }
    let curve = match algorithm {
        "ES256" => "P-256",
        "ES384" => "P-384",
        "ES512" => "P-521",
        _ => "",
    };
    let complete = match curve {
        "" => text("kty") == Some("RSA") && present("n") && present("e"),
        curve => {
            text("kty") == Some("EC") && text("crv") == Some(curve) && present("x") && present("y")
        }
    };
    (!complete).then(|| format!("it is not a key for {algorithm}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(|one| one.kind.id()).collect()
    }

    #[test]
    fn issuers_are_judged_by_their_url() {
        for (url, count) in [
            ("https://sso.example.com", 0),
            ("https://sso.example.com/tenant", 0),
            ("http://sso.example.com", 1),
            ("https://sso.example.com:8443", 1),
            ("http://sso.example.com:8080/?a=b", 3),
        ] {
            let findings = issuer_url(&Url::parse(url).unwrap());
            assert_eq!(ids(&findings), vec!["issuer-url"; count], "{url}");
        }
        let long = format!("https://sso.example.com/{}", "x".repeat(240));
        assert_eq!(issuer_url(&Url::parse(&long).unwrap()).len(), 1);
    }

    #[test]
    fn documents_that_aws_cannot_use_are_found() {
        let issuer = Url::parse("https://sso.example.com").unwrap();
        let good = json!({
            "issuer": "https://sso.example.com",
            "jwks_uri": "https://sso.example.com/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        let (findings, jwks) = discovery(&issuer, good.to_string().as_bytes());
        assert!(findings.is_empty() && jwks.is_some(), "{findings:?}");
        for (member, value) in [
            ("issuer", json!("https://sso.example.com/")),
            ("issuer", json!(null)),
            ("jwks_uri", json!("http://sso.example.com/jwks")),
            ("jwks_uri", json!("jwks")),
            ("subject_types_supported", json!("public")),
        ] {
            let mut bad = good.clone();
            bad[member] = value;
            let (findings, _) = discovery(&issuer, bad.to_string().as_bytes());
            assert_eq!(ids(&findings), ["issuer-discovery"], "{bad}");
        }
        for bad in ["", "[]", "<html>", r#"{"issuer":1,"issuer":2}"#] {
            let (findings, jwks) = discovery(&issuer, bad.as_bytes());
            assert_eq!(
                (ids(&findings), jwks),
                (vec!["issuer-discovery".to_owned()], None)
            );
        }
    }

    #[test]
    fn keys_that_aws_cannot_use_are_found() {
        let key = json!({ "kid": "a", "alg": "ES256", "use": "sig", "kty": "EC", "crv": "P-256", "x": "x", "y": "y" });
        let set = |keys: Vec<Value>| json!({ "keys": keys }).to_string();
        let judge = |body: &str| ids(&key_set("u", body.as_bytes(), None));
        assert!(judge(&set(vec![key.clone()])).is_empty());
        for (member, value) in [
            ("kid", json!(null)),
            ("alg", json!(null)),
            ("alg", json!("EdDSA")),
            ("alg", json!("RS256")),
            ("alg", json!("ES384")),
            ("use", json!("enc")),
            ("crv", json!("P-384")),
            ("y", json!("")),
        ] {
            let mut bad = key.clone();
            bad[member] = value;
            assert_eq!(judge(&set(vec![bad.clone()])), ["issuer-keys"], "{bad}");
        }
        for bad in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#] {
            assert_eq!(judge(bad), ["issuer-keys"], "{bad}");
        }
        assert_eq!(judge(&set(vec![key.clone(), key.clone()])), ["issuer-keys"]);
        let numbered = |number: usize| {
            let mut key = key.clone();
            key["kid"] = number.to_string().into();
            key
        };
        assert_eq!(
            judge(&set((0..101).map(numbered).collect())),
            ["issuer-keys"]
        );
        let own = BTreeSet::from(["b".to_owned()]);
        let stale = key_set("u", set(vec![key]).as_bytes(), Some(&own));
        assert_eq!(ids(&stale), ["issuer-keys-stale"]);
    }
}
