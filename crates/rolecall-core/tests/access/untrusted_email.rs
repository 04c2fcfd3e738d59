//! Addresses that are not trusted: they grant nothing, and deny rules still apply.

use rolecall_core::access::AttributeError;
use rolecall_core::identity::{EmailDomain, Identity, trusted_email};

use crate::support::{facts, person, policy};

const POLICY: &str = r#"
    [[account]]
    id = "111122223333"
    name = "one"
    [[permission_set]]
    name = "P"
    [[permission_set]]
    name = "Q"
    [[assignment]]
    id = "everybody"
    who = { everyone = true }
    accounts = ["one"]
    permission_sets = ["P"]
    [[assignment]]
    id = "mallory-too"
    who = { users = ["mallory@example.com"] }
    accounts = ["one"]
    permission_sets = ["Q"]
    [[deny]]
    id = "mallory-never"
    reason = "left the company"
    who = { users = ["mallory@example.com", "eve@example.com"] }
    accounts = ["one"]
    permission_sets = ["P"]
"#;

fn sent(addresses: &[&str], verified: Option<bool>) -> Identity {
    let addresses: Vec<String> = addresses.iter().map(|one| (*one).to_owned()).collect();
    let domains = [EmailDomain::parse("example.com").unwrap()];
    let mut identity = person("alice");
    (identity.email, identity.untrusted_email) = match trusted_email(&addresses, verified, &domains)
    {
        Ok(email) => (email, None),
        Err(untrusted) => (None, Some(untrusted)),
    };
    identity
}

fn granted(identity: &Identity) -> Vec<String> {
    let policy = policy(POLICY);
    let names = |grants: &rolecall_core::access::Grants| -> Vec<String> {
        let each = grants.iter();
        each.map(|grant| grant.permission_set().name.to_string())
            .collect()
    };
    let granted = names(&policy.grants(&facts(identity)));
    let explained = policy.explain(&facts(identity));
    assert_eq!(granted, names(explained.grants()));
    granted
}

#[test]
fn untrusted_address_grants_nothing_and_denies() {
    let nothing: [&str; 0] = [];
    assert_eq!(granted(&sent(&["alice@example.com"], None)), ["P"]);
    assert_eq!(granted(&sent(&["mallory@example.com"], None)), ["Q"]);
    assert_eq!(granted(&sent(&[], Some(false))), ["P"]);
    for (addresses, verified) in [
        (&["mallory@example.com"][..], Some(false)),
        // The address was not verified: it may be anyone's.
        (&["alice@example.com"], Some(false)),
        (&["alice@example.com", "mallory@example.com"], None),
        (&["Mallory@Example.com", "mallory@example.com"], Some(true)),
        // No comparable address.
        (&["Mallory <mallory@example.com>"], None),
        (&["m\u{e4}llory@example.com"], None),
        (&["alice@example.com", "m\u{e4}llory@example.com"], None),
    ] {
        assert_eq!(
            granted(&sent(addresses, verified)),
            nothing,
            "{addresses:?}"
        );
    }
    for others in [
        &["alice@elsewhere.example"][..],
        &["alice@example.com", "bob@example.com"],
    ] {
        assert_eq!(granted(&sent(others, None)), ["P"], "{others:?}");
    }
}

#[test]
fn explanation_names_the_untrusted_address() {
    let identity = sent(&["alice@example.com"], Some(false));
    let explained = policy(POLICY).explain(&facts(&identity));
    let message = "\"alice@example.com\" is not trusted, because email_verified";
    let deny = &explained.denies()[0];
    assert_eq!(deny.reasons[0], "left the company");
    assert!(deny.reasons[1].contains(message), "{deny}");
    let assignment = &explained.assignments()[1];
    assert!(assignment.to_string().contains(message), "{assignment}");
    assert!(!explained.assignments()[0].to_string().contains(message));
}

#[test]
fn template_error_names_the_untrusted_address() {
    let identity = sent(&["bob@sub.example.com"], None);
    let traced = POLICY.replacen(
        "name = \"P\"",
        "name = \"P\"\n    source_identity = \"{email}\"",
        1,
    );
    let facts = facts(&identity);
    let grants = policy(&traced).grants(&facts);
    let account = "111122223333".parse().unwrap();
    let grant = grants.find(&account, "P", None).unwrap();
    let error = grant.attributes(&facts).unwrap_err();
    assert!(
        matches!(error, AttributeError::UntrustedEmail { .. }),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains("the source identity uses {email}")
            && message.contains("\"bob@sub.example.com\" is not trusted, because its domain"),
        "{message}"
    );
    assert!(error.hint().contains("domains"));
}
