//! StackSets: each role once, with its accounts, in templates within the limits.

use rolecall_core::access::{Files, Policy, PolicyContext, PolicyFile};
use rolecall_core::aws::{AccountId, Partition};
use rolecall_core::provisioning::{self, Installation, StackSets};
use serde_json::{Value, json};
use url::Url;

use super::*;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &std::path::Path, path: &str) -> Result<String, String> {
        Err(path.to_owned())
    }
}

const POLICY: &str = r#"
account = [
    { id = "111122223333", name = "one" },
    { id = "444455556666", name = "two" },
    { id = "555566667777", name = "three", audience = "other" },
    { id = "777788889999", name = "four", trust = "caller" },
    { id = "999900001111", name = "management" },
]
permission_set = [
    { name = "P", role = "x/P", managed_policies = ["arn:aws:iam::{account}:policy/Own"], variants = { v = { role = "V" } } },
    { name = "Q" },
]
assignment = [
    { id = "a", who = { everyone = true }, accounts = ["*"], permission_sets = ["P"] },
    { id = "b", who = { everyone = true }, accounts = ["two", "three"], permission_sets = ["Q"], session_duration = "8h" },
]
"#;

fn stack_sets(text: &str) -> StackSets {
    let context = PolicyContext {
        partition: Partition::Aws,
        providers: &[],
        files: &NoFiles,
        trusted_proxies: &[],
    };
    let source = PolicyFile {
        path: "access.toml".into(),
        text: text.to_owned(),
    };
    let policy = Policy::parse(&[source], &context).unwrap();
    let principal = "arn:aws:iam::999988887777:role/gateway".parse().unwrap();
    let (issuer, region) = (Url::parse("https://sso.example.com").unwrap(), region());
    let installation = Installation {
        principal: Some(&principal),
        ..Installation::new(&issuer, &region)
    };
    let management = AccountId::parse("999900001111").unwrap();
    provisioning::stack_sets(&policy, &installation, Some(&management)).unwrap()
}

fn region() -> Region {
    Region::parse("eu-west-1").unwrap()
}

fn rendered(plans: &[StackSetPlan], delegated: bool) -> Vec<Value> {
    let region = region();
    let deployment = Deployment {
        organizational_units: &["r-abcd".to_owned()],
        region: &region,
        delegated,
    };
    let templates = templates(plans, deployment, Delivery::Inline).unwrap();
    let read = templates.iter().map(|template| {
        assert!(template.len() <= Delivery::Inline.bytes_max());
        serde_json::from_str(template).unwrap()
    });
    read.collect()
}

#[test]
fn each_role_is_a_stack_set_with_its_accounts() {
    let planned = stack_sets(POLICY);
    // The account of the gateway's principal is not in the policy.
    assert_eq!(planned.left_out, ["four", "999988887777"]);
    let accounts = planned.stack_sets.iter().map(|plan| {
        assert!(plan.name.starts_with("rolecall-"), "{}", plan.name);
        let accounts: Vec<&str> = plan.accounts.iter().map(|id| &id.as_str()[..1]).collect();
        accounts.concat()
    });
    // Two providers; then Q, V and x/P for the other audience, and the same for the default one.
    assert_eq!(
        accounts.collect::<Vec<_>>(),
        ["5", "14", "5", "5", "5", "4", "14", "14"]
    );
    let [template] = &rendered(&planned.stack_sets, false)[..] else {
        panic!("one template")
    };
    let resources = template["Resources"].as_object().unwrap();
    assert_eq!(resources.len(), 8);
    for (id, resource) in resources {
        let properties = &resource["Properties"];
        let body: Value =
            serde_json::from_str(properties["TemplateBody"].as_str().unwrap()).unwrap();
        let inner = body["Resources"].as_object().unwrap();
        assert_eq!(inner.len(), 1, "{body}");
        let is_provider = inner.contains_key("IdentityProvider");
        assert_eq!(resource.get("DependsOn").is_none(), is_provider, "{id}");
        if let Some(provider) = resource.get("DependsOn") {
            assert!(resources.contains_key(provider.as_str().unwrap()));
            let text = body.to_string();
            assert!(
                text.contains("${AWS::AccountId}") && !text.contains("1111"),
                "{text}"
            );
        }
        assert_eq!(properties["AutoDeployment"], json!({ "Enabled": false }));
        assert!(properties.get("CallAs").is_none());
    }
    let delegated = rendered(&planned.stack_sets[1..2], true);
    let (_, resource) = delegated[0]["Resources"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert_eq!(resource["Properties"]["CallAs"], "DELEGATED_ADMIN");
    let targets = &resource["Properties"]["StackInstancesGroup"][0]["DeploymentTargets"];
    assert_eq!(targets["OrganizationalUnitIds"], json!(["r-abcd"]));
    assert_eq!(targets["Accounts"], json!(["111122223333", "444455556666"]));
}

#[test]
fn another_assignment_changes_only_the_accounts() {
    let before = stack_sets(POLICY);
    let after =
        stack_sets(&POLICY.replace("[\"two\", \"three\"]", "[\"one\", \"two\", \"three\"]"));
    let differing: Vec<&str> = before
        .stack_sets
        .iter()
        .zip(&after.stack_sets)
        .filter(|(one, other)| one != other)
        .map(|(one, other)| {
            assert_eq!((&one.name, &one.content), (&other.name, &other.content));
            one.name.as_str()
        })
        .collect();
    assert!(
        matches!(differing.as_slice(), [name] if name.starts_with("rolecall-Q")),
        "{differing:?}"
    );
}
