//! Condition operators, on single-valued, multivalued and absent keys.

use serde_json::{Value, json};

use crate::iam::RequestContext;
use crate::iam::condition::Condition;

fn context() -> RequestContext {
    RequestContext::default()
        .with("sso.example:sub", "Alice")
        .with("aws:TagKeys", "Team")
        .with("aws:TagKeys", "Cost")
        .with("aws:RequestTag/Team", "eng")
        .with(
            "aws:PrincipalArn",
            "arn:aws:iam::111122223333:role/path/Hub",
        )
        .with("aws:MultiFactorAuthPresent", "true")
        .with("aws:MultiFactorAuthAge", "299")
        .with("aws:TokenIssueTime", "2026-11-30T06:00:00Z")
        .with("aws:EpochTime", "1796018400")
}

fn holds(block: &Value) -> bool {
    let conditions = Condition::parse_block(block, true).expect("a condition");
    conditions.iter().all(|one| one.holds(&context()))
}

/// Blocks of one operator, key and value or values.
fn check(cases: &[(&str, &str, Value, bool)]) {
    for (operator, key, values, expected) in cases {
        let block = json!({*operator: {*key: values}});
        assert_eq!(holds(&block), *expected, "{block}");
    }
}

#[test]
fn strings_are_compared_as_iam_describes() {
    check(&[
        ("StringEquals", "sso.example:SUB", json!("Alice"), true),
        ("StringEquals", "sso.example:sub", json!("alice"), false),
        (
            "StringEqualsIgnoreCase",
            "sso.example:sub",
            json!("alice"),
            true,
        ),
        (
            "StringEquals",
            "sso.example:sub",
            json!(["Bob", "Alice"]),
            true,
        ),
        ("StringEquals", "sso.example:sub", json!("Al*"), false),
        ("StringLike", "sso.example:sub", json!("Al*"), true),
        (
            "StringNotEquals",
            "sso.example:sub",
            json!(["Bob", "Alice"]),
            false,
        ),
        ("StringNotEquals", "aws:username", json!("x"), true),
        ("StringNotLike", "sso.example:sub", json!("B*"), true),
        ("StringEquals", "aws:username", json!("x"), false),
        ("StringEqualsIfExists", "aws:username", json!("x"), true),
        ("StringEqualsIfExists", "sso.example:sub", json!("x"), false),
        ("StringEquals", "aws:requesttag/team", json!("eng"), true),
    ]);
    let both = json!({
        "StringEquals": {"aws:RequestTag/Team": "eng"},
        "StringLike": {"sso.example:sub": "B*"},
    });
    assert!(!holds(&both), "all conditions must hold");
}

#[test]
fn several_values_need_a_quantifier() {
    let keys = "aws:TagKeys";
    let absent = "sts:TransitiveTagKeys";
    check(&[
        (
            "ForAllValues:StringEquals",
            keys,
            json!(["Team", "Cost", "X"]),
            true,
        ),
        ("ForAllValues:StringEquals", keys, json!(["Team"]), false),
        ("ForAllValues:StringEquals", absent, json!(["Team"]), true),
        ("ForAnyValue:StringEquals", keys, json!(["Cost"]), true),
        ("ForAnyValue:StringEquals", keys, json!(["X"]), false),
        ("ForAnyValue:StringEquals", absent, json!(["Cost"]), false),
        (
            "ForAnyValue:StringEqualsIfExists",
            absent,
            json!(["Cost"]),
            true,
        ),
        ("ForAnyValue:StringNotEquals", keys, json!(["Team"]), true),
        ("ForAllValues:StringNotLike", keys, json!(["T*"]), false),
        ("ForAllValues:StringNotLike", keys, json!(["x*"]), true),
    ]);
}

#[test]
fn other_types_are_compared_by_value() {
    let (issued, age) = ("aws:TokenIssueTime", "aws:MultiFactorAuthAge");
    check(&[
        ("Null", "aws:username", json!(true), true),
        ("Null", "aws:RequestTag/Team", json!("true"), false),
        ("Null", "aws:RequestTag/Team", json!("false"), true),
        ("Null", "aws:TagKeys", json!("false"), true),
        ("Bool", "aws:MultiFactorAuthPresent", json!("True"), true),
        ("Bool", "aws:MultiFactorAuthPresent", json!(false), false),
        ("Bool", "sts:RoleAuthorizedByIdp", json!("false"), false),
        (
            "BoolIfExists",
            "sts:RoleAuthorizedByIdp",
            json!("false"),
            true,
        ),
        ("DateLessThan", issued, json!("2026-11-30T06:00:01Z"), true),
        ("DateLessThan", issued, json!("2026-11-30T06:00:00Z"), false),
        (
            "DateLessThanEquals",
            issued,
            json!("2026-11-30T08:00:00+02:00"),
            true,
        ),
        (
            "DateGreaterThan",
            issued,
            json!("2026-11-30T05:59:59Z"),
            true,
        ),
        (
            "DateNotEquals",
            issued,
            json!("2026-11-30T06:00:00Z"),
            false,
        ),
        (
            "DateLessThan",
            "aws:CurrentTime",
            json!("2026-11-30T06:00:00Z"),
            false,
        ),
        (
            "DateLessThanIfExists",
            "aws:CurrentTime",
            json!("2020-01-01T00:00:00Z"),
            true,
        ),
        ("DateEquals", "aws:EpochTime", json!(1_796_018_400), true),
        ("NumericLessThan", age, json!("300"), true),
        ("NumericLessThan", age, json!(299), false),
        ("NumericGreaterThanEquals", age, json!(299), true),
        ("NumericNotEquals", age, json!("299"), false),
    ]);
}

#[test]
fn parts_of_arns_are_compared_separately() {
    let key = "aws:PrincipalArn";
    check(&[
        (
            "ArnLike",
            key,
            json!("arn:aws:iam::111122223333:role/path/*"),
            true,
        ),
        ("ArnEquals", key, json!("arn:*:iam::1111*:role/*"), true),
        (
            "ArnLike",
            key,
            json!("arn:aws-cn:iam::111122223333:role/path/Hub"),
            false,
        ),
        ("ArnLike", key, json!("arn:aws:*:role/path/Hub:::"), false),
        (
            "ArnNotLike",
            key,
            json!("arn:aws:iam::*:role/path/Hub"),
            false,
        ),
        (
            "ArnLike",
            "aws:SourceArn",
            json!("arn:aws:iam::*:role/*"),
            false,
        ),
        ("StringLike", key, json!("arn:aws:*Hub"), true),
        (
            "ArnLike",
            key,
            json!("arn:aws:iam::*:role/path/${aws:RequestTag/x, 'Hub'}"),
            true,
        ),
    ]);
}

#[test]
fn unknown_operators_keys_and_values_are_rejected() {
    for block in [
        json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        json!({"ForSomeValues:StringEquals": {"aws:TagKeys": "b"}}),
        json!({"NullIfExists": {"aws:username": "true"}}),
        json!({"StringMatches": {"aws:username": "b"}}),
        json!({"": {"aws:username": "b"}}),
        json!({"StringEquals": {"aws:UserNam": "b"}}),
        json!({"StringEquals": {"sts:RoleAuthorizedByIdP2": "b"}}),
        json!({"StringEquals": {"sso:sub": "b"}}),
        json!({"StringEquals": {"sso.example:email": "b"}}),
        json!({"StringEquals": {"aws:RequestTag/": "b"}}),
        json!({"StringEquals": {"aws:username": {"b": 1}}}),
        json!({"StringEquals": {"aws:username": []}}),
        // Operators that do not fit the type of the key, or the number of its values.
        json!({"StringEquals": {"sts:RoleAuthorizedByIdp": "true"}}),
        json!({"StringEquals": {"aws:TagKeys": "Team"}}),
        json!({"Bool": {"aws:username": "true"}}),
        json!({"NumericLessThan": {"aws:TokenIssueTime": "1"}}),
        json!({"ArnLike": {"sts:SourceIdentity": "arn:aws:iam::1:role/x"}}),
        // Values that are not of the type.
        json!({"Bool": {"sts:RoleAuthorizedByIdp": "yes"}}),
        json!({"Null": {"aws:username": "maybe"}}),
        json!({"DateLessThan": {"aws:TokenIssueTime": "yesterday"}}),
        json!({"DateLessThan": {"aws:TokenIssueTime": "2026-11-30"}}),
        json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "NaN"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "*"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*"}}),
        json!({"StringEquals": {"sts:SourceIdentity": "${aws:Nobody}"}}),
    ] {
        assert!(Condition::parse_block(&block, true).is_err(), "{block}");
    }
}
