//! Names from corpora of hostile texts (`ROLECALL_CORPUS`): AWS gets valid names for every name of a provider, always
//! the same for a person, and never the same for two. Left out without the corpora.

use std::collections::BTreeMap;

use rolecall_core::access::AttributeError;
use rolecall_core::aws::{
    Partition, RoleSessionDuration, RoleSessionName, RoleSessionTags, SourceIdentity, TagKey,
};
use rolecall_core::base::limits;
use rolecall_core::identity::{Identity, ReadClaims, Subject};
use rolecall_test_requirements::CORPUS;
use serde_json::{Value, json};

use crate::support::{facts, person, policy};

fn read(file: &str) -> Option<String> {
    let corpus = CORPUS.path()?;
    Some(std::fs::read_to_string(corpus.join(file)).unwrap())
}

fn is_legal(name: &str, chars_max: usize) -> bool {
    (2..=chars_max).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

/// A person without an address whose provider sends this name; `None` if it is not a valid subject.
fn called(name: &str) -> Option<Identity> {
    Some(Identity {
        subject: Subject::parse(name).ok()?,
        email: None,
        name: Some(name.to_owned()),
        groups: vec![name.to_owned()],
        ..person("x")
    })
}

/// Checks that session names are valid and unique.
fn assert_injective<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let mut people = BTreeMap::new();
    for name in names {
        let Some(identity) = called(name) else {
            continue;
        };
        let given = RoleSessionName::of(&identity);
        assert!(is_legal(given.as_str(), 64), "{name:?} became {given:?}");
        assert_eq!(given, RoleSessionName::of(&identity));
        let other = people.insert(given.as_str().to_lowercase(), name.to_owned());
        assert!(
            other.as_deref().is_none_or(|other| other == name),
            "{other:?} and {name:?}"
        );
    }
    people.len()
}

#[test]
fn corpus_session_names_are_valid_and_injective() {
    let Some(text) = read("aws/role-session-names.jsonl") else {
        return;
    };
    let vectors: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let inputs = || {
        vectors
            .iter()
            .map(|vector| vector["input"].as_str().unwrap())
    };
    assert!(assert_injective(inputs()) > 20);
    for (vector, input) in vectors.iter().zip(inputs()) {
        // A source identity is either unchanged or rejected.
        let kept = vector["expect"] == input;
        let parsed = SourceIdentity::parse(input, Partition::China);
        assert_eq!(parsed.is_ok(), kept, "{vector}");
    }
}

#[test]
fn limits_match_sts() {
    let Some(text) = read("aws/sts-limits.json") else {
        return;
    };
    let document: Value = serde_json::from_str(&text).unwrap();
    let theirs = &document["limits"];
    assert_eq!(theirs["tags"], limits::SESSION_TAGS_MAX);
    assert_eq!(theirs["key"], json!([1, limits::SESSION_TAG_KEY_CHARS_MAX]));
    assert_eq!(
        theirs["value"],
        json!([0, limits::SESSION_TAG_VALUE_CHARS_MAX])
    );
    assert_eq!(
        theirs["session_policy_plain"],
        limits::SESSION_POLICY_CHARS_MAX
    );
    assert_eq!(
        theirs["web_identity_token"][1],
        limits::WEB_IDENTITY_TOKEN_CHARS_MAX
    );
    let durations = [RoleSessionDuration::MIN, RoleSessionDuration::MAX];
    assert_eq!(
        theirs["duration"],
        json!(durations.map(RoleSessionDuration::seconds))
    );

    for vector in document["tag_vectors"].as_array().unwrap() {
        let text = |name: &str, default: &str| vector[name].as_str().unwrap_or(default).to_owned();
        let keys: Vec<String> = match (vector["n"].as_u64(), vector["keys"].as_array()) {
            (Some(n), _) => (0..n).map(|n| format!("k{n}")).collect(),
            (None, Some(keys)) => keys
                .iter()
                .map(|key| key.as_str().unwrap().to_owned())
                .collect(),
            (None, None) => vec![text("key", "k")],
        };
        let mut tags = RoleSessionTags::default();
        let taken = keys.iter().all(|key| {
            TagKey::parse(key).is_ok_and(|key| tags.add(key, &text("value", "v")).is_ok())
        });
        assert_eq!(taken, vector["expect"] == "accept", "{vector}");
    }
}

#[test]
fn naughty_strings_are_handled() {
    let Some(text) = read("unicode/blns.json") else {
        return;
    };
    let strings: Vec<String> = serde_json::from_str(&text).unwrap();
    assert!(assert_injective(strings.iter().map(String::as_str)) > 300);
    let policy = policy(
        r#"
        [[account]]
        id = "111122223333"
        name = "one"
        [[permission_set]]
        name = "P"
        session_tags = { said = "{claims.said}" }
        source_identity = "{claims.said}"
        [[assignment]]
        id = "a"
        who = { everyone = true }
        accounts = ["one"]
        permission_sets = ["P"]
        "#,
    );
    for string in &strings {
        let said = json!({ "said": string, string: [string, { string: string }] });
        let (claims, unread_claims) = ReadClaims::from_json(said.as_object().unwrap()).into_parts();
        let identity = Identity {
            claims,
            unread_claims,
            ..called(string).unwrap_or_else(|| person("x"))
        };
        for grant in policy.grants(&facts(&identity)).iter() {
            match grant.attributes(&facts(&identity)) {
                Ok(attributes) => {
                    let source = attributes.source_identity.unwrap();
                    assert!(is_legal(source.as_str(), 256), "{string:?}");
                }
                Err(error) => drop::<AttributeError>(error),
            }
        }
    }
}
