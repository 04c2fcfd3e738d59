//! A row for one way of trust: its account in the access policy, and its resources at AWS.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rolecall_harness::sample_data::CLIENT_ID;
use rolecall_testkit::aws::{AccessKey, Aws, Role, Target};
use serde_json::{Value, json};

use super::row::{Change, Outcome, Row, Way};

/// Account of the gateway's own IAM user, and of the roles on the way.
pub const GATEWAY: &str = "999988887777";
/// The user in it.
pub const GATEWAY_USER: &str = "tools/gateway";
const ROLE: &str = "rolecall/Developer";
const SAML_PROVIDER: &str = "rolecall";

/// A row for one way of trust.
pub struct Case {
    /// Name of the permission set.
    pub name: String,
    pub way: Way,
    pub change: Change,
    pub outcome: Outcome,
    pub account: String,
    /// Name of the partition in ARNs.
    pub partition: &'static str,
    account_lines: &'static str,
    pub set: String,
}

impl Case {
    /// All cases of a partition.
    pub fn of(rows: &[Row], partition: rolecall_testkit::aws::Partition) -> Vec<Self> {
        let mut cases = Vec::new();
        let here = rows.iter();
        for row in here.filter(|row| row.partitions.contains(&partition)) {
            for &way in row.ways {
                cases.push(Self {
                    name: match way.is_of_provider() {
                        true => format!("{}-provider", row.name),
                        false => row.name.to_owned(),
                    },
                    way,
                    change: row.change.clone(),
                    outcome: row.outcome,
                    account: format!("{}", 100_000_000_000 + cases.len()),
                    partition: partition.name(),
                    account_lines: row.account,
                    set: set_lines(row, way, partition.name()),
                });
            }
        }
        cases
    }

    pub fn label(&self) -> String {
        format!("{} {} {:?}", self.partition, self.name, self.way)
    }

    fn iam(&self, account: &str, resource: &str) -> String {
        format!("arn:{}:iam::{account}:{resource}", self.partition)
    }

    /// ARN of the role that is requested.
    pub fn role(&self) -> String {
        self.iam(&self.account, &format!("role/{ROLE}"))
    }

    /// ARN of the role on the way.
    pub fn hub(&self) -> String {
        self.iam(GATEWAY, &format!("role/hub-{}", self.account))
    }

    pub fn saml_provider(&self) -> String {
        self.iam(&self.account, &format!("saml-provider/{SAML_PROVIDER}"))
    }

    /// A value of the permission set or the account in the access policy, without quotes.
    pub fn configured(&self, key: &str) -> Option<String> {
        let lines = self.set.lines().chain(self.account_lines.lines());
        let value = lines
            .filter_map(|line| line.split_once(" = "))
            .find_map(|(name, value)| (name == key).then_some(value))?;
        Some(value.trim_matches(['[', ']', '"', '\'']).to_owned())
    }

    /// The `[[account]]`.
    pub fn account_toml(&self) -> String {
        let (id, account_lines) = (&self.account, self.account_lines);
        let trust = match self.way {
            Way::GatewayOidc => "trust = \"gateway-oidc\"".to_owned(),
            Way::GatewaySaml => format!(
                "trust = \"gateway-saml\"\nsaml_provider_arn = \"{}\"",
                self.saml_provider()
            ),
            Way::ProviderSaml => format!(
                "trust = \"provider-saml\"\nsaml_provider_arn = \"{}\"",
                self.saml_provider()
            ),
            Way::ProviderOidc => "trust = \"provider-oidc\"\nprovider = \"example\"".to_owned(),
            Way::Caller => "trust = \"caller\"".to_owned(),
            Way::Via => format!("trust = \"caller\"\nvia = \"{}\"", self.hub()),
            Way::FederationToken => format!(
                "trust = \"federation-token\"\ncredentials = {{ access_key_id = {{ file = \"{id}.id\" }}, secret_access_key = {{ file = \"{id}.secret\" }} }}"
            ),
        };
        format!("[[account]]\nid = \"{id}\"\nname = \"account-{id}\"\n{trust}\n{account_lines}\n")
    }

    /// Creates the IAM user of a federation token and writes its key to files of the access policy.
    pub fn write_key(&self, aws: &Aws, folder: &Path) -> Result<Option<AccessKey>> {
        if self.way != Way::FederationToken {
            return Ok(None);
        }
        let key = aws.account(&self.account)?.user("rolecall")?;
        let (id, secret) = (&key.access_key_id, &key.secret_access_key);
        for (name, text) in [("id", id), ("secret", secret)] {
            write_secret(&folder.join(format!("{}.{name}", self.account)), text)?;
        }
        Ok(Some(key))
    }
}

/// The lines of the permission set. Where the person's own provider makes the response, there are none about its contents.
fn set_lines(row: &Row, way: Way, partition: &str) -> String {
    let of_response = ["source_identity", "session_tags"];
    let kept =
        |line: &&str| !way.is_of_provider() || !of_response.iter().any(|key| line.starts_with(key));
    let lines: Vec<&str> = row.set.lines().filter(kept).collect();
    lines.join("\n").replace("PARTITION", partition)
}

/// The metadata of an identity provider, and the same with the certificate of another key.
pub struct Metadata {
    pub current: String,
    pub other: String,
}

/// What all cases of a partition share.
pub struct Shared<'a> {
    pub aws: &'a Aws,
    /// The issuer of the gateway.
    pub issuer: &'a str,
    /// That of the person's own OpenID provider.
    pub upstream_issuer: &'a str,
    pub own_metadata: &'a Metadata,
    /// That of the person's own SAML provider.
    pub upstream_metadata: &'a Metadata,
    pub gateway: &'a AccessKey,
    /// Keys of federation tokens, by account.
    pub keys: &'a BTreeMap<String, AccessKey>,
}

impl Shared<'_> {
    /// Makes AWS as the case describes it.
    pub fn set_up(&self, case: &Case) -> Result<()> {
        let account = self.aws.account(&case.account)?;
        let principal = match case.way {
            Way::GatewayOidc | Way::ProviderOidc => {
                let (issuer, own) = match case.way == Way::ProviderOidc {
                    true => (self.upstream_issuer, CLIENT_ID),
                    false => (self.issuer, "sts.amazonaws.com"),
                };
                let client_id = match matches!(case.change, Change::OtherClientId) {
                    true => "another",
                    false => own,
                };
                let arn = account.oidc_provider(issuer, &[client_id])?;
                if let Change::NoProvider = case.change {
                    account.delete_oidc_provider(issuer);
                }
                json!({"Federated": arn})
            }
            Way::GatewaySaml | Way::ProviderSaml => {
                let metadata = match case.way == Way::ProviderSaml {
                    true => self.upstream_metadata,
                    false => self.own_metadata,
                };
                let metadata = match matches!(case.change, Change::OtherCertificate) {
                    true => &metadata.other,
                    false => &metadata.current,
                };
                let arn = account.saml_provider(SAML_PROVIDER, metadata)?;
                if let Change::NoProvider = case.change {
                    account.delete_saml_provider(&arn);
                }
                json!({"Federated": arn})
            }
            Way::Caller => json!({"AWS": self.gateway.user_arn}),
            Way::Via => {
                let name = format!("hub-{}", case.account);
                let first = json!({"AWS": self.gateway.user_arn});
                let role = trust(&first, &Change::Nothing);
                let role = Role::with_trust_policy(role);
                let hub = self.aws.account(GATEWAY)?.role(&name, role)?;
                json!({"AWS": hub})
            }
            Way::FederationToken => Value::Null,
        };
        if !principal.is_null() && !matches!(case.change, Change::NoRole) {
            let hours = match matches!(case.change, Change::ShortRole) {
                true => 1,
                false => 12,
            };
            let role = Role::with_trust_policy(trust(&principal, &case.change))
                .with_max_session_duration(Duration::from_secs(hours * 3_600));
            account.role(ROLE, role)?;
        }
        self.apply(case)
    }

    /// What is changed outside the account's roles and providers.
    fn apply(&self, case: &Case) -> Result<()> {
        let statement = |text: &str| -> Result<Value> {
            Ok(document(&serde_json::from_str(
                &text.replace("ROLE", &case.role()),
            )?))
        };
        let organization = self.aws.organization();
        match &case.change {
            Change::ServiceControl(text) => {
                let target = Target::Account(self.caller_account(case));
                organization.service_control_policy(&case.name, target, &statement(text)?)
            }
            Change::ResourceControl(text) => {
                let target = Target::Account(case.account.clone());
                organization.resource_control_policy(&case.name, target, &statement(text)?)
            }
            Change::Permissions(text) => {
                let account = self.aws.account(&self.caller_account(case))?;
                account.set_permissions(&self.key(case)?.user_arn, &[statement(text)?])
            }
            Change::NoKey => {
                let id = &self.key(case)?.access_key_id;
                self.aws.account(&case.account)?.forget_access_key(id);
                Ok(())
            }
            Change::Fault(fault) => {
                self.aws.inject_fault(fault.clone());
                Ok(())
            }
            Change::Nothing
            | Change::NoRole
            | Change::NoProvider
            | Change::OtherClientId
            | Change::OtherCertificate
            | Change::Without(_)
            | Change::Condition(_)
            | Change::ShortRole => Ok(()),
        }
    }

    /// Undoes what could affect other cases.
    pub fn tidy(&self, case: &Case) -> Result<()> {
        self.aws.clear_faults();
        let target = Target::Account(self.caller_account(case));
        self.aws.organization().detach(&case.name, &target);
        if let (Change::Permissions(_), Way::Caller | Way::Via) = (&case.change, case.way) {
            let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            let gateway = self.aws.account(GATEWAY)?;
            gateway.set_permissions(&self.gateway.user_arn, &[document(&all)])?;
        }
        Ok(())
    }

    fn caller_account(&self, case: &Case) -> String {
        match case.way {
            Way::Caller | Way::Via => GATEWAY.to_owned(),
            Way::GatewayOidc
            | Way::GatewaySaml
            | Way::FederationToken
            | Way::ProviderSaml
            | Way::ProviderOidc => case.account.clone(),
        }
    }

    /// The key that signs the first request.
    pub fn key(&self, case: &Case) -> Result<&AccessKey> {
        match case.way {
            Way::FederationToken => self.keys.get(&case.account).context("no key"),
            Way::GatewayOidc
            | Way::GatewaySaml
            | Way::Caller
            | Way::Via
            | Way::ProviderSaml
            | Way::ProviderOidc => Ok(self.gateway),
        }
    }
}

fn document(statement: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// A trust policy for this principal.
fn trust(principal: &Value, change: &Change) -> Value {
    let actions = [
        "sts:AssumeRole",
        "sts:AssumeRoleWithWebIdentity",
        "sts:AssumeRoleWithSAML",
        "sts:TagSession",
        "sts:SetSourceIdentity",
    ];
    let (mut missing, mut condition) = ("", json!({}));
    if let Change::Without(action) = change {
        missing = action;
    }
    if let Change::Condition(text) = change {
        condition = serde_json::from_str(text).unwrap_or_default();
    }
    let actions: Vec<&str> = actions.into_iter().filter(|one| *one != missing).collect();
    document(&json!({
        "Effect": "Allow", "Principal": principal, "Action": actions, "Condition": condition,
    }))
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new();
    let mut file = file.write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
