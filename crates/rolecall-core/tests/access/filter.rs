//! The filter `aws` of templates, and source identities that two people can share.

use std::collections::BTreeMap;

use proptest::prelude::*;
use regex::Regex;
use rolecall_core::access::{Policy, ProviderFacts, RoleSessionAttributes, Template};
use rolecall_core::aws::{Partition, RoleSessionTags, SourceIdentity};
use rolecall_core::identity::{EmailAddress, Identity};

use crate::support::{ONE_ROLE, facts, parse_for, person, provider, providers, with_claims};

fn policy(providers: &[ProviderFacts], keys: &str) -> Policy {
    parse_for(providers, &[("access.toml", &format!("{ONE_ROLE}{keys}"))]).unwrap()
}

fn attributes(keys: &str, identity: &Identity) -> Result<RoleSessionAttributes, String> {
    let grants = policy(&providers(), keys).grants(&facts(identity));
    let account = "111122223333".parse().unwrap();
    let grant = grants.find(&account, "P", None).unwrap();
    let attributes = grant.attributes(&facts(identity));
    attributes.map_err(|error| error.to_string())
}

fn with_email(address: &str) -> Identity {
    Identity {
        email: Some(EmailAddress::parse(address).unwrap()),
        ..person("x")
    }
}

#[test]
fn aws_filter_keeps_mail_domain() {
    for (address, expected) in [
        ("alice@example.com", "alice@example.com"),
        ("o'brien@example.com", "o=27brien@example.com"),
        ("a=b@example.com", "a=3Db@example.com"),
        ("a=27b@example.com", "a=3D27b@example.com"),
        ("a/b+c&d@example.com", "a=2Fb+c=26d@example.com"),
    ] {
        let attributes = attributes(r#"source_identity = "{email|aws}""#, &with_email(address));
        let source_identity = attributes.unwrap().source_identity.unwrap();
        assert_eq!(source_identity.as_str(), expected);
    }
}

#[test]
fn aws_filter_encodes_rejected_characters() {
    let said = |text: &str| with_claims(person("x"), &[("said", &[text])]);
    let keys = r#"
        source_identity = "{claims.said|aws}"
        session_tags = { said = "{claims.said|aws}" }
    "#;
    for (text, source_identity, tag) in [
        ("a,b", "a,b", "a=2Cb"),
        ("R and D", "R=20and=20D", "R and D"),
        ("ou:x/y", "ou=3Ax=2Fy", "ou:x/y"),
        ("Müller", "M=C3=BCller", "Müller"),
        (
            "😀<script>",
            "=F0=9F=98=80=3Cscript=3E",
            "=F0=9F=98=80=3Cscript=3E",
        ),
        ("a\0\r\nb", "a=00=0D=0Ab", "a=00=0D=0Ab"),
        ("aws:alice", "aws=3Aalice", "aws:alice"),
        (
            "${aws:username}*",
            "=24=7Baws=3Ausername=7D=2A",
            "=24=7Baws:username=7D=2A",
        ),
        (
            "admin@ex\u{430}mple.com",
            "admin@ex=D0=B0mple.com",
            "admin@ex\u{430}mple.com",
        ),
    ] {
        let attributes = attributes(keys, &said(text)).unwrap();
        assert_eq!(
            attributes.source_identity.unwrap().as_str(),
            source_identity
        );
        let tags: BTreeMap<_, _> = attributes.tags.iter().collect();
        assert_eq!(tags["said"], tag, "{text:?}");
    }
}

#[test]
fn too_long_value_locks_role() {
    let keys = r#"source_identity = "{claims.said|aws}""#;
    // 86 spaces are 258 characters.
    for (spaces, fits) in [(85, true), (86, false)] {
        let said = " ".repeat(spaces);
        let identity = with_claims(person("x"), &[("said", &[&said])]);
        let told = attributes(keys, &identity);
        assert_eq!(told.is_ok(), fits, "{told:?}");
        let grants = policy(&providers(), keys).grants(&facts(&identity));
        assert_eq!(grants.len(), usize::from(fits));
        for locked in grants.locked() {
            let unmet: Vec<String> = locked.unmet.iter().map(ToString::to_string).collect();
            assert!(unmet.concat().contains("2 to 256 characters"), "{unmet:?}");
        }
    }
    let identity = with_claims(person("x"), &[("said", &[""])]);
    let told = attributes(keys, &identity).unwrap_err();
    assert!(told.contains("uses {claims.said}"), "{told}");
}

fn warnings(providers: &[ProviderFacts], source_identity: &str) -> Vec<String> {
    let policy = policy(providers, &format!("source_identity = {source_identity:?}"));
    let warnings = policy.warnings().iter();
    warnings.map(|warning| warning.message.clone()).collect()
}

#[test]
fn shared_source_identity_is_warned_about() {
    let one = [provider("okta", &["example.com"])];
    let two = providers();
    let nobody =
        "two people can share this source identity: none of its placeholders identifies a person";
    let either = "two people can share this source identity: two providers can use the same value for different people";
    for (text, of_one, of_two) in [
        ("{email}", None, None),
        ("{email|aws}", None, None),
        ("{subject|aws}", None, Some(either)),
        ("{provider}.{subject|aws}", None, None),
        ("{claims.oid}", None, Some(either)),
        ("{claims.employeeNumber}-{provider}", None, None),
        ("{claims./person/upn}", None, Some(either)),
        ("{name|aws}", Some(nobody), Some(nobody)),
        ("{provider}.{name|aws}", Some(nobody), Some(nobody)),
        ("{claims.department}", Some(nobody), Some(nobody)),
        ("everybody", Some(nobody), Some(nobody)),
        ("{name|aws}.{email|aws}", None, None),
    ] {
        assert_eq!(warnings(&one, text), Vec::from_iter(of_one), "{text}");
        assert_eq!(warnings(&two, text), Vec::from_iter(of_two), "{text}");
    }
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,12}",
        "[=0-9A-F]{1,12}",
        // Marks and symbols that Unicode counts as alphabetic.
        "[a\u{e31}\u{93f}\u{301}\u{24b6}\u{1f130}]{1,4}",
        prop::collection::vec(any::<char>(), 1..8).prop_map(String::from_iter),
    ]
}

proptest! {
    #[test]
    fn aws_filter_is_injective(first in values(), second in values()) {
        let template = Template::parse("x{claims.said|aws}").unwrap();
        let rendered = |text: &str, accepted: fn(char) -> bool| {
            let identity = with_claims(person("x"), &[("said", &[text])]);
            template.render(&identity, accepted).unwrap()
        };
        // The patterns of the STS API Reference.
        let source_identities = Regex::new(r"^(?-u:[\w+=,.@-])*$").unwrap();
        let tags = Regex::new(r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$").unwrap();
        for (accepted, pattern) in [
            (SourceIdentity::accepts as fn(char) -> bool, &source_identities),
            (RoleSessionTags::accepts, &tags),
        ] {
            let (one, other) = (rendered(&first, accepted), rendered(&second, accepted));
            prop_assert_eq!(one == other, first == second);
            prop_assert!(pattern.is_match(&one), "{}", one);
            prop_assert_eq!(decoded(&one), format!("x{first}"));
        }
        let source_identity = rendered(&first, SourceIdentity::accepts);
        prop_assert!(SourceIdentity::parse(&source_identity, Partition::Aws).is_ok());
    }
}

/// What `=XX` stands for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('=') {
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(&from[..2], 16).unwrap());
        rest = &from[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).unwrap()
}
