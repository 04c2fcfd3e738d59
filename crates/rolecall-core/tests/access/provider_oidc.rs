//! Accounts with `trust = "provider-oidc"`: which providers they can trust, and warnings.

use rolecall_core::access::{ProviderFacts, ProviderProtocol};

use crate::support::{parse_for, providers};

/// Two accounts that trust okta, and an assignment.
fn policy(who: &str, set: &str) -> String {
    format!(
        r#"[[account]]
id = "111122223333"
name = "prod"
trust = "provider-oidc"
provider = "okta"
[[account]]
id = "444455556666"
name = "stage"
trust = "provider-oidc"
provider = "okta"
audience = "client-at-okta"
[[permission_set]]
name = "Reader"
{set}
[[assignment]]
id = "a"
who = {{ {who} }}
accounts = ["*"]
permission_sets = ["Reader"]
"#
    )
}

fn warnings(who: &str, set: &str) -> Vec<String> {
    let parsed = parse_for(&providers(), &[("access.toml", &policy(who, set))]).unwrap();
    let warnings = parsed.warnings().iter();
    warnings.map(|warning| warning.message.clone()).collect()
}

const GENERAL: &str = "AWS knows only `aud` and `sub` of the ID tokens of okta: no assignment, deny, condition, session policy or variant of Rolecall applies to a holder of one";

#[test]
fn every_provider_is_warned_about_once() {
    assert_eq!(
        warnings("provider = \"okta\", everyone = true", ""),
        [GENERAL]
    );
    assert_eq!(warnings("everyone = true", ""), [GENERAL]);
}

#[test]
fn attributes_that_tokens_do_not_carry_are_warned_about() {
    for set in [
        "session_tags = { team = \"x\" }",
        "source_identity = \"{email}\"",
    ] {
        assert_eq!(
            warnings("provider = \"okta\", everyone = true", set)[1..],
            [
                "sessions of Reader in prod have no session tags and no source identity: its trust is \"provider-oidc\""
            ],
            "{set}"
        );
    }
}

#[test]
fn assignment_of_another_provider_is_warned_about() {
    assert_eq!(
        warnings("provider = \"google\", everyone = true", "")[1..],
        ["nobody whom this assignment matches can use prod: it trusts only ID tokens of okta"]
    );
}

#[test]
fn provider_must_be_a_confidential_oidc_client() {
    let with = |change: fn(&mut ProviderFacts)| {
        let mut providers = providers();
        change(&mut providers[0]);
        let text = policy("everyone = true", "");
        let parsed = parse_for(&providers, &[("access.toml", &text)]);
        parsed.map_err(|errors| errors.to_string())
    };
    let saml = with(|okta| okta.protocol = ProviderProtocol::Saml).unwrap_err();
    assert!(
        saml.contains("the provider okta uses SAML and issues no ID tokens"),
        "{saml}"
    );
    let public = with(|okta| {
        if let ProviderProtocol::Oidc(client) = &mut okta.protocol {
            client.is_confidential = false;
        }
    });
    let public = public.unwrap_err();
    assert!(
        public.contains("the provider okta has neither client_secret nor client_key"),
        "{public}"
    );
    assert!(with(|_| ()).is_ok());
}

#[test]
fn provider_with_extra_audiences_is_warned_about_once() {
    let mut providers = providers();
    let ProviderProtocol::Oidc(client) = &mut providers[0].protocol else {
        panic!("okta uses OpenID Connect");
    };
    client.has_extra_audiences = true;
    let text = policy("provider = \"okta\", everyone = true", "");
    let parsed = parse_for(&providers, &[("access.toml", &text)]).unwrap();
    let warnings: Vec<_> = parsed.warnings().iter().collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[1]
            .message
            .starts_with("the provider okta has extra_audiences")
            && warnings[1]
                .hint
                .as_deref()
                .is_some_and(|hint| hint.contains("ID tokens name client-at-okta alone")),
        "{warnings:?}"
    );
}
