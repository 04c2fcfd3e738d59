//! Accounts and their IAM resources, for tests to configure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::cloudformation::Physical;
use super::iam;
use super::mfa::{MfaDevice, RegisteredDevice};
use super::resources::AccountState;
use super::state::AwsState;
use crate::iam::{Policy, PolicyKind};

/// Parameters of `CreateRole`.
pub struct Role {
    /// Trust policy (`AssumeRolePolicyDocument`).
    pub trust_policy: Value,
    /// `MaxSessionDuration`, 1 h to 12 h.
    pub max_session_duration: Duration,
    /// The identity-based policy of the role. `None`: `AdministratorAccess`.
    pub permissions: Option<Value>,
}

impl Role {
    /// A role with this trust policy and AWS's default `MaxSessionDuration` of one hour.
    #[must_use]
    pub fn with_trust_policy(trust_policy: Value) -> Role {
        Role {
            trust_policy,
            max_session_duration: Duration::from_secs(3_600),
            permissions: None,
        }
    }

    /// The same role with this `MaxSessionDuration`.
    #[must_use]
    pub fn with_max_session_duration(self, max_session_duration: Duration) -> Role {
        Role {
            max_session_duration,
            ..self
        }
    }

    /// The same role with this identity-based policy only.
    #[must_use]
    pub fn with_permissions(self, permissions: Value) -> Role {
        Role {
            permissions: Some(permissions),
            ..self
        }
    }
}

/// The long-term access key of an IAM user.
#[derive(Clone)]
pub struct AccessKey {
    /// `arn:…:iam::…:user/path/name`
    pub user_arn: String,
    /// `AKIA…`
    pub access_key_id: String,
    /// The secret half of the key.
    pub secret_access_key: String,
}

/// An account, for the configuration of its IAM resources.
#[derive(Clone)]
pub struct Account {
    state: Arc<AwsState>,
    id: String,
}

impl Account {
    pub(super) fn new(state: Arc<AwsState>, id: &str) -> Account {
        state.create_account(id);
        Account {
            state,
            id: id.to_owned(),
        }
    }

    pub(super) fn state(&self) -> &AwsState {
        &self.state
    }

    /// Reads the resources of the account.
    pub(super) fn read<T: Default>(&self, read: impl FnOnce(&AccountState) -> T) -> T {
        let found = self.state.account(&self.id, |account| Some(read(account)));
        found.unwrap_or_default()
    }

    /// Changes the resources of the account.
    pub(super) fn update(&self, change: impl FnOnce(&mut AccountState)) {
        self.state.update_account(&self.id, change);
    }

    /// The resources of a stack; none if it does not exist.
    pub(super) fn stack(&self, name: &str) -> BTreeSet<Physical> {
        self.read(|account| account.stacks.get(name).cloned().unwrap_or_default())
    }

    pub(super) fn set_stack(&self, name: &str, resources: BTreeSet<Physical>) {
        self.update(|account| {
            account.stacks.insert(name.to_owned(), resources);
        });
    }

    /// Another account of the organization; `None` for the management account.
    pub(super) fn member(&self, id: &str) -> anyhow::Result<Option<Account>> {
        ensure!(
            self.state.account(id, |_| Some(())).is_some(),
            "there is no account {id} in the organization"
        );
        let account = Account::new(Arc::clone(&self.state), id);
        Ok((!self.state.organization.is_management_account(id)).then_some(account))
    }

    /// The account ID.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `iam:CreateOpenIDConnectProvider`: registers an issuer with its client IDs and returns the provider's ARN.
    /// Registering the issuer again replaces its client IDs. Unlike IAM, it accepts `http`, for issuers on loopback.
    ///
    /// # Errors
    /// If the URL or the client IDs exceed the limits of the IAM API (255 characters, 1 to 100 IDs).
    pub fn oidc_provider(&self, issuer: &str, client_ids: &[&str]) -> anyhow::Result<String> {
        let provider = iam::OidcProvider::new(self.state.partition, &self.id, issuer, client_ids)?;
        let arn = provider.arn.clone();
        self.state.update_account(&self.id, |account| {
            account
                .providers
                .insert(issuer.to_owned(), Arc::new(provider))
        });
        Ok(arn)
    }

    /// Makes this issuer Google for the account: IAM knows Google without an OIDC provider, by the principal and the prefix of
    /// condition keys `accounts.google.com`.
    pub fn google(&self, issuer: &str) {
        let provider = Arc::new(iam::OidcProvider::google());
        self.state.update_account(&self.id, |account| {
            account.providers.insert(issuer.to_owned(), provider)
        });
    }

    /// `iam:DeleteOpenIDConnectProvider`, by issuer.
    pub fn delete_oidc_provider(&self, issuer: &str) {
        self.state
            .update_account(&self.id, |account| account.providers.remove(issuer));
    }

    /// `iam:CreateSAMLProvider` or `iam:UpdateSAMLProvider`: registers metadata and returns the provider's ARN.
    ///
    /// # Errors
    /// If IAM would reject the name or the metadata.
    pub fn saml_provider(&self, name: &str, metadata: &str) -> anyhow::Result<String> {
        let provider = iam::SamlProvider::new(self.state.partition, &self.id, name, metadata)?;
        let arn = provider.arn.clone();
        self.state.update_account(&self.id, |account| {
            account
                .saml_providers
                .insert(arn.clone(), Arc::new(provider))
        });
        Ok(arn)
    }

    /// `iam:DeleteSAMLProvider`, by ARN.
    pub fn delete_saml_provider(&self, arn: &str) {
        self.state
            .update_account(&self.id, |account| account.saml_providers.remove(arn));
    }

    /// `iam:CreateUser` and `iam:CreateAccessKey`: `name` can have a path, as in `tools/gateway`. The user has `AdministratorAccess`
    /// until [`Account::set_permissions`] is called.
    ///
    /// # Errors
    /// If IAM would reject the name.
    pub fn user(&self, name: &str) -> anyhow::Result<AccessKey> {
        let user = iam::IamUser::new(self.state.partition, &self.id, name)?;
        let key = AccessKey {
            user_arn: user.arn.clone(),
            access_key_id: user.access_key_id.clone(),
            secret_access_key: user.secret_access_key.clone(),
        };
        self.state.update_account(&self.id, |account| {
            account
                .users
                .insert(user.access_key_id.clone(), Arc::new(user))
        });
        Ok(key)
    }

    /// `iam:CreateVirtualMFADevice` and `iam:EnableMFADevice`, for a user of this account.
    ///
    /// # Errors
    /// If this is not a user of the account.
    pub fn mfa_device(&self, key: &AccessKey) -> anyhow::Result<MfaDevice> {
        let user = self.state.user(&key.access_key_id);
        let user = user.filter(|user| user.account == self.id);
        let user = user.context("not a user of this account")?;
        let name = user.arn.rsplit('/').next().unwrap_or_default();
        let serial = self
            .state
            .partition
            .iam_arn(&self.id, &format!("mfa/{name}"));
        let device = MfaDevice::new(serial)?;
        let registered = Arc::new(RegisteredDevice::new(device.clone()));
        self.state.update_account(&self.id, |account| {
            account.mfa_devices.insert(user.arn.clone(), registered)
        });
        Ok(device)
    }

    /// `iam:PutUserPolicy` or `iam:PutRolePolicy`: replaces all identity-based policies of a user or role, given by its ARN.
    ///
    /// # Errors
    /// If the ARN is not one of this account, or the evaluator does not accept a document.
    pub fn set_permissions(&self, arn: &str, documents: &[Value]) -> anyhow::Result<()> {
        ensure!(
            arn.split(':').nth(4) == Some(&self.id),
            "{arn} is not in account {}",
            self.id
        );
        let policies = documents.iter().enumerate().map(|(n, document)| {
            let name = format!("policy-{n}");
            Policy::parse(PolicyKind::Identity, &name, document).map(Arc::new)
        });
        let policies = policies.collect::<anyhow::Result<Vec<_>>>()?;
        self.state.update_account(&self.id, |account| {
            account.permissions.insert(arn.to_owned(), policies)
        });
        Ok(())
    }

    /// `iam:DeleteAccessKey`.
    pub fn forget_access_key(&self, access_key_id: &str) {
        self.state
            .update_account(&self.id, |account| account.users.remove(access_key_id));
    }

    /// `iam:DeleteRole`, by path and name.
    pub fn delete_role(&self, name: &str) {
        let arn = self
            .state
            .partition
            .iam_arn(&self.id, &format!("role/{name}"));
        self.update(|account| {
            account.roles.remove(&arn);
            account.permissions.remove(&arn);
        });
    }

    /// `iam:CreateRole` or its update; returns the role's ARN. `name` may include a path, as in `rolecall/Developer`.
    ///
    /// # Errors
    /// If IAM would reject the name, the duration or the trust policy, or if the policy uses an element that the
    /// emulator does not evaluate.
    pub fn role(&self, name: &str, role: Role) -> anyhow::Result<String> {
        let created = iam::TrustedRole::new(self.state.partition, &self.id, name, &role)?;
        let arn = created.arn.clone();
        if let Some(document) = &role.permissions {
            self.set_permissions(&arn, std::slice::from_ref(document))?;
        }
        self.state.update_account(&self.id, |account| {
            account.roles.insert(arn.clone(), Arc::new(created))
        });
        Ok(arn)
    }
}
