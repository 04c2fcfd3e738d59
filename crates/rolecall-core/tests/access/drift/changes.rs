//! Drifts: changes of an account, each with the finding that it must cause.

use rolecall_core::drift::ObservedSamlProvider;
use serde_json::{Value, json};

use super::dump::Dump;
use crate::support::now;

/// A change of an account.
pub struct Change {
    /// The finding.
    pub id: &'static str,
    /// What is changed. Changes of the same place exclude each other.
    pub place: &'static str,
    pub change: fn(&mut Dump),
}

macro_rules! changes {
    ($($place:literal: $id:literal => $change:expr;)*) => {
        pub const CHANGES: &[Change] = &[$(Change { id: $id, place: $place, change: $change },)*];
    };
}

const AUD: &str = "sso.example.com:aud";
const ACCOUNT: &str = "aws:RequestTag/rolecall:account";
const SET: &str = "aws:RequestTag/rolecall:permission-set";
const ROLE_CLAIM: &str = "sts:RoleAuthorizedByIdp";
const SOURCE: &str = "sts:SourceIdentity";
const EXTERNAL_ID: &str = "sts:ExternalId";

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).unwrap();
}

fn developer<'d>(dump: &'d mut Dump, operator: &str) -> &'d mut Value {
    dump.conditions("prod", "Developer", operator)
}

fn vendor<'d>(dump: &'d mut Dump, operator: &str) -> &'d mut Value {
    dump.conditions("vendor", "Access", operator)
}

fn legacy<'d>(dump: &'d mut Dump, operator: &str) -> &'d mut Value {
    dump.conditions("legacy", "ReadOnly", operator)
}

fn drop_action(dump: &mut Dump, account: &str, role: &str, action: &str) {
    let actions = dump.statement(account, role)["Action"]
        .as_array_mut()
        .unwrap();
    actions.retain(|one| one != action);
}

fn copy_role(dump: &mut Dump, from: (&str, &str), to: &str, name: &str) {
    let mut role = dump.role(from.0, from.1).clone();
    let arn = role["Arn"].as_str().unwrap().to_owned();
    let ids = ["111122223333", "444455556666"];
    let text = role.to_string();
    let target = match to {
        "prod" => ids[0],
        _ => ids[1],
    };
    role = serde_json::from_str(&text.replace(ids[0], target)).unwrap();
    let folder = arn.rsplit_once('/').unwrap().0.replace(ids[0], target);
    role["Arn"] = format!("{folder}/{name}").into();
    role["RoleName"] = name.into();
    dump.roles(to).push(role);
}

fn saml(dump: &mut Dump) -> &mut ObservedSamlProvider {
    dump.saml.get_mut("legacy").unwrap()
}

changes! {
    "prod aud": "trust-audience-missing" => |dump| remove(developer(dump, "StringEquals"), AUD);
    "prod aud": "trust-audience-wider" => |dump| {
        developer(dump, "StringEquals")[AUD] = json!(["sts.amazonaws.com", "other"]);
    };
    "prod aud": "trust-audience-differs" => |dump| {
        developer(dump, "StringEquals")[AUD] = "other".into();
    };
    "prod tag": "trust-account-tag-missing" => |dump| remove(developer(dump, "StringEquals"), ACCOUNT);
    "prod tag": "trust-account-tag-wider" => |dump| {
        developer(dump, "StringEquals")[ACCOUNT] = json!(["111122223333", "444455556666"]);
    };
    "prod tag": "trust-account-tag-differs" => |dump| {
        developer(dump, "StringEquals")[ACCOUNT] = "444455556666".into();
    };
    "prod set": "trust-permission-set-tag-missing" => |dump| remove(developer(dump, "StringEquals"), SET);
    "prod set": "trust-permission-set-tag-wider" => |dump| {
        developer(dump, "StringEquals")[SET] = json!(["Developer", "Developer@readonly", "ReadOnly"]);
    };
    "prod set": "trust-permission-set-tag-narrower" => |dump| {
        developer(dump, "StringEquals")[SET] = "Developer".into();
    };
    "prod claim": "trust-role-claim-missing" => |dump| remove(developer(dump, "Bool"), ROLE_CLAIM);
    "prod claim": "trust-role-claim-wider" => |dump| {
        developer(dump, "Bool")[ROLE_CLAIM] = json!(["true", "false"]);
    };
    "prod claim": "trust-role-claim-differs" => |dump| {
        developer(dump, "Bool")[ROLE_CLAIM] = false.into();
    };
    "prod source": "trust-source-identity-missing" => |dump| remove(developer(dump, "StringLike"), SOURCE);
    "prod source": "trust-source-identity-wider" => |dump| {
        developer(dump, "StringLike")[SOURCE] = "*".into();
    };
    "prod source": "trust-source-identity-narrower" => |dump| {
        developer(dump, "StringLike")[SOURCE] = "*-admin@example.com".into();
    };
    "prod source": "trust-source-identity-differs" => |dump| {
        developer(dump, "StringLike")[SOURCE] = "*@example.org".into();
    };
    "vendor external": "trust-external-id-missing" => |dump| remove(vendor(dump, "StringEquals"), EXTERNAL_ID);
    "vendor external": "trust-external-id-differs" => |dump| {
        vendor(dump, "StringEquals")[EXTERNAL_ID] = "1".into();
    };
    "vendor external": "trust-external-id-wider" => |dump| {
        let id = vendor(dump, "StringEquals")[EXTERNAL_ID].clone();
        vendor(dump, "StringEquals")[EXTERNAL_ID] = json!([id, "1"]);
    };
    "legacy aud": "trust-audience-missing" => |dump| remove(legacy(dump, "StringEquals"), "SAML:aud");
    "legacy iss": "trust-issuer-missing" => |dump| remove(legacy(dump, "StringEquals"), "SAML:iss");
    "legacy iss": "trust-issuer-differs" => |dump| {
        legacy(dump, "StringEquals")["SAML:iss"] = "https://old.example.com/saml/metadata".into();
    };
    "data tag": "trust-wildcard" => |dump| {
        dump.operator("data", "Developer", ACCOUNT, "StringEquals", "StringLike");
        dump.conditions("data", "Developer", "StringLike")[ACCOUNT] = "4444*".into();
    };
    "data tag": "trust-for-all-values" => |dump| {
        dump.operator("data", "Developer", ACCOUNT, "StringEquals", "ForAllValues:StringEquals");
    };
    "data tag": "trust-if-exists" => |dump| {
        dump.operator("data", "Developer", ACCOUNT, "StringEquals", "StringEqualsIfExists");
    };
    "data claim": "trust-if-exists" => |dump| {
        dump.operator("data", "Developer", ROLE_CLAIM, "Bool", "BoolIfExists");
    };
    "data condition": "trust-condition-added" => |dump| {
        dump.statement("data", "Developer")["Condition"]["IpAddress"]["aws:SourceIp"] = "192.0.2.0/24".into();
    };
    "data condition": "trust-condition-added" => |dump| {
        dump.statement("data", "Developer")["Condition"]["Bool"]["aws:MultiFactorAuthPresent"] = "true".into();
    };
    "data session": "trust-tag-session-missing" => |dump| drop_action(dump, "data", "Developer", "sts:TagSession");
    "data source": "trust-set-source-identity-missing" => |dump| {
        drop_action(dump, "data", "Developer", "sts:SetSourceIdentity");
    };
    "vendor action": "trust-action-extra" => |dump| {
        dump.statement("vendor", "Access")["Action"] = "sts:*".into();
    };
    "vendor session": "trust-statement-extra" => |dump| {
        dump.statements("vendor", "Access").push(json!({
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123412341234:root" }, "Action": "sts:AssumeRole",
        }));
    };
    "vendor deny": "trust-deny-added" => |dump| {
        dump.statements("vendor", "Access").push(json!({
            "Effect": "Deny", "Principal": "*", "Action": "sts:*",
            "Condition": { "DateGreaterThan": { "aws:CurrentTime": "2027-01-01T00:00:00Z" } },
        }));
    };
    "data audit": "trust-principal-wider" => |dump| {
        dump.statement("data", "Audit")["Principal"]["AWS"] = "999900001111".into();
    };
    "data audit": "trust-principal-wider" => |dump| {
        dump.statement("data", "Audit")["Principal"] = "*".into();
    };
    "data audit": "trust-not-principal" => |dump| {
        let statement = dump.statement("data", "Audit");
        remove(statement, "Principal");
        statement["NotPrincipal"] = json!({ "AWS": "999900001111" });
    };
    "data audit": "trust-not-action" => |dump| {
        let statement = dump.statement("data", "Audit");
        remove(statement, "Action");
        statement["NotAction"] = "sts:GetCallerIdentity".into();
    };
    "data audit": "trust-principal-deleted" => |dump| {
        dump.statement("data", "Audit")["Principal"] = json!({ "AWS": "AROAEXAMPLEDELETED" });
    };
    "data audit": "trust-principal-differs" => |dump| {
        // Nothing is allowed to anybody else.
        dump.statement("data", "Audit")["Effect"] = "Deny".into();
        dump.statement("data", "Audit")["Principal"]["Federated"] = "cognito-identity.amazonaws.com".into();
    };
    "data audit": "trust-assume-missing" => |dump| {
        drop_action(dump, "data", "Audit", "sts:AssumeRoleWithWebIdentity");
    };
    "data audit": "trust-unreadable" => |dump| {
        dump.role("data", "Audit")["AssumeRolePolicyDocument"] = json!({ "Statement": "{}" });
    };
    "data audit": "trust-operator" => |dump| {
        dump.operator("data", "Audit", AUD, "StringEquals", "StringMatches");
    };
    "prod operator": "role-missing" => |dump| dump.roles("prod").retain(|role| role["RoleName"] != "Operator");
    "prod operator": "role-path" => |dump| {
        let role = dump.role("prod", "Operator");
        role["Path"] = "/".into();
        role["Arn"] = "arn:aws:iam::111122223333:role/Operator".into();
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = json!({ "Service": "ec2.amazonaws.com" });
    };
    "data stray": "role-not-assigned" => |dump| copy_role(dump, ("prod", "ReadOnly"), "data", "Operator");
    "prod stray": "role-not-in-model" => |dump| copy_role(dump, ("prod", "ReadOnly"), "prod", "Copy");
    "prod seconds": "duration-short" => |dump| *dump.seconds("prod", "Developer") = 3_600.into();
    "prod seconds": "duration-long" => |dump| *dump.seconds("prod", "Developer") = 43_200.into();
    "prod attached": "managed-policy-missing" => |dump| {
        dump.role("prod", "Developer")["AttachedManagedPolicies"] = json!([]);
    };
    "prod attached": "managed-policy-extra" => |dump| {
        let attached = dump.role("prod", "Developer")["AttachedManagedPolicies"].as_array_mut().unwrap();
        attached.push(json!({ "PolicyName": "x", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }));
    };
    "prod inline": "inline-policy-missing" => |dump| {
        dump.role("prod", "Developer")["RolePolicyList"] = json!([]);
    };
    "prod inline": "inline-policy-differs" => |dump| {
        dump.role("prod", "Developer")["RolePolicyList"][0]["PolicyDocument"]["Statement"][1]["Resource"] = "*".into();
    };
    "prod inline 2": "inline-policy-extra" => |dump| {
        dump.role("prod", "ReadOnly")["RolePolicyList"] = json!([{ "PolicyName": "x", "PolicyDocument": {
            "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" },
        } }]);
    };
    "prod inline 2": "inline-deny-extra" => |dump| {
        dump.role("prod", "ReadOnly")["RolePolicyList"] = json!([{ "PolicyName": "AWSRevokeOlderSessions", "PolicyDocument": {
            "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                "DateLessThan": { "aws:TokenIssueTime": "2026-01-01T00:00:00Z" },
            } },
        } }]);
    };
    "prod boundary": "boundary-missing" => |dump| remove(dump.role("prod", "Developer"), "PermissionsBoundary");
    "prod boundary": "boundary-differs" => |dump| {
        dump.role("prod", "Developer")["PermissionsBoundary"]["PermissionsBoundaryArn"] =
            "arn:aws:iam::111122223333:policy/Wide".into();
    };
    "prod boundary 2": "boundary-extra" => |dump| {
        dump.role("prod", "ReadOnly")["PermissionsBoundary"] = json!({
            "PermissionsBoundaryArn": "arn:aws:iam::111122223333:policy/Boundary",
        });
    };
    "prod provider": "oidc-provider-missing" => |dump| {
        dump.oidc.insert("prod", vec![json!({ "OpenIDConnectProviderList": [] })]);
    };
    "prod provider": "oidc-provider-url" => |dump| {
        let mut provider = dump.oidc("prod").clone();
        provider["Url"] = "sso.example.com/".into();
        dump.oidc.insert("prod", vec![provider]);
    };
    "prod provider": "oidc-client-id-extra" => |dump| {
        dump.oidc("prod")["ClientIDList"] = json!(["sts.amazonaws.com", "other"]);
    };
    "prod provider": "oidc-thumbprint" => |dump| {
        dump.oidc("prod")["ThumbprintList"] = json!(["0000000000000000000000000000000000000000"]);
    };
    "data provider": "oidc-client-id-missing" => |dump| dump.oidc("data")["ClientIDList"] = json!([]);
    "legacy provider": "saml-provider-missing" => |dump| {
        dump.saml.clear();
        dump.saml_list = Vec::new();
    };
    "legacy provider": "saml-entity-id" => |dump| saml(dump).entity_id = "https://old.example.com".to_owned();
    "legacy provider": "saml-key-missing" => |dump| drop(saml(dump).certificates.pop());
    "legacy provider": "saml-key-extra" => |dump| saml(dump).certificates.push("Q0ND".to_owned());
    "legacy provider": "saml-expired" => |dump| saml(dump).valid_until = Some(now());
}
