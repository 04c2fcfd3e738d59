//! The names that CloudTrail shows for people: valid, stable, and different for any two people.

use proptest::prelude::*;
use rolecall_core::aws::{FederatedUserName, RoleSessionName};
use rolecall_core::identity::{EmailAddress, Identity, ProviderId, Subject};

use crate::support::person;

/// Providers and subjects of few letters, so that they are equal when they are joined in other ways, and people who share an
/// address.
fn identity() -> impl Strategy<Value = Identity> {
    let provider = prop::sample::select(vec!["a", "ab", "b", "a-b"]);
    let subject = prop_oneof!["[ab|#-]{1,3}", "[ab]{40}[ab]{1,2}", "\\PC{1,20}"];
    let long = format!("{}@example.com", "x".repeat(60));
    let email = prop::sample::select(vec![None, Some("a@example.com".to_owned()), Some(long)]);
    let parsed = (provider, subject, email).prop_map(|(provider, subject, email)| {
        Some(Identity {
            provider: ProviderId::parse(provider).ok()?,
            subject: Subject::parse(&subject).ok()?,
            email: email.and_then(|email| EmailAddress::parse(&email).ok()),
            ..person("x")
        })
    });
    parsed.prop_filter_map("not a subject", |identity| identity)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_differ_between_any_two_people(first in identity(), second in identity()) {
        let is_same = (&first.provider, &first.subject) == (&second.provider, &second.subject);
        let role_session = |person: &Identity| RoleSessionName::of(person).as_str().to_owned();
        let federated_user = |person: &Identity| FederatedUserName::of(person).to_string();
        for (one, other, chars_max) in [
            (role_session(&first), role_session(&second), 64),
            (federated_user(&first), federated_user(&second), 32),
        ] {
            for name in [&one, &other] {
                prop_assert!((2..=chars_max).contains(&name.len()), "{}", name);
                let valid = |b: u8| b.is_ascii_alphanumeric() || b"_=+,.@-".contains(&b);
                prop_assert!(name.bytes().all(valid), "{}", name);
            }
            // The readable part can be the same for two people, and changes with the address; the digest does neither.
            let digest = |name: &str| name[name.len() - 10..].to_owned();
            prop_assert_eq!(digest(&one) == digest(&other), is_same, "{} {}", one, other);
            if is_same && first.email == second.email {
                prop_assert_eq!(one, other);
            }
        }
    }
}
