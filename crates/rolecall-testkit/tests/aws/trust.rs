//! Trust policies are enforced, and errors do not report which condition failed.

use anyhow::Result;
use rolecall_testkit::aws::Role;
use serde_json::{Value, json};

use crate::setup::{ACCOUNT, AUDIENCE, ROLES, SOURCE_IDENTITY, Setup, TAGS};

async fn with_trust(change: impl FnOnce(&mut Value, &str)) -> Result<(Setup, u16)> {
    let setup = Setup::new().await?;
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", setup.prefix());
    let mut document = crate::setup::trust(&provider, &setup.issuer);
    change(&mut document["Statement"][0], setup.prefix());
    setup
        .aws
        .account(ACCOUNT)?
        .role("rolecall/Developer", Role::with_trust_policy(document))?;
    let response = setup.present(&setup.token()?).await?;
    if response.status != 200 {
        response.assert_error(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        );
    }
    Ok((setup, response.status))
}

#[tokio::test]
async fn each_condition_is_enforced() -> Result<()> {
    for (condition, expected) in [
        (json!({}), 200),
        (json!({"StringEquals": {"PREFIX:aud": "second"}}), 403),
        (
            json!({"StringEquals": {"PREFIX:sub": "okta|00u1alice"}}),
            200,
        ),
        (
            json!({"StringEquals": {"other.example:aud": AUDIENCE}}),
            403,
        ),
        (json!({"StringLike": {"PREFIX:sub": "okta|*"}}), 200),
        (
            json!({"StringEquals": {"aws:RequestTag/Team": "payments"}}),
            403,
        ),
        (
            json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}),
            403,
        ),
        (
            json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "rolecall:account"]}}),
            200,
        ),
        (
            json!({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "Team"}}),
            200,
        ),
        (
            json!({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "rolecall:account"}}),
            403,
        ),
        (
            json!({"StringEquals": {"sts:SourceIdentity": "bob@example.com"}}),
            403,
        ),
        (
            json!({"StringEquals": {"sts:RoleSessionName": "${sts:SourceIdentity}"}}),
            200,
        ),
        (
            json!({"StringNotEquals": {"sts:RoleSessionName": "alice@example.com"}}),
            403,
        ),
        (json!({"Null": {"PREFIX:amr": "true"}}), 200),
    ] {
        let text = condition.to_string();
        let (_, status) = with_trust(|statement, prefix| {
            statement["Condition"] = serde_json::from_str(&text.replace("PREFIX", prefix)).unwrap();
        })
        .await?;
        assert_eq!(status, expected, "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn tags_and_source_identity_require_permissions() -> Result<()> {
    for (left_out, claim) in [
        ("sts:TagSession", TAGS),
        ("sts:SetSourceIdentity", SOURCE_IDENTITY),
    ] {
        let (setup, status) = with_trust(|statement, _| {
            statement["Condition"] = json!({});
            statement["Action"]
                .as_array_mut()
                .unwrap()
                .retain(|action| action != left_out);
        })
        .await?;
        assert_eq!(status, 403, "{left_out}");
        setup
            .present(&setup.token_with(&json!({claim: null}))?)
            .await?
            .assert_success();
    }
    Ok(())
}

#[tokio::test]
async fn other_account_or_role_is_denied() -> Result<()> {
    let setup = Setup::new().await?;
    let no_role =
        setup.form_with(&[("RoleArn", "arn:aws:iam::111122223333:role/rolecall/Nobody")])?;
    setup
        .post(&no_role)
        .await?
        .assert_error(403, "AccessDenied", "Not authorized");
    let elsewhere = setup.form_with(&[(
        "RoleArn",
        "arn:aws:iam::444455556666:role/rolecall/Developer",
    )])?;
    setup.post(&elsewhere).await?.assert_error(
        400,
        "InvalidIdentityToken",
        "No OpenIDConnect provider found",
    );
    // A role that trusts the provider of another account.
    let other = setup.aws.account("444455556666")?;
    other.oidc_provider(&setup.issuer, &[AUDIENCE])?;
    let foreign = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", setup.prefix());
    other.role(
        "rolecall/Developer",
        Role::with_trust_policy(crate::setup::trust(&foreign, &setup.issuer)),
    )?;
    setup
        .post(&elsewhere)
        .await?
        .assert_error(403, "AccessDenied", "Not authorized");
    setup
        .aws
        .account(ACCOUNT)?
        .delete_oidc_provider(&setup.issuer);
    setup.present(&setup.token()?).await?.assert_error(
        400,
        "InvalidIdentityToken",
        "No OpenIDConnect provider found",
    );
    Ok(())
}

#[tokio::test]
async fn invalid_role_is_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let account = setup.aws.account(ACCOUNT)?;
    assert!(setup.aws.account("1111").is_err());
    let anyone = || json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:*"}});
    assert!(
        account
            .role("Anyone", Role::with_trust_policy(anyone()))
            .is_ok()
    );
    for name in ["", "a/", "with space", &"x".repeat(65)] {
        assert!(
            account
                .role(name, Role::with_trust_policy(anyone()))
                .is_err(),
            "{name:?}"
        );
    }
    for seconds in [3_599, 43_201] {
        let role = Role::with_trust_policy(anyone())
            .with_max_session_duration(std::time::Duration::from_secs(seconds));
        assert!(account.role("Anyone", role).is_err(), "{seconds}");
    }
    Ok(())
}

/// The claim `https://aws.amazon.com/roles`, and `sts:RoleAuthorizedByIdp` in trust policies.
#[tokio::test]
async fn roles_claim_is_enforced_before_trust_policy() -> Result<()> {
    let setup = Setup::new().await?;
    let own = setup.role_arn.as_str();
    let other = "arn:aws:iam::111122223333:role/rolecall/Administrator";
    for (claim, accepted) in [
        (json!(own), true),
        (json!([own]), true),
        (json!([other, own]), true),
        (json!(other), false),
        (json!([]), false),
        (json!(["arn:aws:iam::111122223333:role/*"]), false),
        (json!([own.to_uppercase()]), false),
        (json!([format!("{own} ")]), false),
        (json!({ "0": own }), false),
        (json!(true), false),
    ] {
        let token = setup.token_with(&json!({ ROLES: claim }))?;
        let answer = setup.present(&token).await?;
        if accepted {
            answer.assert_success();
        } else {
            answer.assert_error(
                400,
                "InvalidIdentityToken",
                "The target role ARN is not present in the roles claim of the identity token",
            );
        }
    }
    // A role that does not exist: the claim is checked first, so that the answer says nothing about the role.
    let mut form = setup.form(&setup.token_with(&json!({ ROLES: own }))?);
    for (name, value) in &mut form {
        if name == "RoleArn" {
            *value = "arn:aws:iam::111122223333:role/Nobody".to_owned();
        }
    }
    setup
        .post(&form)
        .await?
        .assert_error(400, "InvalidIdentityToken", "roles claim");
    Ok(())
}

#[tokio::test]
async fn trust_policy_can_require_roles_claim() -> Result<()> {
    let required = json!({ "Bool": { "sts:RoleAuthorizedByIdp": "true" } });
    let (setup, without) = with_trust(|statement, _| {
        statement["Condition"] = required.clone();
    })
    .await?;
    assert_eq!(without, 403, "the key is absent without the claim");
    let token = setup.token_with(&json!({ ROLES: [setup.role_arn] }))?;
    setup.present(&token).await?.assert_success();
    Ok(())
}
