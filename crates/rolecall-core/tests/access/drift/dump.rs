//! The output of the AWS CLI for accounts that were set up as planned.

use std::collections::BTreeMap;

use rolecall_core::aws::{AccountId, Region};
use rolecall_core::drift::{Model, Observed, ObservedSamlProvider, Report, compare};
use rolecall_core::identity::EmailDomain;
use rolecall_core::provisioning::{
    AccountPlan, Existing, GatewayPrincipal, Installation, ProviderPlan, RolePlan, plan,
};
use serde_json::{Value, json};
use url::Url;

use crate::support::{now, policy};

const POLICY: &str = include_str!("access.toml");

const NAMES: [(&str, &str); 6] = [
    ("prod", "111122223333"),
    ("data", "444455556666"),
    ("legacy", "777788889999"),
    ("vendor", "123412341234"),
    ("partner", "121212121212"),
    // The account of the gateway's principal, which has no roles of permission sets.
    ("gateway", "999988887777"),
];
const THUMBPRINT: &str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280";

/// The model.
pub struct Fixture {
    policy: String,
}

impl Fixture {
    pub fn new() -> Self {
        Self {
            policy: POLICY.to_owned(),
        }
    }

    pub fn change_policy(&mut self, from: &str, to: &str) {
        assert!(self.policy.contains(from), "{from}");
        self.policy = self.policy.replace(from, to);
    }

    /// Calls `use_` with the model.
    pub fn with<T>(&self, use_: impl FnOnce(&Model<'_>) -> T) -> T {
        let policy = policy(&self.policy);
        let issuer = Url::parse("https://sso.example.com").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let domains = [EmailDomain::parse("example.com").unwrap()];
        let principal = GatewayPrincipal::parse("arn:aws:iam::999988887777:role/rolecall-gateway");
        let principal = principal.unwrap();
        let installation = Installation {
            email_domains: &domains,
            principal: Some(&principal),
            saml_metadata: Some("<EntityDescriptor/>"),
            existing: Existing {
                gateway: true,
                ..Existing::default()
            },
            ..Installation::new(&issuer, &region)
        };
        let plan = plan(&policy, &installation, None).unwrap();
        use_(&Model {
            plan: &plan,
            policy: &policy,
            installation: &installation,
            only: None,
            options: &["--config", "rolecall.toml"].map(str::to_owned),
            now: now(),
            thumbprints: vec![THUMBPRINT.to_owned()],
            saml_metadata: &|_| Some(saml_metadata()),
        })
    }

    pub fn compare(&self, dump: &Dump) -> Report {
        self.with(|model| compare(model, &dump.observed()))
    }
}

fn saml_metadata() -> ObservedSamlProvider {
    ObservedSamlProvider {
        arn: None,
        entity_id: "https://sso.example.com/saml/metadata".to_owned(),
        certificates: vec!["QUFB".to_owned(), "QkJC".to_owned()],
        valid_until: None,
    }
}

/// The output of the AWS CLI, by name of the account.
#[derive(Clone)]
pub struct Dump {
    /// `get-account-authorization-details`
    pub details: BTreeMap<&'static str, Value>,
    /// `list-roles`
    pub durations: BTreeMap<&'static str, Value>,
    /// `get-open-id-connect-provider` and `list-open-id-connect-providers`
    pub oidc: BTreeMap<&'static str, Vec<Value>>,
    pub saml: BTreeMap<&'static str, ObservedSamlProvider>,
    pub saml_list: Vec<String>,
}

fn id_of(name: &str) -> AccountId {
    let (_, id) = NAMES.iter().find(|(known, _)| *known == name).unwrap();
    AccountId::parse(id).unwrap()
}

fn name_of(id: &AccountId) -> &'static str {
    let named = NAMES.iter().find(|(_, known)| *known == id.as_str());
    named.unwrap().0
}

impl Dump {
    /// The output after the plan was carried out.
    pub fn of(fixture: &Fixture) -> Self {
        fixture.with(|model| {
            let mut dump = Self {
                details: BTreeMap::new(),
                durations: BTreeMap::new(),
                oidc: BTreeMap::new(),
                saml: BTreeMap::new(),
                saml_list: Vec::new(),
            };
            for account in &model.plan.accounts {
                dump.add(account);
            }
            dump
        })
    }

    fn add(&mut self, account: &AccountPlan) {
        let (id, name) = (&account.id, name_of(&account.id));
        let mut roles: Vec<Value> = account.roles.iter().map(|role| detail(id, role)).collect();
        // A role that trusts somebody else is none of the gateway's business.
        roles.push(json!({
            "Path": "/", "RoleName": "build", "RoleId": "AROABUILD",
            "Arn": format!("arn:aws:iam::{id}:role/build"), "CreateDate": "2026-01-01T00:00:00+00:00",
            "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": format!("arn:aws:iam::{id}:oidc-provider/token.actions.githubusercontent.com") },
                "Action": "sts:AssumeRoleWithWebIdentity",
            }] },
            "InstanceProfileList": [], "RolePolicyList": [], "AttachedManagedPolicies": [], "Tags": [],
        }));
        let durations = account.roles.iter().map(|role| {
            json!({
                "Arn": format!("arn:aws:iam::{id}:role/{}", role.path()),
                "MaxSessionDuration": role.max_session_seconds(),
            })
        });
        let durations: Vec<Value> = durations.collect();
        if !durations.is_empty() {
            self.durations.insert(name, json!({ "Roles": durations }));
        }
        self.details.insert(
            name,
            json!({
                "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles, "Policies": [],
                "IsTruncated": false,
            }),
        );
        match &account.provider {
            Some(ProviderPlan::Oidc { url, client_id }) => {
                let url = url.trim_start_matches("https://");
                let arn = format!("arn:aws:iam::{id}:oidc-provider/{url}");
                self.oidc.insert(
                    name,
                    vec![
                        json!({ "Url": url, "ClientIDList": [client_id], "ThumbprintList": [THUMBPRINT], "Tags": [] }),
                        json!({ "OpenIDConnectProviderList": [{ "Arn": arn }] }),
                    ],
                );
            }
            Some(ProviderPlan::Saml { name: provider, .. }) => {
                self.saml.insert(name, saml_metadata());
                self.saml_list
                    .push(format!("arn:aws:iam::{id}:saml-provider/{provider}"));
            }
            None => {}
        }
    }

    pub fn observed(&self) -> Observed {
        let mut observed = Observed::default();
        for output in self.details.values() {
            observed
                .add_authorization_details(output.to_string().as_bytes())
                .unwrap();
        }
        for output in self.durations.values() {
            observed.add_roles(output.to_string().as_bytes()).unwrap();
        }
        for (name, outputs) in &self.oidc {
            for output in outputs {
                let output = output.to_string();
                observed
                    .add_oidc_provider(Some(&id_of(name)), output.as_bytes())
                    .unwrap();
            }
        }
        for (name, provider) in &self.saml {
            observed
                .account(id_of(name))
                .saml_providers
                .push(provider.clone());
        }
        let legacy = observed.account(id_of("legacy"));
        legacy.saml_provider_arns = Some(self.saml_list.iter().cloned().collect());
        observed
    }

    pub fn roles(&mut self, account: &str) -> &mut Vec<Value> {
        let details = self.details.get_mut(account).unwrap();
        details["RoleDetailList"].as_array_mut().unwrap()
    }

    pub fn role(&mut self, account: &str, name: &str) -> &mut Value {
        let mut roles = self.roles(account).iter_mut();
        roles.find(|role| role["RoleName"] == name).unwrap()
    }

    /// The statements of a trust policy.
    pub fn statements(&mut self, account: &str, role: &str) -> &mut Vec<Value> {
        let document = &mut self.role(account, role)["AssumeRolePolicyDocument"];
        document["Statement"].as_array_mut().unwrap()
    }

    /// The first statement of a trust policy.
    pub fn statement(&mut self, account: &str, role: &str) -> &mut Value {
        &mut self.statements(account, role)[0]
    }

    /// The conditions of an operator in a trust policy.
    pub fn conditions(&mut self, account: &str, role: &str, operator: &str) -> &mut Value {
        &mut self.statement(account, role)["Condition"][operator]
    }

    /// Moves a condition to another operator.
    pub fn operator(&mut self, account: &str, role: &str, key: &str, from: &str, to: &str) {
        let conditions = self.conditions(account, role, from);
        let value = conditions.as_object_mut().unwrap().remove(key).unwrap();
        self.conditions(account, role, to)[key] = value;
    }

    pub fn seconds(&mut self, account: &str, role: &str) -> &mut Value {
        let roles = self.durations.get_mut(account).unwrap()["Roles"]
            .as_array_mut()
            .unwrap();
        let suffix = format!("/{role}");
        let found = roles
            .iter_mut()
            .find(|one| one["Arn"].as_str().unwrap().ends_with(&suffix));
        &mut found.unwrap()["MaxSessionDuration"]
    }

    pub fn oidc(&mut self, account: &str) -> &mut Value {
        &mut self.oidc.get_mut(account).unwrap()[0]
    }

    /// Writes everything differently, without another meaning.
    pub fn rewrite(&mut self) {
        for details in self.details.values_mut() {
            for role in details["RoleDetailList"].as_array_mut().unwrap() {
                let policy = role["AssumeRolePolicyDocument"].clone();
                role["AssumeRolePolicyDocument"] = rewritten(&policy);
                for inline in role["RolePolicyList"].as_array_mut().unwrap() {
                    let policy = inline["PolicyDocument"].clone();
                    inline["PolicyDocument"] = rewritten(&policy);
                    inline["PolicyName"] = "renamed".into();
                }
            }
        }
    }
}

/// Percent-encoded, with the statements and conditions in another order, keys in another case and lists of one.
fn rewritten(policy: &Value) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.reverse();
    for statement in statements {
        let action = &statement["Action"];
        let actions: Vec<Value> = match action.as_str() {
            Some(only) => vec![only.to_uppercase().into()],
            None => action.as_array().unwrap().iter().rev().cloned().collect(),
        };
        statement["Action"] = actions.into();
        statement["Sid"] = "Renamed".into();
        let Some(operators) = statement["Condition"].as_object_mut() else {
            statement.as_object_mut().unwrap().remove("Condition");
            continue;
        };
        for keys in operators.values_mut() {
            let keys = keys.as_object_mut().unwrap();
            let upper = std::mem::take(keys).into_iter().map(|(key, value)| {
                let values = match value.as_array() {
                    Some(values) => values.clone(),
                    None => vec![value],
                };
                (key.to_uppercase(), Value::Array(values))
            });
            *keys = upper.collect();
        }
    }
    let text = policy.to_string();
    let encoded = text.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect::<String>().into()
}

fn detail(account: &AccountId, role: &RolePlan) -> Value {
    let text = |node: &rolecall_core::provisioning::Node<String>| -> Value {
        serde_json::from_str(&node.compact()).unwrap()
    };
    let attached = role.managed_policies().iter().map(|arn| {
        let arn = arn.fill(account);
        json!({ "PolicyName": arn.rsplit('/').next(), "PolicyArn": arn })
    });
    let inline = role.inline_policy().map(|policy| {
        json!({
            "PolicyName": RolePlan::INLINE_POLICY_NAME,
            "PolicyDocument": text(&policy.fill(account)),
        })
    });
    let mut detail = json!({
        "Path": role.iam_path(), "RoleName": role.path().name(), "RoleId": "AROAEXAMPLE",
        "Arn": format!("arn:aws:iam::{account}:role/{}", role.path()),
        "CreateDate": "2026-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": text(&role.trust().node().fill(account)),
        "InstanceProfileList": [],
        "RolePolicyList": inline.into_iter().collect::<Vec<_>>(),
        "AttachedManagedPolicies": attached.collect::<Vec<_>>(),
        "Tags": [], "RoleLastUsed": {},
    });
    if let Some(arn) = role.permissions_boundary() {
        detail["PermissionsBoundary"] = json!({
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": arn.fill(account),
        });
    }
    detail
}
