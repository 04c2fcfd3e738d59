//! Accounts that trust the people's own identity providers, and accounts without roles.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::access::{OidcClientFacts, Policy, PolicyContext, PolicyFile, ProviderProtocol};
use rolecall_core::provisioning::{Existing, ExistingProviders, Plan};

use super::*;
use crate::support::{FILES, provider};

const SAML: &str = "trust = \"provider-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/okta\"";
const FEDERATION: &str = "trust = \"federation-token\"\n\
    credentials = { access_key_id = { file = \"key.id\" }, secret_access_key = { file = \"key.secret\" } }";

/// [`ONE_ROLE`] with these keys, beside an OpenID provider with this issuer.
fn with_provider(issuer: &str, account: &str, permission_set: &str) -> Policy {
    let mut facts = provider("okta", &["example.com"]);
    facts.protocol = ProviderProtocol::Oidc(OidcClientFacts {
        issuer: issuer.to_owned(),
        client_id: "0oa1b2".to_owned(),
        is_confidential: true,
        has_extra_audiences: false,
    });
    let text = format!("{ONE_ROLE}{permission_set}\n");
    let text = text.replace("name = \"one\"\n", &format!("name = \"one\"\n{account}\n"));
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[facts],
        files: &FILES,
        trusted_proxies: &[],
    };
    let source = PolicyFile {
        path: "access.toml".into(),
        text,
    };
    Policy::parse(&[source], &context).unwrap()
}

fn planned(issuer: &str, account: &str, permission_set: &str) -> Plan {
    plan_with(&with_provider(issuer, account, permission_set), |_| {}).unwrap()
}

#[test]
fn roles_trust_id_tokens_of_the_client() {
    let plan = planned(
        "https://example.okta.com/oauth2/default",
        "trust = \"provider-oidc\"\nprovider = \"okta\"",
        "variants = { readonly = {} }",
    );
    let account = &plan.accounts[0];
    assert_eq!(
        account.provider,
        Some(ProviderPlan::Oidc {
            url: "https://example.okta.com/oauth2/default".to_owned(),
            client_id: "0oa1b2".to_owned()
        })
    );
    assert_eq!(
        trust(account, &account.roles[0])["Statement"],
        json!([{
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::111122223333:oidc-provider/example.okta.com/oauth2/default" },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": { "example.okta.com/oauth2/default:aud": "0oa1b2" } },
        }])
    );
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("every person who uses the client 0oa1b2"))
    );
}

#[test]
fn google_needs_no_provider() {
    let keys = "trust = \"provider-oidc\"\nprovider = \"okta\"";
    let plan = planned("https://accounts.google.com", keys, "");
    let account = &plan.accounts[0];
    assert_eq!(account.provider, None);
    let statement = &trust(account, &account.roles[0])["Statement"][0];
    assert_eq!(statement["Principal"]["Federated"], "accounts.google.com");
    assert_eq!(
        statement["Condition"]["StringEquals"],
        json!({ "accounts.google.com:aud": "0oa1b2" })
    );
}

#[test]
fn roles_trust_saml_responses_of_the_provider() {
    let policy = one_role(SAML, "source_identity = \"{email|aws}\"\n");
    let account = plan_with(&policy, |_| {}).unwrap().accounts.remove(0);
    assert_eq!(account.provider, None);
    assert_eq!(
        trust(&account, &account.roles[0])["Statement"],
        json!([{
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::111122223333:saml-provider/okta" },
            "Action": ["sts:AssumeRoleWithSAML", "sts:SetSourceIdentity"],
            "Condition": {
                "StringEquals": { "SAML:aud": ["https://signin.aws.amazon.com/saml", "https://eu-west-1.signin.aws.amazon.com/saml"] },
                "StringLike": { "sts:SourceIdentity": ["*@corp.example", "*@example.com"] },
            },
        }])
    );
    let (issuer, region) = (
        Url::parse("https://sso.example.com").unwrap(),
        Region::parse("us-east-1").unwrap(),
    );
    let metadata = BTreeMap::from([("okta".to_owned(), "<Okta/>".to_owned())]);
    let installation = Installation {
        provider_metadata: Some(&metadata),
        ..Installation::new(&issuer, &region)
    };
    let plan = plan_of(&policy, &installation);
    let account = &plan.accounts[0];
    assert_eq!(
        account.provider,
        Some(ProviderPlan::Saml {
            name: "okta".to_owned(),
            metadata: "<Okta/>".to_owned()
        })
    );
    let statement = &trust(account, &account.roles[0])["Statement"][0];
    assert_eq!(
        statement["Condition"]["StringEquals"]["SAML:aud"],
        "https://signin.aws.amazon.com/saml"
    );
}

fn plan_of(policy: &Policy, installation: &Installation<'_>) -> Plan {
    rolecall_core::provisioning::plan(policy, installation, None).unwrap()
}

#[test]
fn existing_providers_are_left_out() {
    let (issuer, region) = (
        Url::parse("https://sso.example.com").unwrap(),
        Region::parse("eu-west-1").unwrap(),
    );
    let ids = |text| BTreeSet::from([AccountId::parse(text).unwrap()]);
    let (this, other) = (ids("111122223333"), ids("444455556666"));
    let saml = "trust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"";
    for (keys, providers, is_generated) in [
        ("", ExistingProviders::Nowhere, true),
        ("", ExistingProviders::In(&other), true),
        ("", ExistingProviders::In(&this), false),
        ("", ExistingProviders::Everywhere, false),
        // Without the provider, its metadata is not needed.
        (saml, ExistingProviders::Everywhere, false),
        (SAML, ExistingProviders::Everywhere, false),
    ] {
        let installation = Installation {
            existing: Existing {
                providers,
                gateway: false,
            },
            ..Installation::new(&issuer, &region)
        };
        let managed = "managed_policies = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]";
        let plan = plan_of(&one_role(keys, managed), &installation);
        assert_eq!(plan.accounts[0].provider.is_some(), is_generated, "{keys}");
        // The trust policy refers to it in any case.
        let document = trust(&plan.accounts[0], &plan.accounts[0].roles[0]);
        assert!(document.to_string().contains("arn:aws:iam::111122223333:"));
        assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    }
}

#[test]
fn accounts_without_roles_have_a_user() {
    let set = "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\n\
        managed_policies = [\"arn:aws:iam::aws:policy/SecurityAudit\"]\n\
        inline_policy = '{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:ListBucket\",\"Resource\":\"*\"}}'\n\
        permissions_boundary = \"arn:aws:iam::{account}:policy/B\"";
    let plan = planned("https://okta.example", FEDERATION, set);
    let account = &plan.accounts[0];
    assert!(account.roles.is_empty() && account.provider.is_none());
    let user = account.user.as_ref().unwrap();
    let federation = user.federation().node().fill(&account.id).compact();
    assert_eq!(
        federation,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"arn:aws:sts::111122223333:federated-user/*"}]}"#
    );
    assert_eq!(user.managed_policies().len(), 1);
    let boundary = user.permissions_boundary().map(|arn| arn.fill(&account.id));
    assert_eq!(
        boundary.as_deref(),
        Some("arn:aws:iam::111122223333:policy/B")
    );
    let own: Vec<(String, String)> = user
        .customer_managed_policies()
        .map(|(name, node)| (name, node.fill(&account.id).compact()))
        .collect();
    assert!(
        matches!(own.as_slice(), [(name, text)] if name == "rolecall-user-1" && text.contains("s3:ListBucket")),
        "{own:?}"
    );
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    let bare = planned(
        "https://okta.example",
        FEDERATION,
        "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]",
    );
    let notes: Vec<String> = bare.notes.iter().map(ToString::to_string).collect();
    assert!(
        matches!(notes.as_slice(), [only] if only.contains("the user rolecall has no permissions")),
        "{notes:?}"
    );
}
