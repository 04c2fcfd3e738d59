//! IAM resources by account, and the policies that apply to their users, roles and sessions.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::cloudformation::Physical;
use super::iam::{IamUser, OidcProvider, SamlProvider, TrustedRole};
use super::issued::IssuedSession;
use super::mfa::RegisteredDevice;
use super::state::AwsState;
use crate::iam::{Policy, PolicyKind};

/// IAM resources of an account.
#[derive(Default)]
pub(super) struct AccountState {
    /// By issuer.
    pub providers: HashMap<String, Arc<OidcProvider>>,
    /// By ARN.
    pub saml_providers: HashMap<String, Arc<SamlProvider>>,
    /// By ARN.
    pub roles: HashMap<String, Arc<TrustedRole>>,
    /// By access key id.
    pub users: HashMap<String, Arc<IamUser>>,
    /// By ARN of the user.
    pub mfa_devices: HashMap<String, Arc<RegisteredDevice>>,
    /// Identity-based policies by ARN of the user or role; [`Policy::administrator_access`] without an entry.
    pub permissions: HashMap<String, Vec<Arc<Policy>>>,
    /// Resources of stacks, by name of the stack.
    pub stacks: HashMap<String, BTreeSet<Physical>>,
}

impl AwsState {
    pub fn create_account(&self, id: &str) {
        self.update_account(id, |_| ());
    }

    /// Changes an account.
    pub fn update_account<T>(&self, id: &str, change: impl FnOnce(&mut AccountState) -> T) -> T {
        change(
            self.accounts
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(id.to_owned())
                .or_default(),
        )
    }

    /// Reads an account; `None` if it does not exist.
    pub fn account<T>(&self, id: &str, read: impl FnOnce(&AccountState) -> Option<T>) -> Option<T> {
        read(
            self.accounts
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .get(id)?,
        )
    }

    pub fn provider(&self, account: &str, issuer: &str) -> Option<Arc<OidcProvider>> {
        self.account(account, |account| account.providers.get(issuer).cloned())
    }

    pub fn saml_provider(&self, account: &str, arn: &str) -> Option<Arc<SamlProvider>> {
        self.account(account, |account| account.saml_providers.get(arn).cloned())
    }

    pub fn role(&self, account: &str, arn: &str) -> Option<Arc<TrustedRole>> {
        self.account(account, |account| account.roles.get(arn).cloned())
    }

    /// The IAM user of any account with this access key.
    pub fn user(&self, access_key_id: &str) -> Option<Arc<IamUser>> {
        self.accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .find_map(|account| account.users.get(access_key_id))
            .cloned()
    }

    pub fn mfa_device(&self, user: &IamUser) -> Option<Arc<RegisteredDevice>> {
        self.account(&user.account, |account| {
            account.mfa_devices.get(&user.arn).cloned()
        })
    }

    /// The identity-based policies of a user or role.
    pub fn permissions(&self, account: &str, arn: &str) -> Vec<Arc<Policy>> {
        self.account(account, |account| account.permissions.get(arn).cloned())
            .unwrap_or_else(|| vec![Arc::clone(&self.administrator_access)])
    }

    /// The session policies of a session; `None` if its permissions are those of the role or user alone.
    ///
    /// # Errors
    /// If one of them cannot be evaluated.
    pub fn session_policies(
        &self,
        session: &IssuedSession,
    ) -> anyhow::Result<Option<Vec<Arc<Policy>>>> {
        if session.policy.is_none() && session.policy_arns.is_empty() {
            return Ok(session.needs_session_policy().then(Vec::new));
        }
        let mut policies = Vec::new();
        if let Some(text) = &session.policy {
            let document = serde_json::from_str(text).context("session policy")?;
            policies.push(Arc::new(Policy::parse(
                PolicyKind::Session,
                "Policy",
                &document,
            )?));
        }
        for arn in &session.policy_arns {
            policies.push(self.managed_policy(arn)?);
        }
        Ok(Some(policies))
    }

    /// A managed policy, as a session policy.
    fn managed_policy(&self, arn: &str) -> anyhow::Result<Arc<Policy>> {
        if let Some(policy) = self.registered_policy(arn) {
            return Ok(policy);
        }
        let document = self.managed_policy_document(arn)?;
        let policy = Policy::parse(PolicyKind::Identity, arn, &document)?;
        Ok(Arc::new(policy.into_session_policy()))
    }

    fn registered_policy(&self, arn: &str) -> Option<Arc<Policy>> {
        let policies = self.managed_policies.read();
        let policies = policies.unwrap_or_else(PoisonError::into_inner);
        policies.get(arn).cloned()
    }

    /// The document of a managed policy, of an account or of AWS.
    ///
    /// # Errors
    /// If there is none.
    pub fn managed_policy_document(&self, arn: &str) -> anyhow::Result<Value> {
        if let Some(policy) = self.registered_policy(arn) {
            return Ok(policy.document().clone());
        }
        let name = arn.split_once(":iam::aws:policy/").map(|(_, name)| name);
        name.and_then(aws_managed)
            .with_context(|| format!("the AWS emulator has no document of {arn}"))
    }

    /// `iam:CreatePolicy`, with any ARN.
    ///
    /// # Errors
    /// If IAM would reject the document, or the evaluator does not know an element of it.
    pub fn register_managed_policy(&self, arn: &str, document: &Value) -> anyhow::Result<()> {
        let policy = Policy::parse(PolicyKind::Identity, arn, document)?.into_session_policy();
        let policies = self.managed_policies.write();
        let mut policies = policies.unwrap_or_else(PoisonError::into_inner);
        policies.insert(arn.to_owned(), Arc::new(policy));
        Ok(())
    }

    pub fn has_managed_policy(&self, arn: &str) -> bool {
        self.registered_policy(arn).is_some()
    }

    /// `iam:DeletePolicy`, with `DetachRolePolicy` and `DetachUserPolicy`.
    pub fn delete_managed_policy(&self, arn: &str) {
        let policies = self.managed_policies.write();
        let mut policies = policies.unwrap_or_else(PoisonError::into_inner);
        policies.remove(arn);
        drop(policies);
        let accounts = self.accounts.write();
        let mut accounts = accounts.unwrap_or_else(PoisonError::into_inner);
        for account in accounts.values_mut() {
            for attached in account.permissions.values_mut() {
                attached.retain(|policy| policy.name() != arn);
            }
        }
    }
}

/// Managed policies of AWS with a document as short as this. Those of `ReadOnlyAccess` and `SecurityAudit` are only similar to AWS's.
fn aws_managed(name: &str) -> Option<Value> {
    let statement = match name {
        "AdministratorAccess" => json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        "ReadOnlyAccess" => json!({
            "Effect": "Allow", "Action": ["*:Get*", "*:List*", "*:Describe*"], "Resource": "*",
        }),
        "PowerUserAccess" => json!({
            "Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*",
        }),
        "SecurityAudit" => json!({
            "Effect": "Allow",
            "Action": ["iam:Get*", "iam:List*", "ec2:Describe*", "s3:GetBucket*", "s3:ListAllMyBuckets"],
            "Resource": "*",
        }),
        _ => return None,
    };
    Some(json!({"Version": "2012-10-17", "Statement": [statement]}))
}
