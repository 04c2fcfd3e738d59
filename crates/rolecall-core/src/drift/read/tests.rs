//! Saved output: usual, in pages, and broken.

use serde_json::{Value, json};

use super::*;

fn role(name: &str) -> Value {
    json!({
        "Path": "/rolecall/", "RoleName": name, "RoleId": "AROAEXAMPLE",
        "Arn": format!("arn:aws:iam::111122223333:role/rolecall/{name}"),
        "CreateDate": "2026-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [] },
        "InstanceProfileList": [], "RolePolicyList": [], "Tags": [],
        "AttachedManagedPolicies": [{ "PolicyName": "a", "PolicyArn": "arn:aws:iam::aws:policy/a" }],
        "RoleLastUsed": {},
    })
}

fn page(roles: &[Value], truncated: bool) -> String {
    json!({
        "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles,
        "Policies": [], "IsTruncated": truncated, "Marker": truncated.then_some("AAA"),
    })
    .to_string()
}

fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

#[test]
fn pages_are_read_together() {
    let (first, last) = (page(&[role("A")], true), page(&[role("B")], false));
    let mut observed = Observed::default();
    let both = format!("\u{feff}{first}\n{last}");
    observed.add_authorization_details(both.as_bytes()).unwrap();
    assert_eq!(observed.account(account()).roles.len(), 2);
    assert_eq!(observed.incomplete().count(), 0);
    let mut observed = Observed::default();
    observed
        .add_authorization_details(first.as_bytes())
        .unwrap();
    assert_eq!(observed.incomplete().count(), 1);
    observed.add_authorization_details(last.as_bytes()).unwrap();
    assert_eq!(observed.incomplete().count(), 0);
    let continued = last.replacen('{', "{\"NextToken\":\"x\",", 1);
    let mut observed = Observed::default();
    observed
        .add_authorization_details(continued.as_bytes())
        .unwrap();
    assert_eq!(observed.incomplete().count(), 1);
}

#[test]
fn each_account_of_a_file_has_its_own_last_page() {
    let (truncated, complete) = (page(&[role("A")], true), page(&[role("A")], false));
    let other = complete.replace("111122223333", "444455556666");
    for (file, incomplete) in [
        (format!("{truncated}{other}"), 1),
        (format!("{other}{truncated}"), 1),
        (format!("{complete}{other}"), 0),
        (format!("{truncated}{}{other}", page(&[], false)), 0),
    ] {
        let mut observed = Observed::default();
        observed.add_authorization_details(file.as_bytes()).unwrap();
        assert_eq!(observed.account_ids().count(), 2, "{file}");
        assert_eq!(observed.incomplete().count(), incomplete, "{file}");
        assert_eq!(
            observed.account(account()).roles_complete,
            incomplete == 0,
            "{file}"
        );
    }
}

#[test]
fn output_without_roles_does_not_say_that_there_are_none() {
    let users = json!({
        "UserDetailList": [{ "Arn": "arn:aws:iam::111122223333:user/a" }],
        "RoleDetailList": [], "IsTruncated": false,
    });
    let mut observed = Observed::default();
    observed
        .add_authorization_details(users.to_string().as_bytes())
        .unwrap();
    assert!(!observed.account(account()).roles_complete);
}

#[test]
fn other_documents_are_errors() {
    for bad in [
        "",
        " ",
        "{}",
        "[]",
        "null",
        "{",
        "An error occurred (AccessDenied)",
        r#"{"RoleDetailList":{}}"#,
        r#"{"RoleDetailList":[{"RoleName":5}]}"#,
        r#"{"Roles":[]}"#,
        "\u{ff}\u{fe}",
        &page(&[role("A")], false).replace("\"RoleName\":\"A\"", "\"RoleName\":null"),
        &format!("{}]", page(&[role("A")], false)),
        &format!("{{\"RoleDetailList\":{}", "[".repeat(100_000)),
        &page(&[], false),
    ] {
        let error = Observed::default().add_authorization_details(bad.as_bytes());
        let error = error.unwrap_err();
        assert!(
            !error.hint().is_empty() && !error.to_string().contains('\n'),
            "{error}"
        );
    }
    let mut deep = role("A");
    deep["AssumeRolePolicyDocument"] = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let page = page(&[deep], false);
    assert!(
        Observed::default()
            .add_authorization_details(page.as_bytes())
            .is_err()
    );
}

#[test]
fn durations_are_in_the_output_of_list_roles() {
    let mut observed = Observed::default();
    let arn = "arn:aws:iam::111122223333:role/A";
    let list = json!({ "Roles": [{ "Arn": arn, "MaxSessionDuration": 7200 }] });
    observed.add_roles(list.to_string().as_bytes()).unwrap();
    assert_eq!(observed.account(account()).max_session_seconds[arn], 7_200);
    let one = json!({ "Role": { "Arn": arn, "MaxSessionDuration": 3600 } });
    observed.add_roles(one.to_string().as_bytes()).unwrap();
    assert_eq!(observed.account(account()).max_session_seconds[arn], 3_600);
    for bad in ["{}", r#"{"Roles":[]}"#, r#"{"Roles":[{"Arn":"a"}]}"#] {
        assert!(observed.add_roles(bad.as_bytes()).is_err(), "{bad}");
    }
    let truncated = json!({ "Roles": [], "IsTruncated": true }).to_string();
    assert_eq!(
        observed.add_roles(truncated.as_bytes()),
        Err(ReadError::Truncated)
    );
}

#[test]
fn oidc_providers_belong_to_a_named_account() {
    let one =
        json!({ "Url": "sso.example.com", "ClientIDList": ["a"], "ThumbprintList": ["ABCD"] });
    let one = one.to_string();
    let mut observed = Observed::default();
    let nobody = observed.add_oidc_provider(None, one.as_bytes());
    assert_eq!(nobody, Err(ReadError::WhichAccount));
    observed
        .add_oidc_provider(Some(&account()), one.as_bytes())
        .unwrap();
    let arn = "arn:aws:iam::111122223333:oidc-provider/sso.example.com";
    let list = json!({ "OpenIDConnectProviderList": [{ "Arn": arn }] });
    observed
        .add_oidc_provider(None, list.to_string().as_bytes())
        .unwrap();
    let found = observed.account(account());
    assert!(found.oidc_providers[0].thumbprints.contains("abcd"));
    assert!(found.oidc_provider_arns.as_ref().unwrap().contains(arn));
    let error = observed
        .add_oidc_provider(Some(&account()), b"{}")
        .unwrap_err();
    assert!(error.to_string().contains("there is no Url"));
}
