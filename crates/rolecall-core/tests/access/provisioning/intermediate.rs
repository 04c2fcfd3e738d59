//! The roles of `via`, and permissions of the gateway's principal.

use rolecall_core::provisioning::{Existing, PlanNote};

use super::*;

const PRINCIPAL: &str = "arn:aws:iam::999988887777:role/rolecall-gateway";
const POLICY: &str = r#"
account = [
    { id = "111122223333", name = "one", trust = "caller", external_id = "x-1", via = ["arn:aws:iam::999988887777:role/hub", "arn:aws:iam::444455556666:role/x/spoke"] },
    { id = "222233334444", name = "two", trust = "caller", external_id = "x-1", via = "arn:aws:iam::999988887777:role/hub" },
    { id = "333344445555", name = "three", trust = "caller", external_id = "x-3" },
    { id = "444455556666", name = "four" },
]
permission_set = [
    { name = "P", role = "r/P", source_identity = "{email|aws}", managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] },
    { name = "Q", managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] },
]
assignment = [
    { id = "a", who = { everyone = true }, accounts = ["*"], permission_sets = ["P"] },
    { id = "b", who = { everyone = true }, accounts = ["two"], permission_sets = ["Q"] },
]
"#;

fn by_id<'p>(plan: &'p Plan, id: &str) -> &'p AccountPlan {
    let found = plan
        .accounts
        .iter()
        .find(|account| account.id.as_str() == id);
    found.unwrap()
}

fn allows(account: &AccountPlan, role: &str) -> Value {
    let role = account.roles.iter().find(|one| one.path().as_str() == role);
    let policy = role.unwrap().inline_policy().unwrap().fill(&account.id);
    let policy: Value = serde_json::from_str(&policy.compact()).unwrap();
    policy["Statement"][0]["Resource"].clone()
}

#[test]
fn hubs_accept_only_the_sessions_of_their_accounts() {
    let plan = plan_with(&policy(POLICY), |_| {}).unwrap();
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    let names: Vec<Option<String>> = plan
        .accounts
        .iter()
        .map(|account| account.name.as_ref().map(ToString::to_string))
        .collect();
    let names: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
    // The account of the hub and of the principal is not in the policy.
    assert_eq!(
        names,
        [Some("four"), Some("one"), Some("three"), Some("two"), None]
    );
    let hub = by_id(&plan, "999988887777");
    let role = &hub.roles[0];
    assert_eq!(
        (role.iam_path().as_str(), role.permission_sets().len()),
        ("/", 0)
    );
    assert_eq!(
        trust(hub, role)["Statement"],
        json!([
            {
                "Effect": "Allow",
                "Principal": { "AWS": PRINCIPAL },
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": { "StringEquals": {
                    "sts:ExternalId": "x-1",
                    "aws:RequestTag/rolecall:account": "222233334444",
                    "aws:RequestTag/rolecall:permission-set": "Q",
                } },
            },
            {
                "Effect": "Allow",
                "Principal": { "AWS": PRINCIPAL },
                "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
                "Condition": {
                    "StringEquals": {
                        "sts:ExternalId": "x-1",
                        "aws:RequestTag/rolecall:account": ["111122223333", "222233334444"],
                        "aws:RequestTag/rolecall:permission-set": "P",
                    },
                    "StringLike": { "sts:SourceIdentity": ["*@corp.example", "*@example.com"] },
                },
            },
        ])
    );
    assert_eq!(
        allows(hub, "hub"),
        json!([
            "arn:aws:iam::222233334444:role/Q",
            "arn:aws:iam::222233334444:role/r/P",
            "arn:aws:iam::444455556666:role/x/spoke",
        ])
    );
    // The second role is in an account with roles of its own.
    let spoke = by_id(&plan, "444455556666");
    assert_eq!(
        trust(spoke, &spoke.roles[1])["Statement"],
        json!([{
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::999988887777:role/hub" },
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
    assert_eq!(
        allows(spoke, "x/spoke"),
        "arn:aws:iam::111122223333:role/r/P"
    );
}

#[test]
fn principal_may_assume_what_the_gateway_assumes_first() {
    let plan = plan_with(&policy(POLICY), |_| {}).unwrap();
    let own = by_id(&plan, "999988887777").principal.as_ref().unwrap();
    let document = own.policy.node().fill(&by_id(&plan, "999988887777").id);
    let document: Value = serde_json::from_str(&document.compact()).unwrap();
    assert_eq!(
        document["Statement"],
        json!([{
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Resource": ["arn:aws:iam::333344445555:role/r/P", "arn:aws:iam::999988887777:role/hub"],
        }])
    );
    // The plan of one account has only its own part, which serves all accounts.
    let only = BTreeSet::from([AccountId::parse("444455556666").unwrap()]);
    let (issuer, region) = (
        Url::parse("https://sso.example.com").unwrap(),
        Region::parse("eu-west-1").unwrap(),
    );
    let principal = GatewayPrincipal::parse(PRINCIPAL).unwrap();
    let installation = Installation {
        principal: Some(&principal),
        ..Installation::new(&issuer, &region)
    };
    let plan = super::plan(&policy(POLICY), &installation, Some(&only)).unwrap();
    assert_eq!(plan.accounts.len(), 1);
    assert_eq!(plan.accounts[0].roles.len(), 2);
}

#[test]
fn gateway_can_be_left_out() {
    let plan = plan_with(&policy(POLICY), |installation| {
        installation.existing = Existing {
            gateway: true,
            ..Existing::default()
        };
    });
    let plan = plan.unwrap();
    assert!(
        plan.accounts
            .iter()
            .all(|account| account.principal.is_none())
    );
    assert_eq!(plan.accounts.len(), 4);
    // Without a principal it cannot be generated.
    let through_hubs = POLICY.replace(
        "external_id = \"x-3\"",
        "via = \"arn:aws:iam::999988887777:role/hub\"",
    );
    let plan = plan_with(&policy(&through_hubs), |installation| {
        installation.principal = None
    });
    let plan = plan.unwrap();
    assert!(plan.notes.contains(&PlanNote::NoGatewayPrincipal));
    assert_eq!(plan.accounts.len(), 4);
}

/// Many accounts behind one hub, with the same external ID or with one each.
fn many(count: usize, same_id: bool) -> Policy {
    let accounts = (0..count).map(|n| {
        let external_id = if same_id { 0 } else { n };
        format!("{{ id = \"{:012}\", name = \"a{n}\", trust = \"caller\", external_id = \"x-{external_id}\", via = \"arn:aws:iam::999988887777:role/hub\" }}", 111_100_000_000 + n)
    });
    policy(&format!(
        "account = [{}]\npermission_set = [{{ name = \"P\", managed_policies = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"] }}]\n\
         assignment = [{{ id = \"a\", who = {{ everyone = true }}, accounts = [\"*\"], permission_sets = [\"P\"] }}]\n",
        accounts.collect::<Vec<_>>().join(",\n")
    ))
}

#[test]
fn many_accounts_fit_into_the_policies_of_a_hub() {
    let plan = plan_with(&many(1_000, true), |_| {}).unwrap();
    let hub = by_id(&plan, "999988887777");
    let statement = &trust(hub, &hub.roles[0])["Statement"][0];
    assert_eq!(
        statement["Condition"]["Null"],
        json!({ "aws:RequestTag/rolecall:account": "false" })
    );
    assert_eq!(
        statement["Condition"]["StringEquals"]["sts:ExternalId"],
        "x-0"
    );
    assert_eq!(allows(hub, "hub"), "arn:aws:iam::*:role/P");
    let note = PlanNote::AssumesInAllAccounts {
        principal: "arn:aws:iam::999988887777:role/hub".to_owned(),
    };
    assert!(plan.notes.contains(&note), "{:?}", plan.notes);
    let errors = plan_with(&many(1_000, false), |_| {}).unwrap_err();
    assert!(
        matches!(errors.first(), Some(error @ PlanError::TrustTooLong { .. }) if error.hint().contains("the same external_id")),
        "{errors:?}"
    );
}
