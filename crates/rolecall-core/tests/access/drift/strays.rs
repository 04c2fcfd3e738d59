//! Roles outside the plan that the gateway could assume.

use serde_json::{Value, json};

use super::dump::{Dump, Fixture};
use super::ids;

const GATEWAY: &str = "arn:aws:iam::999988887777:role/rolecall-gateway";

/// Adds the role `Backdoor`, which may be assumed by this principal.
fn backdoor(dump: &mut Dump, account: &str, id: &str, principal: &Value) {
    let mut role = dump.role(account, "build").clone();
    role["RoleName"] = "Backdoor".into();
    role["Arn"] = format!("arn:aws:iam::{id}:role/Backdoor").into();
    role["AssumeRolePolicyDocument"]["Statement"] = json!([{
        "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
    }]);
    dump.roles(account).push(role);
}

#[test]
fn roles_that_trust_the_gateway_through_a_wider_principal_are_found() {
    let fixture = Fixture::new();
    let clean = Dump::of(&fixture);
    for principal in [
        json!("*"),
        json!({ "AWS": "*" }),
        json!({ "AWS": "999988887777" }),
        json!({ "AWS": ["123412341234", "arn:aws:iam::999988887777:root"] }),
        json!({ "AWS": GATEWAY }),
    ] {
        let mut dump = clean.clone();
        backdoor(&mut dump, "vendor", "123412341234", &principal);
        let found = ids(&fixture.compare(&dump));
        assert_eq!(
            found,
            ["role-not-in-model".to_owned()].into(),
            "{principal}"
        );
    }
    for principal in [
        json!({ "AWS": "123412341234" }),
        json!({ "AWS": "arn:aws:iam::555566667777:root" }),
        json!({ "Service": "ec2.amazonaws.com" }),
    ] {
        let mut dump = clean.clone();
        backdoor(&mut dump, "vendor", "123412341234", &principal);
        let report = fixture.compare(&dump);
        assert!(report.findings.is_empty(), "{principal}: {report:?}");
    }
}

#[test]
fn the_gateways_own_account_may_name_itself() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    let details = dump.details["vendor"].to_string();
    let details = details.replace("123412341234", "999988887777");
    let details = serde_json::from_str(&details).unwrap();
    dump.details.insert("gateway", details);
    dump.roles("gateway")
        .retain(|role| role["RoleName"] == "build");
    let own = json!({ "AWS": "arn:aws:iam::999988887777:root" });
    backdoor(&mut dump, "gateway", "999988887777", &own);
    let report = fixture.compare(&dump);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    dump.statement("gateway", "Backdoor")["Principal"] = json!({ "AWS": GATEWAY });
    let found = ids(&fixture.compare(&dump));
    assert_eq!(found, ["role-not-in-model".to_owned()].into());
}

#[test]
fn roles_that_allow_everyone_but_one_are_found() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    backdoor(&mut dump, "prod", "111122223333", &json!("*"));
    let statement = dump.statement("prod", "Backdoor");
    let principal = statement.as_object_mut().unwrap().remove("Principal");
    assert!(principal.is_some());
    statement["NotPrincipal"] = json!({ "AWS": "555566667777" });
    let found = ids(&fixture.compare(&dump));
    assert_eq!(found, ["role-not-in-model".to_owned()].into());
}

#[test]
fn a_role_with_another_path_that_trusts_the_gateway_is_found_as_such() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    let role = dump.role("prod", "Developer");
    role["Path"] = "/old/".into();
    role["Arn"] = "arn:aws:iam::111122223333:role/old/Developer".into();
    dump.statement("prod", "Developer")["Principal"] = "*".into();
    let found = ids(&fixture.compare(&dump));
    let expected = ["role-path", "role-not-in-model"].map(str::to_owned);
    assert_eq!(found, expected.into());
}

#[test]
fn roles_of_accounts_that_are_not_compared_are_found() {
    let mut fixture = Fixture::new();
    fixture.change_policy(
        "# Accounts of each kind that have roles.",
        r#"
        [[account]]
        id                = "121212121212"
        name              = "partner"
        trust             = "provider-saml"
        saml_provider_arn = "arn:aws:iam::121212121212:saml-provider/people"
        "#,
    );
    fixture.change_policy(r#"["prod", "legacy"]"#, r#"["prod", "legacy", "partner"]"#);
    let clean = Dump::of(&fixture);
    let report = fixture.compare(&clean);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let text = "partner: accounts with trust = \"provider-saml\" are not compared";
    assert!(report.unseen.contains(text), "{:?}", report.unseen);
    let mut dump = clean.clone();
    dump.statement("partner", "ReadOnly")["Principal"] = json!({ "AWS": GATEWAY });
    let report = fixture.compare(&dump);
    assert_eq!(ids(&report), ["role-not-assigned".to_owned()].into());
    // The role itself is granted, so it is not deleted.
    let fix = &report.findings[0].fix;
    assert!(fix.commands.is_empty() && fix.note.is_some(), "{fix:?}");
    let mut dump = clean;
    backdoor(&mut dump, "partner", "121212121212", &json!({ "AWS": "*" }));
    let found = ids(&fixture.compare(&dump));
    assert_eq!(found, ["role-not-in-model".to_owned()].into());
}
