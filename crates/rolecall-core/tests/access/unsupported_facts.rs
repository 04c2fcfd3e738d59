//! Rules on facts that a provider never reports: groups, second factor, time of authentication.

use rolecall_core::access::{ProviderFacts, ProviderProtocol, UnsupportedFacts};

use crate::support::{parse_for, provider};

const FIXTURE: &str = r#"
[[account]]
id = "111122223333"
name = "one"
[[permission_set]]
name = "Plain"
"#;

/// `google`, which reports only the identity.
fn google(domains: &[&str]) -> ProviderFacts {
    ProviderFacts {
        unsupported: UnsupportedFacts {
            groups: true,
            second_factor: true,
            sign_in_time: true,
            claims: &["groups", "amr"],
        },
        protocol: ProviderProtocol::default(),
        ..provider("google", domains)
    }
}

fn warnings(providers: &[ProviderFacts], rules: &str) -> Vec<String> {
    let text = format!("{FIXTURE}{rules}");
    let policy = parse_for(providers, &[("access.toml", &text)]).unwrap();
    let warnings = policy.warnings().iter();
    warnings.map(|warning| warning.message.clone()).collect()
}

fn assignment(who: &str, when: &str) -> String {
    format!(
        "[[assignment]]\nid = \"a\"\nwho = {{ {who} }}\naccounts = [\"*\"]\npermission_sets = [\"Plain\"]\nwhen = {{ {when} }}\n"
    )
}

fn deny(who: &str) -> String {
    let everyone = "[[assignment]]\nid = \"a\"\nwho = { everyone = true }\naccounts = [\"*\"]\npermission_sets = [\"Plain\"]\n";
    format!("{everyone}[[deny]]\nid = \"d\"\nwho = {{ {who} }}\n")
}

const GROUPS: &str = "the provider google sends no groups: ";
const FACTOR: &str = "the provider google does not report whether a second factor was used: ";
const TIME: &str = "the provider google does not report when a person signed in: ";
const CLAIM: &str = "the provider google never sends the claim ";

#[test]
fn rule_on_unsupported_fact_causes_a_warning() {
    let both = [
        provider("okta", &["corp.example"]),
        google(&["example.com"]),
    ];
    let alone = [google(&["example.com"])];
    let alice = "users = [\"alice@example.com\"]";
    let mixed = "users = [\"bob@corp.example\", \"alice@example.com\"]";
    let of_google = "provider = \"google\"";
    for (case, providers, rules, message) in [
        (
            "groups, by provider",
            &both[..],
            assignment(&format!("{of_google}, groups = [\"a\"]"), ""),
            vec![format!("{GROUPS}this matches nobody")],
        ),
        (
            "groups, of the only provider",
            &alone,
            assignment("groups = [\"a\"]", ""),
            vec![format!("{GROUPS}this matches nobody")],
        ),
        (
            "groups, of the only provider for the domain",
            &both,
            assignment(&format!("{alice}, groups = [\"a\"]"), ""),
            vec![format!("{GROUPS}this matches nobody")],
        ),
        (
            "groups, and an address among others",
            &both,
            assignment(&format!("{mixed}, groups = [\"a\"]"), ""),
            vec![format!("{GROUPS}this never matches alice@example.com")],
        ),
        (
            "a deny rule by groups",
            &both,
            deny(&format!("{of_google}, groups = [\"a\"]")),
            vec![format!("{GROUPS}this matches nobody")],
        ),
        (
            "a deny rule by groups, of the only provider",
            &alone,
            deny("groups = [\"a\"]"),
            vec![format!("{GROUPS}this matches nobody")],
        ),
        (
            "a deny rule by a claim",
            &both,
            deny(&format!("{of_google}, claims = {{ groups = [\"a\"] }}")),
            vec![format!("{CLAIM}\"groups\": this matches nobody")],
        ),
        (
            "a pattern of a claim",
            &alone,
            assignment("claims_matching = { amr = \"^mfa$\" }", ""),
            vec![format!("{CLAIM}\"amr\": this matches nobody")],
        ),
        (
            "a second factor, for the only provider of the domain",
            &both,
            assignment(alice, "mfa = true"),
            vec![format!("{FACTOR}nobody meets `mfa`")],
        ),
        (
            "a second factor, for one of two",
            &both,
            assignment(mixed, "mfa = true"),
            vec![format!("{FACTOR}alice@example.com never meets `mfa`")],
        ),
        (
            "a second factor of everybody",
            &alone,
            assignment("everyone = true", "mfa = true"),
            vec![format!("{FACTOR}nobody meets `mfa`")],
        ),
        (
            "a fresh sign-in",
            &both,
            assignment(alice, "signed_in_within = \"1h\""),
            vec![format!("{TIME}nobody meets `signed_in_within`")],
        ),
        (
            "both conditions",
            &alone,
            assignment(alice, "mfa = true, signed_in_within = \"1h\""),
            vec![
                format!("{TIME}nobody meets `signed_in_within`"),
                format!("{FACTOR}nobody meets `mfa`"),
            ],
        ),
    ] {
        assert_eq!(warnings(providers, &rules), message, "{case}");
    }
}

#[test]
fn fact_of_another_provider_causes_no_warning() {
    let both = [
        provider("okta", &["example.com", "corp.example"]),
        google(&["example.com"]),
    ];
    for rules in [
        assignment("provider = \"okta\", groups = [\"a\"]", "mfa = true"),
        assignment(
            "users = [\"bob@corp.example\"]",
            "mfa = true, signed_in_within = \"1h\"",
        ),
        assignment("everyone = true", "mfa = true"),
        assignment(
            "provider = \"google\", claims = { hd = [\"example.com\"] }",
            "",
        ),
        // It also denies an address of okta that is not trusted.
        deny("users = [\"alice@example.com\"], groups = [\"a\"]"),
    ] {
        assert_eq!(warnings(&both, &rules), Vec::<String>::new(), "{rules}");
    }
}
