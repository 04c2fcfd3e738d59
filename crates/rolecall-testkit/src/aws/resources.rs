//! IAM resources by account, and the policies that apply to their users, roles and sessions.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use serde_json::{Value, json};

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
    fn account<T>(&self, id: &str, read: impl FnOnce(&AccountState) -> Option<T>) -> Option<T> {
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
        let registered = self
            .managed_policies
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(arn)
            .cloned();
        if let Some(policy) = registered {
            return Ok(policy);
        }
        let name = arn.split_once(":iam::aws:policy/").map(|(_, name)| name);
        let document = name
            .and_then(aws_managed)
            .with_context(|| format!("the AWS emulator has no document of {arn}"))?;
        let policy = Policy::parse(PolicyKind::Identity, arn, &document)?;
        Ok(Arc::new(policy.into_session_policy()))
    }
}

/// Managed policies of AWS with a document as short as this. That of `ReadOnlyAccess` is only similar to AWS's.
fn aws_managed(name: &str) -> Option<Value> {
    let statement = match name {
        "AdministratorAccess" => json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        "ReadOnlyAccess" => json!({
            "Effect": "Allow", "Action": ["*:Get*", "*:List*", "*:Describe*"], "Resource": "*",
        }),
        _ => return None,
    };
    Some(json!({"Version": "2012-10-17", "Statement": [statement]}))
}
