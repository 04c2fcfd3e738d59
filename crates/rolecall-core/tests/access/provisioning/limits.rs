//! Limits of IAM, and notes for administrators.

use rolecall_core::access::Policy;
use rolecall_core::provisioning::PlanNote;
use serde_json::{Value, json};

use super::{one_role, plan_at, plan_with};

const SAML: &str = "trust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"";

/// `variants` with this many names.
fn variants(count: usize) -> String {
    let variants = (0..count).map(|n| format!("variant-number-{n:03} = {{}}"));
    format!(
        "variants = {{ {} }}",
        variants.collect::<Vec<_>>().join(", ")
    )
}

#[test]
fn errors_name_what_iam_would_refuse() {
    let statement = |bytes: usize| {
        let resource = "x".repeat(bytes);
        format!(r#"{{"Effect":"Allow","Action":"s3:*","Resource":"{resource}"}}"#)
    };
    let inline = |statements: &[String]| {
        let statements = statements.join(",");
        format!("inline_policy = '{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}'")
    };
    let many: Vec<String> = vec![statement(4_000); 21];
    let long = [statement(6_200), statement(6_200)];
    let other = "managed_policies = [\"arn:aws:iam::444455556666:policy/x\"]";
    for (account, set, expected, hint) in [
        ("", other, "cannot have the policy", "{account}"),
        ("", &*inline(&many), "needs 21 managed policies", "fewer"),
        (
            "",
            &*inline(&long),
            "statement 1 of the inline policy",
            "divide",
        ),
        (
            "",
            &*variants(200),
            "the trust policy of",
            "fewer permission sets",
        ),
        (
            "",
            "variants = { v = { role = \"x/p\" } }",
            "the roles P and x/p have the same name",
            "rename",
        ),
        (
            "trust = \"caller\"",
            "",
            "one has trust = \"caller\"",
            "--gateway-principal",
        ),
        (
            SAML,
            "",
            "the metadata of the gateway is not known",
            "--saml-metadata",
        ),
    ] {
        let errors = plan_with(&one_role(account, set), |installation| {
            installation.principal = None;
            installation.saml_metadata = None;
        });
        let errors = errors.unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(
            matches!(texts.as_slice(), [only] if only.contains(expected)),
            "{expected}: {texts:?}"
        );
        assert!(errors.first().unwrap().hint().contains(hint), "{expected}");
    }
}

#[test]
fn long_inline_policies_become_managed_policies() {
    let statement = |n: usize| json!({ "Sid": format!("S{n}"), "Effect": "Allow", "Action": "s3:*", "Resource": "x".repeat(2_400) });
    for (count, inline, managed) in [(4, true, 0), (5, false, 3), (24, false, 12)] {
        let statements: Vec<Value> = (0..count).map(statement).collect();
        let document = json!({ "Version": "2012-10-17", "Statement": statements });
        let keys = format!("inline_policy = '{document}'");
        let plan = plan_with(&one_role("", &keys), |_| {}).unwrap();
        let (account, role) = (&plan.accounts[0], &plan.accounts[0].roles[0]);
        assert_eq!(role.inline_policy().is_some(), inline, "{count}");
        let policies: Vec<(String, Value)> = role
            .customer_managed_policies()
            .map(|(name, node)| {
                let text = node.fill(&account.id).compact();
                assert!(text.len() <= 6_144, "{count}");
                (name, serde_json::from_str(&text).unwrap())
            })
            .collect();
        assert_eq!(policies.len(), managed, "{count}");
        if let Some((name, _)) = policies.first() {
            assert_eq!(name, "P-1");
            let all = policies.iter().flat_map(|(_, policy)| {
                let statements = policy["Statement"].as_array();
                statements.cloned().unwrap_or_default()
            });
            assert_eq!(all.collect::<Vec<_>>(), statements);
        }
        let quota = plan.notes.contains(&PlanNote::PoliciesQuota {
            of: "role P".to_owned(),
            count: managed,
        });
        assert_eq!(quota, managed > 10, "{:?}", plan.notes);
    }
}

#[test]
fn notes_name_what_an_administrator_must_do() {
    let notes = |policy: &Policy, issuer: &str| -> Vec<String> {
        let plan = plan_at(issuer, policy, |_| {}).unwrap();
        plan.notes.iter().map(ToString::to_string).collect()
    };
    let https = "https://sso.example.com";
    let managed = "managed_policies = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]";
    assert!(notes(&one_role("", managed), https).is_empty());
    let provider = SAML.replace("gateway-saml", "provider-saml");
    for (keys, set, issuer, expected) in [
        ("", "", https, "the role P has no permissions"),
        (
            "",
            &*format!("{managed}\n{}", variants(80)),
            https,
            "raise the quota of IAM, which is 2048 by default",
        ),
        ("", managed, "http://127.0.0.1:8400", "does not use https"),
        (
            &*provider,
            managed,
            https,
            "the SAML provider rolecall in one is not generated",
        ),
    ] {
        let found = notes(&one_role(keys, set), issuer);
        assert!(
            matches!(found.as_slice(), [only] if only.contains(expected)),
            "{expected}: {found:?}"
        );
    }
}
