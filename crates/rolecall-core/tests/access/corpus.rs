//! Names from corpora of hostile texts (`ROLECALL_CORPUS`): AWS gets valid names for every name of a provider, always
//! the same for a person, and never the same for two. Left out without the corpora.

use std::collections::BTreeMap;

use rolecall_core::access::AttributeError;
use rolecall_core::aws::{
    ExternalId, FederatedUserName, Partition, RoleSessionDuration, RoleSessionName,
    RoleSessionTags, SourceIdentity, TagKey,
};
use rolecall_core::base::limits;
use rolecall_core::identity::{Identity, ReadClaims, Subject};
use rolecall_test_requirements::CORPUS;
use serde_json::{Value, json};

use crate::support::{ONE_ROLE, facts, person, policy, with_claims};

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
        let federated = FederatedUserName::of(&identity);
        assert!(
            is_legal(federated.as_str(), 32),
            "{name:?} became {federated}"
        );
        for (kind, given) in [("role", given.as_str()), ("user", federated.as_str())] {
            let other = people.insert((kind, given.to_lowercase()), name.to_owned());
            assert!(
                other.as_deref().is_none_or(|other| other == name),
                "{other:?} and {name:?}"
            );
        }
    }
    people.len() / 2
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

/// `{claims.said|aws}` as a source identity: valid for AWS, unchanged where the vector expects it, and different for different
/// names. A name is refused only if it is too long or too short.
#[test]
fn filtered_source_identities_are_valid_and_injective() {
    let Some(text) = read("aws/role-session-names.jsonl") else {
        return;
    };
    let policy = policy(&format!(
        "{ONE_ROLE}source_identity = \"{{claims.said|aws}}\""
    ));
    let mut texts = BTreeMap::new();
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let input = vector["input"].as_str().unwrap();
        let identity = with_claims(person("x"), &[("said", &[input])]);
        let grants = policy.grants(&facts(&identity));
        let account = "111122223333".parse().unwrap();
        let grant = grants.find(&account, "P", None).unwrap();
        let Ok(attributes) = grant.attributes(&facts(&identity)) else {
            let refused = vector["expect"] == "REFUSE" || vector["expect"] == "ENCODE-OR-REFUSE";
            assert!(refused, "{vector}");
            continue;
        };
        let source = attributes.source_identity.unwrap().as_str().to_owned();
        assert!(is_legal(&source, 256), "{input:?} became {source:?}");
        if vector["expect"] == input {
            // `=` begins an encoded byte.
            assert_eq!(source, input.replace('=', "=3D"), "{vector}");
        } else {
            let encoded = vector["expect"] == "TRUNCATE+HASH" || source != input;
            assert!(encoded, "{vector}");
        }
        let other = texts.insert(source, input.to_owned());
        assert_eq!(other, None, "{vector}");
    }
    assert!(texts.len() > 25, "{}", texts.len());
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
    assert_eq!(
        theirs["saml_assertion_b64"][1],
        limits::SAML_RESPONSE_CHARS_MAX
    );
    let durations = [RoleSessionDuration::MIN, RoleSessionDuration::MAX];
    assert_eq!(
        theirs["duration"],
        json!(durations.map(RoleSessionDuration::seconds))
    );
    assert_eq!(
        theirs["chained_max"],
        RoleSessionDuration::CHAINED_MAX.seconds()
    );
    let lengths = |is_valid: &dyn Fn(&str) -> bool| {
        let valid = |chars: &usize| is_valid(&"x".repeat(*chars));
        json!([(0..2_000).find(valid), (0..2_000).rev().find(valid)])
    };
    assert_eq!(
        theirs["external_id"],
        lengths(&|text| ExternalId::parse(text).is_ok())
    );
    // The partition `aws` accepts 256 characters since the vectors were written.
    assert_eq!(
        theirs["source_identity"],
        lengths(&|text| SourceIdentity::parse(text, Partition::China).is_ok())
    );
    let mut covered: Vec<&str> = theirs
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    covered.sort_unstable();
    assert_eq!(
        covered,
        [
            "chained_max",
            "duration",
            "external_id",
            "federation_name",
            "key",
            "role_session_name",
            "saml_assertion_b64",
            "session_policy_plain",
            "source",
            "source_identity",
            "tags",
            "value",
            "web_identity_token",
        ],
        "a limit without a test"
    );
    // Names of sessions have both limits for every person, however long the name of the person is.
    for chars in [1, 2, 17, 30, 64, 255] {
        let identity = called(&"x".repeat(chars)).unwrap();
        for (limit, name) in [
            ("role_session_name", RoleSessionName::of(&identity).as_str()),
            ("federation_name", FederatedUserName::of(&identity).as_str()),
        ] {
            let [min, max] = [0, 1].map(|n| theirs[limit][n].as_u64().unwrap() as usize);
            assert!((min..=max).contains(&name.len()), "{limit}: {name}");
        }
    }

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
