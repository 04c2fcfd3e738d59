//! Stacks create, update and delete what their templates contain, and reject what CloudFormation or IAM would reject.

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::aws::{Aws, AwsSettings};
use rolecall_testkit::iam::RequestContext;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";

fn aws() -> Result<Aws> {
    Aws::start(AwsSettings::default())
}

fn allow(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

/// A trust policy for the account in which the role is.
fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": { "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" } },
        "Action": "sts:AssumeRole",
    }] })
}

fn role(more: Value) -> Value {
    let mut properties = json!({ "RoleName": "Developer", "Path": "/rolecall/", "AssumeRolePolicyDocument": trust() });
    if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
        properties.extend(more);
    }
    json!({ "Type": "AWS::IAM::Role", "Properties": properties })
}

fn template(resources: Value) -> String {
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources }).to_string()
}

#[test]
fn users_and_roles_have_the_permissions_of_their_policies() -> Result<()> {
    let aws = aws()?;
    let account = aws.account(ACCOUNT)?;
    let existing = account.user("gateway")?;
    let deployed = account.deploy(
        "s",
        &template(json!({
            "User": { "Type": "AWS::IAM::User", "Properties": {
                "UserName": "rolecall",
                "ManagedPolicyArns": [{ "Ref": "Policy" }, "arn:aws:iam::aws:policy/SecurityAudit"],
                "Policies": [{ "PolicyName": "p", "PolicyDocument": allow("s3:GetObject") }],
            } },
            "Policy": { "Type": "AWS::IAM::ManagedPolicy", "Properties": { "ManagedPolicyName": "own", "Path": "/x/", "PolicyDocument": allow("sqs:SendMessage") } },
            "Attached": { "Type": "AWS::IAM::ManagedPolicy", "Properties": {
                "ManagedPolicyName": "attached", "Users": ["gateway"], "PolicyDocument": allow("sts:AssumeRole"),
            } },
        })),
        &[],
    )?;
    let key = deployed.users.first().context("a user")?;
    for (key, action, allowed) in [
        (key, "sqs:SendMessage", true),
        (key, "s3:GetObject", true),
        (key, "iam:GetRole", true),
        (key, "sqs:DeleteQueue", false),
        (&existing, "sts:AssumeRole", true),
        (&existing, "s3:GetObject", false),
    ] {
        let context = RequestContext::default();
        let decision = aws.simulate(&key.access_key_id, action, "*", context)?;
        ensure!(
            decision.is_allowed() == allowed,
            "{action} {}",
            key.user_arn
        );
    }
    Ok(())
}

#[test]
fn updates_replace_and_delete() -> Result<()> {
    let aws = aws()?;
    let account = aws.account(ACCOUNT)?;
    let both = json!({
        "Role": role(json!({})),
        "User": { "Type": "AWS::IAM::User", "Properties": { "UserName": "rolecall" } },
    });
    let first = account.deploy("s", &template(both.clone()), &[])?;
    let again = account.deploy("s", &template(both), &[])?;
    ensure!(first.roles == ["arn:aws:iam::111122223333:role/rolecall/Developer"]);
    // A user keeps its key.
    ensure!(first.users[0].access_key_id == again.users[0].access_key_id);
    // Another stack cannot have the same role, whatever its path.
    let other = template(json!({ "Other": role(json!({ "Path": "/" })) }));
    let error = account.deploy("t", &other, &[]).err().context("created")?;
    ensure!(format!("{error:#}").contains("already exists"), "{error:#}");
    let only_user =
        json!({ "User": { "Type": "AWS::IAM::User", "Properties": { "UserName": "rolecall" } } });
    account.deploy("s", &template(only_user), &[])?;
    account.deploy("t", &other, &[])?;
    Ok(())
}

#[test]
fn stack_sets_deploy_in_members_of_the_organization() -> Result<()> {
    let aws = aws()?;
    let (management, _) = (aws.account(ACCOUNT)?, aws.account(OTHER)?);
    aws.organization().set_management_account(ACCOUNT);
    let stack_set = |change: fn(&mut Value)| {
        let mut properties = json!({
            "StackSetName": "rolecall",
            "PermissionModel": "SERVICE_MANAGED",
            "AutoDeployment": { "Enabled": false },
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "TemplateBody": template(json!({ "Role": role(json!({})) })),
            "StackInstancesGroup": [{
                "DeploymentTargets": { "OrganizationalUnitIds": ["r-abcd"], "AccountFilterType": "INTERSECTION", "Accounts": [ACCOUNT, OTHER] },
                "Regions": ["eu-west-1"],
            }],
        });
        change(&mut properties);
        template(
            json!({ "Set": { "Type": "AWS::CloudFormation::StackSet", "Properties": properties } }),
        )
    };
    for wrong in [
        stack_set(|set| set["PermissionModel"] = "SELF_MANAGED".into()),
        stack_set(|set| set["Capabilities"] = json!([])),
        stack_set(|set| {
            set["StackInstancesGroup"][0]["DeploymentTargets"]["Accounts"] = json!(["999999999999"])
        }),
        stack_set(|set| {
            set["StackInstancesGroup"][0]["DeploymentTargets"]["OrganizationalUnitIds"] = json!([])
        }),
        stack_set(|set| set["TemplateBody"] = "x".repeat(51_201).into()),
        stack_set(|set| set["Unknown"] = true.into()),
    ] {
        ensure!(management.deploy("s", &wrong, &[]).is_err(), "{wrong}");
    }
    let deployed = management.deploy("s", &stack_set(|_| {}), &[])?;
    // The trust policy is that of the account in which the role is.
    ensure!(deployed.roles == ["arn:aws:iam::444455556666:role/rolecall/Developer"]);
    Ok(())
}

#[test]
fn invalid_resources_are_rejected() -> Result<()> {
    let aws = aws()?;
    let account = aws.account(ACCOUNT)?;
    let long = "x".repeat(10_300);
    let long = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": long }] });
    for (resource, reason) in [
        (
            json!({ "Type": "AWS::S3::Bucket" }),
            "does not know resources of type AWS::S3::Bucket",
        ),
        (role(json!({ "Tags": [] })), "does not know [\"Tags\"]"),
        (
            role(json!({ "Path": "x" })),
            "Path begins and ends with a slash",
        ),
        (
            role(json!({ "MaxSessionDuration": 60 })),
            "MaxSessionDuration must be 3600",
        ),
        (
            role(json!({ "Description": "–" })),
            "Description does not match",
        ),
        (
            role(json!({ "PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess" })),
            "permissions boundaries",
        ),
        (
            role(json!({ "ManagedPolicyArns": ["arn:aws:iam::111122223333:policy/none"] })),
            "has no document of",
        ),
        (
            role(
                json!({ "ManagedPolicyArns": vec!["arn:aws:iam::aws:policy/ReadOnlyAccess"; 21] }),
            ),
            "PoliciesPerRole",
        ),
        (
            role(json!({ "Policies": [{ "PolicyName": "p", "PolicyDocument": long }] })),
            "Maximum policy size",
        ),
        (
            json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": { "ManagedPolicyName": "p", "PolicyDocument": long } }),
            "a managed policy has at most 6144",
        ),
        (
            json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": { "ManagedPolicyName": "p", "PolicyDocument": allow("s3:*"), "Roles": ["none"] } }),
            "The role with name none cannot be found",
        ),
        (
            json!({ "Type": "AWS::IAM::SAMLProvider", "Properties": { "Name": "p", "SamlMetadataDocument": "<x/>" } }),
            "SAMLMetadataDocument has 1000",
        ),
        (
            json!({ "Type": "AWS::IAM::OIDCProvider", "Properties": { "ClientIdList": ["x"] } }),
            "has no Url",
        ),
    ] {
        let error = account.deploy("s", &template(json!({ "R": resource })), &[]);
        let error = error
            .err()
            .with_context(|| format!("accepted: {resource}"))?;
        ensure!(format!("{error:#}").contains(reason), "{reason}: {error:#}");
    }
    Ok(())
}
