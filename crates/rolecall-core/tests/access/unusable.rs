//! Roles whose templates cannot be rendered for a person: displayed with the reason, and never granted.

use rolecall_core::access::{Grants, Unmet};
use rolecall_core::identity::{EmailAddress, Identity};
use rolecall_test_requirements::CORPUS;

use crate::support::{facts, labels, person, policy, with_claims};

const POLICY: &str = r#"
    [[account]]
    id = "111122223333"
    name = "one"
    [[account]]
    id = "444455556666"
    name = "two"
    [[permission_set]]
    name = "Plain"
    [[permission_set]]
    name = "Traced"
    source_identity = "{email}"
    variants = { short = { session_duration = "15m" } }
    [[permission_set]]
    name = "Tagged"
    session_tags = { team = "{claims.team}" }
    [[assignment]]
    id = "everybody"
    who = { everyone = true }
    accounts = ["*"]
    permission_sets = ["Plain", "Traced"]
    owner = "platform@example.com"
    [[assignment]]
    id = "tagged"
    who = { everyone = true }
    accounts = ["one"]
    permission_sets = ["Tagged"]
    when = { mfa = true }
    [[deny]]
    id = "never-in-two"
    who = { everyone = true }
    accounts = ["two"]
    permission_sets = ["Traced"]
"#;

fn with_email(email: &str) -> Identity {
    Identity {
        email: EmailAddress::parse(email).ok(),
        ..person("alice")
    }
}

fn locked(grants: &Grants) -> Vec<String> {
    let label = |role: String, unmet: &[Unmet]| {
        let unmet: Vec<String> = unmet.iter().map(ToString::to_string).collect();
        format!("{role}: {}", unmet.join(" and "))
    };
    let each = grants.locked();
    each.map(|one| {
        let name = one.permission_set.role_name(one.variant.as_ref());
        label(format!("{}/{name}", one.account.name), &one.unmet)
    })
    .collect()
}

/// The address of a case of the field corpus, or the given one.
fn field(id: &str, otherwise: &str) -> String {
    let email = |text: String| {
        let case: serde_json::Value = serde_json::from_str(&text).unwrap();
        case["case"]["claims"]["email"].as_str().unwrap().to_owned()
    };
    let corpus = CORPUS.path_for_part();
    let text =
        corpus.map(|corpus| std::fs::read_to_string(corpus.join(format!("field/{id}.json"))));
    text.map_or_else(|| otherwise.to_owned(), |text| email(text.unwrap()))
}

/// An address that is longer than a session name can be a source identity.
#[test]
fn long_address_is_a_source_identity() {
    let email = field("I3", &format!("{}@example.com", "a".repeat(60)));
    assert!(email.len() > 64, "{email}");
    let policy = policy(POLICY);
    let identity = with_email(&email);
    let grants = policy.grants(&facts(&identity));
    let usable = ["one/Plain", "one/Traced", "one/Traced@short", "two/Plain"];
    assert_eq!(labels(&grants), usable);
}

#[test]
fn unusable_role_is_locked_with_reason() {
    let policy = policy(POLICY);
    let grants = policy.grants(&facts(&with_email("alice@example.com")));
    let usable = ["one/Plain", "one/Traced", "one/Traced@short", "two/Plain"];
    assert_eq!(labels(&grants), usable);
    assert_eq!(
        locked(&grants),
        ["one/Tagged: needs a sign-in with a second factor"]
    );

    for (case, email) in [
        ("I1", field("I1", "o'brien@example.com")),
        (
            "LDAP: a plus is fine for a tag, a slash is none for a source identity",
            "ops/alice@example.com".to_owned(),
        ),
        ("JumpCloud: an ampersand", "r&d@example.com".to_owned()),
    ] {
        let identity = with_email(&email);
        assert!(identity.email.is_some(), "{case}: {email}");
        let grants = policy.grants(&facts(&identity));
        assert_eq!(labels(&grants), ["one/Plain", "two/Plain"], "{case}");
        assert_eq!(grants.len(), 2, "{case}");
        let message = locked(&grants);
        let traced: Vec<&String> = message
            .iter()
            .filter(|one| one.contains("Traced"))
            .collect();
        assert_eq!(
            traced.len(),
            2,
            "the denied one is not among them: {message:?}"
        );
        for one in traced {
            assert!(
                one.starts_with("one/Traced")
                    && one.contains("cannot be used, because the source identity cannot contain"),
                "{case}: {one}"
            );
        }
        let of_one: Vec<String> = grants
            .of_account(&"111122223333".parse().unwrap())
            .map(|grant| grant.role_name())
            .collect();
        assert_eq!(of_one, ["Plain"], "{case}");
        let accounts: Vec<&str> = grants
            .accounts_after(None)
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(accounts, ["one", "two"]);
        // A request for the role returns the error of the template.
        let asked = grants.find(&"111122223333".parse().unwrap(), "Traced", None);
        assert!(asked.unwrap().attributes(&facts(&identity)).is_err());
        let explained = policy.explain(&facts(&identity));
        assert_eq!(locked(explained.grants()), message, "{case}");
    }
}

#[test]
fn unusable_roles_are_not_granted() {
    let traced = POLICY.replace("[\"Plain\", \"Traced\"]", "[\"Traced\"]");
    let policy = policy(&traced);
    let grants = policy.grants(&facts(&with_email("o'brien@example.com")));
    assert!(grants.is_empty() && labels(&grants).is_empty());
    assert!(
        grants
            .locked()
            .any(|one| one.owners == ["platform@example.com"])
    );
}

#[test]
fn missing_claim_locks_the_role() {
    let policy = policy(POLICY);
    let with_mfa = |identity: Identity| Identity {
        mfa: true,
        ..identity
    };
    let none = policy.grants(&facts(&with_mfa(person("alice"))));
    let message = "one/Tagged: cannot be used, because the session tag team uses {claims.team}, but your identity provider sent no value";
    assert!(locked(&none)[0].starts_with(message), "{:?}", locked(&none));
    let some = with_claims(with_mfa(person("alice")), &[("team", &["payments"])]);
    let some = policy.grants(&facts(&some));
    assert!(locked(&some).is_empty() && labels(&some).contains(&"one/Tagged".to_owned()));
}
