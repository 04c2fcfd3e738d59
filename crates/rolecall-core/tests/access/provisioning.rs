//! Plans of accounts: trust policies and roles.

mod guard;
mod intermediate;
mod limits;
mod providers;

use std::collections::BTreeSet;

use rolecall_core::access::Policy;
use rolecall_core::aws::{AccountId, Partition, Region};
use rolecall_core::identity::EmailDomain;
use rolecall_core::provisioning::{
    AccountPlan, GatewayPrincipal, Installation, Plan, PlanError, ProviderPlan, RolePlan, plan,
};
use serde_json::{Value, json};
use url::Url;

use crate::support::{ONE_ROLE, policy};

/// A plan for the gateway at sso.example.com; `with` changes the installation.
fn plan_with(
    policy: &Policy,
    with: impl Fn(&mut Installation<'_>),
) -> Result<Plan, BTreeSet<PlanError>> {
    plan_at("https://sso.example.com", policy, with)
}

fn plan_at(
    issuer: &str,
    policy: &Policy,
    with: impl Fn(&mut Installation<'_>),
) -> Result<Plan, BTreeSet<PlanError>> {
    let (issuer, region) = (
        Url::parse(issuer).unwrap(),
        Region::parse("eu-west-1").unwrap(),
    );
    let public_url = Url::parse("https://sso.example.com").unwrap();
    let domains = ["corp.example", "example.com"].map(|text| EmailDomain::parse(text).unwrap());
    let principal =
        GatewayPrincipal::parse("arn:aws:iam::999988887777:role/rolecall-gateway").unwrap();
    let mut installation = Installation {
        public_url: &public_url,
        email_domains: &domains,
        principal: Some(&principal),
        saml_metadata: Some("<EntityDescriptor/>"),
        ..Installation::new(&issuer, &region)
    };
    with(&mut installation);
    plan(policy, &installation, None)
}

/// The only account of [`ONE_ROLE`], with these keys of the account and of the permission set.
fn account(account: &str, permission_set: &str) -> AccountPlan {
    let plan = plan_with(&one_role(account, permission_set), |_| {}).unwrap();
    plan.accounts.into_iter().next().unwrap()
}

fn one_role(account: &str, permission_set: &str) -> Policy {
    let text = format!("{ONE_ROLE}{permission_set}\n");
    policy(&text.replace("name = \"one\"\n", &format!("name = \"one\"\n{account}\n")))
}

fn trust(plan: &AccountPlan, role: &RolePlan) -> Value {
    serde_json::from_str(&role.trust().node().fill(&plan.id).compact()).unwrap()
}

fn only_trust(account_keys: &str, set_keys: &str) -> Value {
    let plan = account(account_keys, set_keys);
    let [role] = plan.roles.as_slice() else {
        panic!("one role: {:?}", plan.roles)
    };
    trust(&plan, role)
}

#[test]
fn roles_trust_tokens_for_themselves_only() {
    let plan = account("audience = \"aws\"", "source_identity = \"{email|aws}\"\n");
    assert_eq!(
        plan.provider,
        Some(ProviderPlan::Oidc {
            url: "https://sso.example.com".to_owned(),
            client_id: "aws".to_owned()
        })
    );
    let role = &plan.roles[0];
    let text = role.trust().node().fill(&plan.id).compact();
    assert_eq!(
        text,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/sso.example.com"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"],"Condition":{"StringEquals":{"sso.example.com:aud":"aws","aws:RequestTag/rolecall:account":"111122223333","aws:RequestTag/rolecall:permission-set":"P"},"Bool":{"sts:RoleAuthorizedByIdp":"true"},"StringLike":{"sts:SourceIdentity":["*@corp.example","*@example.com"]}}}]}"#
    );
    assert_eq!(role.trust().chars(), text.len());
}

#[test]
fn claim_of_the_role_is_required_where_aws_evaluates_it() {
    for (partition, role_claim, required) in [
        (Partition::Aws, true, true),
        (Partition::Aws, false, false),
        (Partition::GovCloud, true, false),
    ] {
        let plan = plan_with(&one_role("", ""), |installation| {
            installation.partition = partition;
            installation.role_claim = role_claim;
        });
        let plan = plan.unwrap().accounts.remove(0);
        let statement = &trust(&plan, &plan.roles[0])["Statement"][0];
        let bool = &statement["Condition"]["Bool"];
        assert_eq!(bool["sts:RoleAuthorizedByIdp"] == "true", required);
        assert_eq!(
            statement["Action"],
            json!(["sts:AssumeRoleWithWebIdentity", "sts:TagSession"])
        );
    }
}

#[test]
fn issuer_at_another_address_concerns_tokens_only() {
    let issuer = "https://example.github.io/rolecall";
    let saml = "trust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"";
    for (keys, key, expected) in [
        ("", "example.github.io/rolecall:aud", "sts.amazonaws.com"),
        (saml, "SAML:iss", "https://sso.example.com/saml/metadata"),
    ] {
        let plan = plan_at(issuer, &one_role(keys, ""), |_| {}).unwrap();
        let account = &plan.accounts[0];
        let document = trust(account, &account.roles[0]);
        let condition = &document["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(condition[key], expected, "{document}");
        if keys.is_empty() {
            let provider = Some(ProviderPlan::Oidc {
                url: issuer.to_owned(),
                client_id: expected.to_owned(),
            });
            assert_eq!(account.provider, provider);
        }
    }
}

#[test]
fn roles_trust_saml_responses_for_themselves_only() {
    let keys = "trust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"";
    let statement = |more: &str| {
        let document = only_trust(
            &format!("{keys}\n{more}"),
            "source_identity = \"{subject}@corp\"",
        );
        document["Statement"][0].clone()
    };
    assert_eq!(
        statement(""),
        json!({
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::111122223333:saml-provider/rolecall" },
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": {
                "StringEquals": {
                    "SAML:aud": "https://eu-west-1.signin.aws.amazon.com/saml",
                    "SAML:iss": "https://sso.example.com/saml/metadata",
                    "aws:RequestTag/rolecall:account": "111122223333",
                    "aws:RequestTag/rolecall:permission-set": "P",
                },
                "StringLike": { "sts:SourceIdentity": "*@corp" },
            },
        })
    );
    let aud = |more: &str| statement(more)["Condition"]["StringEquals"]["SAML:aud"].clone();
    assert_eq!(
        aud("sts_region = \"us-east-1\""),
        "https://signin.aws.amazon.com/saml"
    );
    let recipient = "https://eu-central-1.signin.aws.amazon.com/saml";
    assert_eq!(aud(&format!("recipient = \"{recipient}\"")), recipient);
}

#[test]
fn roles_trust_the_credentials_of_the_gateway() {
    let keys = "trust = \"caller\"\nexternal_id = \"7c2c6f6e\"";
    let set = "source_identity = \"{email|aws}\"";
    assert_eq!(account(keys, set).provider, None);
    assert_eq!(
        only_trust(keys, set)["Statement"],
        json!([{
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::999988887777:role/rolecall-gateway" },
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": {
                "StringEquals": {
                    "sts:ExternalId": "7c2c6f6e",
                    "aws:RequestTag/rolecall:account": "111122223333",
                    "aws:RequestTag/rolecall:permission-set": "P",
                },
                "StringLike": { "sts:SourceIdentity": ["*@corp.example", "*@example.com"] },
            },
        }])
    );
    // The last intermediate role has the tags and the source identity of the first call.
    let via = format!(
        "{keys}\nvia = [\"arn:aws:iam::999988887777:role/a\", \"arn:aws:iam::999988887777:role/b\"]"
    );
    assert_eq!(
        only_trust(&via, set)["Statement"],
        json!([{
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::999988887777:role/b" },
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": {
                "StringEquals": {
                    "aws:PrincipalTag/rolecall:account": "111122223333",
                    "aws:PrincipalTag/rolecall:permission-set": "P",
                },
                "StringLike": { "aws:SourceIdentity": ["*@corp.example", "*@example.com"] },
            },
        }])
    );
}

#[test]
fn variants_share_a_role_or_have_their_own() {
    let plan = account(
        "",
        "session_duration = \"4h\"\nvariants = { readonly = {}, audit = { role = \"x/Audit\", session_duration = \"2h\", managed_policies = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"] } }",
    );
    let roles = plan.roles.iter().map(|role| {
        let statement = trust(&plan, role)["Statement"][0].clone();
        let tag = &statement["Condition"]["StringEquals"]["aws:RequestTag/rolecall:permission-set"];
        (
            role.iam_path() + role.path().name(),
            tag.clone(),
            role.max_session_seconds(),
        )
    });
    assert_eq!(
        roles.collect::<Vec<_>>(),
        [
            ("/P".to_owned(), json!(["P", "P@readonly"]), 14_400),
            ("/x/Audit".to_owned(), json!("P@audit"), 7_200),
        ]
    );
    assert_eq!(plan.roles[0].managed_policies().len(), 0);
    assert_eq!(plan.roles[1].managed_policies().len(), 1);
}

/// Two permission sets with one role, and these keys.
fn two_sets(one: &str, other: &str) -> Policy {
    let text = format!(
        "{ONE_ROLE}role = \"Shared\"\n{one}\n[[permission_set]]\nname = \"Q\"\nrole = \"Shared\"\n{other}\n"
    );
    policy(&text.replace("[\"P\"]", "[\"*\"]"))
}

#[test]
fn permission_sets_can_share_a_role() {
    let managed = "managed_policies = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]";
    let plan = plan_with(&two_sets(managed, "session_duration = \"2h\""), |_| {}).unwrap();
    let account = &plan.accounts[0];
    let role = &account.roles[0];
    assert_eq!(account.roles.len(), 1);
    assert_eq!(role.permission_sets(), ["P", "Q"]);
    assert_eq!(
        (role.managed_policies().len(), role.max_session_seconds()),
        (1, 7_200)
    );
    let statements = trust(account, role)["Statement"].clone();
    assert_eq!(statements.as_array().unwrap().len(), 1, "{statements}");
    // A session without a source identity must not be accepted in place of one that has one.
    let plan = plan_with(&two_sets("source_identity = \"{email}\"", ""), |_| {}).unwrap();
    let account = &plan.accounts[0];
    let statements = trust(account, &account.roles[0])["Statement"].clone();
    let of = |number: usize| {
        let statement = &statements[number];
        let equals = &statement["Condition"]["StringEquals"];
        (
            equals["aws:RequestTag/rolecall:permission-set"].clone(),
            statement["Condition"].get("StringLike").is_some(),
        )
    };
    assert_eq!([of(0), of(1)], [(json!("Q"), false), (json!("P"), true)]);
    let boundary = "permissions_boundary = \"arn:aws:iam::aws:policy/ReadOnlyAccess\"";
    let errors = plan_with(&two_sets(managed, boundary), |_| {}).unwrap_err();
    assert!(
        matches!(errors.first(), Some(PlanError::SharedRole { one, other, .. }) if one == "P" && other == "Q"),
        "{errors:?}"
    );
}

#[test]
fn descriptions_have_the_characters_of_iam() {
    for (keys, expected) in [
        ("", "Rolecall: P"),
        (
            "description = \"Zoë's \\\"${x}\\\" – 100 %{y}\"",
            "Zoë's \"${x}\" ? 100 %{y}",
        ),
    ] {
        assert_eq!(account("", keys).roles[0].description(), expected);
    }
}

#[test]
fn only_assigned_permission_sets_have_roles() {
    let policy = policy(
        r#"
account = [{ id = "111122223333", name = "one" }, { id = "444455556666", name = "two" }, { id = "777788889999", name = "none" }]
permission_set = [{ name = "P" }, { name = "Q" }, { name = "R" }]
assignment = [
    { id = "a", who = { everyone = true }, accounts = ["one", "two"], permission_sets = ["P"] },
    { id = "b", who = { everyone = true }, accounts = ["two"], permission_sets = ["Q"], session_duration = "8h" },
]
"#,
    );
    let plan = plan_with(&policy, |_| {}).unwrap();
    let roles = plan.accounts.iter().map(|account| {
        let roles = account.roles.iter();
        let roles = roles.map(|role| (role.path().to_string(), role.max_session_seconds()));
        let name = account.name.as_ref().map(ToString::to_string);
        (name.unwrap_or_default(), roles.collect::<Vec<_>>())
    });
    let p = || ("P".to_owned(), 3_600);
    assert_eq!(
        roles.collect::<Vec<_>>(),
        [
            ("one".to_owned(), vec![p()]),
            ("two".to_owned(), vec![p(), ("Q".to_owned(), 28_800)]),
        ]
    );
    let id = AccountId::parse("777788889999").unwrap();
    assert!(plan.accounts.iter().all(|account| account.id != id));
}
