//! Trust policies that mean the same, and that do not.

use serde_json::{Value, json};

use super::*;

const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/sso.example";

fn statement(names: Value, sources: Value) -> Value {
    json!({
        "Effect": "Allow",
        "Principal": { "Federated": PROVIDER },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": {
            "StringEquals": {
                "sso.example:aud": "sts.amazonaws.com",
                "aws:RequestTag/rolecall:account": "111122223333",
                "aws:RequestTag/rolecall:permission-set": names,
            },
            "Bool": { "sts:RoleAuthorizedByIdp": "true" },
            "StringLike": { "sts:SourceIdentity": sources },
        },
    })
}

fn model() -> Value {
    statement(json!(["A", "B"]), json!(["*@a.example", "*@b.example"]))
}

fn document(statements: Vec<Value>) -> Document {
    Document::parse(&json!({ "Statement": statements })).unwrap()
}

fn kinds(model: Vec<Value>, found: Vec<Value>) -> Vec<String> {
    let differences = differences(&document(model), &document(found), &[]);
    differences.iter().map(|one| one.kind.id()).collect()
}

/// The kinds of differences after a change of the statement.
fn after(change: impl Fn(&mut Value)) -> Vec<String> {
    let mut found = model();
    change(&mut found);
    kinds(vec![model()], vec![found])
}

fn take(conditions: &mut Value, operator: &str, key: &str) -> Value {
    conditions[operator]
        .as_object_mut()
        .unwrap()
        .remove(key)
        .unwrap()
}

#[test]
fn equivalent_policies_have_no_differences() {
    let none: Vec<String> = Vec::new();
    let (aud, account) = ("sso.example:aud", "aws:RequestTag/rolecall:account");
    let moved = |key: &'static str, to: &'static str| {
        after(move |one| {
            let value = take(&mut one["Condition"], "StringEquals", key);
            one["Condition"][to][key] = value;
        })
    };
    assert_eq!(moved(aud, "StringLike"), none);
    assert_eq!(moved(aud, "ForAnyValue:StringEquals"), none);
    assert_eq!(moved(account, "StringEqualsIgnoreCase"), none);
    for quantified in ["StringEqualsIfExists", "ForAllValues:StringEquals"] {
        let required = after(|one| {
            let value = take(&mut one["Condition"], "StringEquals", account);
            one["Condition"][quantified][account] = value;
            one["Condition"]["Null"][account] = "false".into();
        });
        assert_eq!(required, none, "{quantified}");
    }
    assert_eq!(
        after(|one| one["Condition"]["Bool"]["sts:RoleAuthorizedByIdp"] = "True".into()),
        none
    );
    assert_eq!(
        after(|one| one["Condition"]["StringNotEquals"][aud] = "other".into()),
        none
    );
    assert_eq!(
        after(|one| one["Condition"]["StringLike"][aud] = "sts.*".into()),
        none
    );
    // Only a condition that cannot hold without the key requires it.
    let not_required = after(|one| {
        let value = take(&mut one["Condition"], "StringEquals", account);
        one["Condition"]["StringEqualsIfExists"][account] = value;
        one["Condition"]["NumericNotEquals"][account] = "1".into();
    });
    assert_eq!(not_required, ["trust-if-exists", "trust-operator"]);
    // A statement for each name, and the tags in a statement of their own.
    let one = |name: &str| statement(json!(name), json!(["*@b.example", "*@a.example"]));
    assert_eq!(kinds(vec![model()], vec![one("B"), one("A")]), none);
    let mut assume = model();
    assume["Action"] = json!(["sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"]);
    let tag = json!({ "Effect": "Allow", "Principal": { "Federated": [PROVIDER] }, "Action": "sts:TagSession" });
    assert_eq!(kinds(vec![model()], vec![tag, assume]), none);
}

#[test]
fn statements_that_deny_others_are_no_differences() {
    let deny = |principal: Value, conditions: Value| json!({ "Effect": "Deny", "Principal": principal, "Action": "sts:*", "Condition": conditions });
    let others = [
        deny(json!({ "AWS": "999900001111" }), json!({})),
        deny(
            json!("*"),
            json!({ "StringNotEquals": { "sso.example:aud": "sts.amazonaws.com" } }),
        ),
        deny(
            json!("*"),
            json!({ "Null": { "aws:RequestTag/rolecall:account": "true" } }),
        ),
    ];
    for other in others {
        assert!(
            kinds(vec![model()], vec![model(), other.clone()]).is_empty(),
            "{other}"
        );
    }
    for own in [
        deny(json!("*"), json!({})),
        deny(
            json!({ "Federated": PROVIDER }),
            json!({ "IpAddress": { "aws:SourceIp": "192.0.2.1" } }),
        ),
        deny(
            json!("*"),
            json!({ "StringLike": { "sts:SourceIdentity": "alice@*" } }),
        ),
    ] {
        let found = kinds(vec![model()], vec![model(), own.clone()]);
        assert_eq!(found, ["trust-deny-added"], "{own}");
    }
}

#[test]
fn looser_policies_are_found() {
    let aud = "sso.example:aud";
    let only_negated = after(|one| {
        take(&mut one["Condition"], "StringEquals", aud);
        one["Condition"]["StringNotEquals"][aud] = "other".into();
    });
    assert_eq!(only_negated, ["trust-audience-missing"]);
    let ignoring_case = after(|one| {
        let value = take(&mut one["Condition"], "StringEquals", aud);
        one["Condition"]["StringEqualsIgnoreCase"][aud] = value;
    });
    assert_eq!(ignoring_case, ["trust-audience-wider"]);
    let present = after(|one| {
        take(&mut one["Condition"], "StringEquals", aud);
        one["Condition"]["Null"][aud] = "false".into();
    });
    assert_eq!(present, ["trust-audience-missing"]);
    let variable = after(|one| {
        one["Condition"]["StringEquals"][aud] = json!(["sts.amazonaws.com", "${aws:username}"]);
    });
    assert_eq!(variable, ["trust-audience-wider"]);
    assert_eq!(
        after(|one| one["Action"] = "sts:*".into()),
        ["trust-action-extra"]
    );
    // Each name with each source identity, which the model does not combine.
    let (a, b) = (
        statement(json!("A"), json!("*@a.example")),
        statement(json!("B"), json!("*@b.example")),
    );
    let merged = statement(json!(["A", "B"]), json!(["*@a.example", "*@b.example"]));
    let found = kinds(vec![a, b], vec![merged]);
    assert_eq!(
        found,
        [
            "trust-permission-set-tag-wider",
            "trust-source-identity-wider"
        ]
    );
}

#[test]
fn present_keys_of_the_model_are_required() {
    let tag = "aws:PrincipalTag/rolecall:account";
    let hub = |conditions: Value| {
        json!({
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::999900001111:role/hub" },
            "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": conditions,
        })
    };
    let model = hub(json!({ "Null": { tag: "false" } }));
    assert!(kinds(vec![model.clone()], vec![model.clone()]).is_empty());
    let narrower = kinds(
        vec![model.clone()],
        vec![hub(json!({ "StringLike": { tag: "1*" } }))],
    );
    assert_eq!(narrower, ["trust-account-tag-narrower"]);
    let missing = kinds(vec![model.clone()], vec![hub(json!({}))]);
    assert_eq!(missing, ["trust-account-tag-missing"]);
    let mut account = model.clone();
    account["Principal"]["AWS"] = "999900001111".into();
    assert_eq!(kinds(vec![model], vec![account]), ["trust-principal-wider"]);
}
