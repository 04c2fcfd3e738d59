//! Resources of IAM, within the limits of IAM that templates can exceed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::super::account::{AccessKey, Account, Role};
use super::super::partition::Partition;
use super::functions::Created;
use super::properties::Properties;
use super::{Deployment, Physical};
use crate::iam::{Policy, PolicyKind};

/// IAM quotas: characters without white space, and attached policies with the highest quota.
const ROLE_INLINE_CHARS_MAX: usize = 10_240;
const USER_INLINE_CHARS_MAX: usize = 2_048;
const MANAGED_POLICY_CHARS_MAX: usize = 6_144;
const ATTACHED_MAX: usize = 20;

impl Deployment<'_> {
    pub fn oidc_provider(&mut self, mut properties: Properties) -> anyhow::Result<Created> {
        let url = properties.text("Url")?;
        let client_ids = properties.texts("ClientIdList")?;
        properties.done()?;
        self.own(Physical::OidcProvider(url.clone()))?;
        let client_ids: Vec<&str> = client_ids.iter().map(String::as_str).collect();
        let arn = self.account.oidc_provider(&url, &client_ids)?;
        Ok(Created::with_arn(&arn, &arn))
    }

    pub fn saml_provider(&mut self, mut properties: Properties) -> anyhow::Result<Created> {
        let name = properties.text("Name")?;
        let metadata = properties.text("SamlMetadataDocument")?;
        properties.done()?;
        let arn = self.arn(&format!("saml-provider/{name}"));
        self.own(Physical::SamlProvider(arn))?;
        let arn = self.account.saml_provider(&name, &metadata)?;
        Ok(Created::named(&arn))
    }

    pub fn managed_policy(&mut self, mut properties: Properties) -> anyhow::Result<Created> {
        let name = properties.text("ManagedPolicyName")?;
        let path = path(&mut properties)?;
        let document = properties.required("PolicyDocument")?;
        let (roles, users) = (properties.texts("Roles")?, properties.texts("Users")?);
        properties.done()?;
        within(&document, MANAGED_POLICY_CHARS_MAX, "a managed policy")?;
        let arn = self.arn(&format!("policy{path}{name}"));
        self.own(Physical::ManagedPolicy(arn.clone()))?;
        self.account
            .state()
            .register_managed_policy(&arn, &document)?;
        let policy = Arc::new(Policy::parse(PolicyKind::Identity, &arn, &document)?);
        for (kind, names) in [("role", roles), ("user", users)] {
            for name in names {
                let holder = self.account.principal_named(kind, &name)?;
                self.account.attach(&holder, Arc::clone(&policy));
            }
        }
        Ok(Created::named(&arn))
    }

    pub fn role(&mut self, mut properties: Properties) -> anyhow::Result<Created> {
        let name = properties.text("RoleName")?;
        let path = path(&mut properties)?;
        let trust_policy = properties.required("AssumeRolePolicyDocument")?;
        let description = properties.optional_text("Description")?.unwrap_or_default();
        let is_latin = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
        ensure!(
            description.chars().count() <= 1_000 && description.chars().all(is_latin),
            "Description does not match [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*: {description:?}"
        );
        let seconds = match properties.value("MaxSessionDuration") {
            None => 3_600,
            Some(seconds) => seconds.as_u64().context("MaxSessionDuration")?,
        };
        let permissions = self.permissions(&mut properties, ROLE_INLINE_CHARS_MAX)?;
        properties.done()?;
        let full_name = format!("{path}{name}");
        let full_name = full_name.trim_start_matches('/');
        self.own(Physical::Role(self.arn(&format!("role/{full_name}"))))?;
        let role = Role::with_trust_policy(trust_policy)
            .with_max_session_duration(Duration::from_secs(seconds));
        let arn = self.account.role(full_name, role)?;
        self.account.set_permissions(&arn, &permissions)?;
        self.deployed.roles.push(arn.clone());
        Ok(Created::with_arn(&name, &arn))
    }

    pub fn user(&mut self, mut properties: Properties) -> anyhow::Result<Created> {
        let name = properties.text("UserName")?;
        let path = path(&mut properties)?;
        let permissions = self.permissions(&mut properties, USER_INLINE_CHARS_MAX)?;
        properties.done()?;
        let full_name = format!("{path}{name}");
        let full_name = full_name.trim_start_matches('/');
        let arn = self.arn(&format!("user/{full_name}"));
        self.own(Physical::User(arn.clone()))?;
        let key = match self.account.access_key_of(&arn) {
            Some(key) => key,
            None => self.account.user(full_name)?,
        };
        self.account.set_permissions(&arn, &permissions)?;
        self.deployed.users.push(key);
        Ok(Created::with_arn(&name, &arn))
    }

    fn arn(&self, resource: &str) -> String {
        self.account
            .partition()
            .iam_arn(self.account.id(), resource)
    }

    /// The documents of the attached and inline policies.
    fn permissions(
        &self,
        properties: &mut Properties,
        inline_chars_max: usize,
    ) -> anyhow::Result<Vec<Value>> {
        if let Some(boundary) = properties.value("PermissionsBoundary") {
            bail!("the AWS emulator does not evaluate permissions boundaries: {boundary}");
        }
        let attached = properties.texts("ManagedPolicyArns")?;
        ensure!(
            attached.len() <= ATTACHED_MAX,
            "Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}"
        );
        let attached = attached.iter();
        let attached = attached.map(|arn| self.account.state().managed_policy_document(arn));
        let mut documents = attached.collect::<anyhow::Result<Vec<_>>>()?;
        let mut chars = 0;
        for mut policy in properties.list("Policies")? {
            let name = policy["PolicyName"].as_str().unwrap_or_default();
            ensure!(!name.is_empty(), "Policies: no PolicyName in {policy}");
            let document = policy["PolicyDocument"].take();
            chars += significant_chars(&document);
            documents.push(document);
        }
        ensure!(
            chars <= inline_chars_max,
            "Maximum policy size of {inline_chars_max} bytes exceeded: {chars}"
        );
        Ok(documents)
    }
}

fn path(properties: &mut Properties) -> anyhow::Result<String> {
    let path = properties.optional_text("Path")?;
    let path = path.unwrap_or_else(|| "/".to_owned());
    ensure!(
        path.starts_with('/') && path.ends_with('/') && path.len() <= 512,
        "Path begins and ends with a slash: {path:?}"
    );
    Ok(path)
}

/// Characters that count: compact JSON has no white space between elements.
fn significant_chars(document: &Value) -> usize {
    document.to_string().chars().count()
}

fn within(document: &Value, max: usize, what: &str) -> anyhow::Result<()> {
    let chars = significant_chars(document);
    ensure!(
        chars <= max,
        "{what} has at most {max} characters, not {chars}"
    );
    Ok(())
}

impl Account {
    /// The key of the user with this ARN.
    fn access_key_of(&self, arn: &str) -> Option<AccessKey> {
        self.read(|account| {
            let user = account.users.values().find(|user| user.arn == arn)?;
            Some(AccessKey {
                user_arn: user.arn.clone(),
                access_key_id: user.access_key_id.clone(),
                secret_access_key: user.secret_access_key.clone(),
            })
        })
    }

    /// The ARN of a role or user with this name, whatever its path.
    fn principal_named(&self, kind: &str, name: &str) -> anyhow::Result<String> {
        let found = self.read(|account| {
            let roles = account.roles.keys().map(String::as_str);
            let users = account.users.values().map(|user| user.arn.as_str());
            let mut arns: Box<dyn Iterator<Item = &str>> = match kind {
                "role" => Box::new(roles),
                _ => Box::new(users),
            };
            let has_name = |arn: &&str| arn.rsplit(['/', ':']).next() == Some(name);
            arns.find(has_name).map(str::to_owned)
        });
        found.with_context(|| format!("The {kind} with name {name} cannot be found."))
    }

    /// `iam:AttachRolePolicy` or `iam:AttachUserPolicy`.
    fn attach(&self, holder: &str, policy: Arc<Policy>) {
        self.update(|account| {
            let policies = account.permissions.entry(holder.to_owned()).or_default();
            policies.retain(|known| known.name() != policy.name());
            policies.push(policy);
        });
    }

    /// Whether the resource exists in the account.
    pub(super) fn has(&self, resource: &Physical) -> bool {
        match resource {
            Physical::OidcProvider(issuer) => {
                self.read(|account| account.providers.contains_key(issuer))
            }
            Physical::SamlProvider(arn) => {
                self.read(|account| account.saml_providers.contains_key(arn))
            }
            Physical::Role(arn) => {
                let name = arn.rsplit('/').next().unwrap_or_default();
                self.principal_named("role", name).is_ok()
            }
            Physical::User(arn) => self.access_key_of(arn).is_some(),
            Physical::ManagedPolicy(arn) => self.state().has_managed_policy(arn),
        }
    }

    /// Deletes a resource of a stack.
    pub(super) fn delete(&self, resource: &Physical) {
        match resource {
            Physical::OidcProvider(issuer) => self.delete_oidc_provider(issuer),
            Physical::SamlProvider(arn) => self.delete_saml_provider(arn),
            Physical::Role(arn) => {
                let name = arn.split_once(":role/").map(|(_, name)| name);
                self.delete_role(name.unwrap_or_default());
            }
            Physical::User(arn) => self.update(|account| {
                account.users.retain(|_, user| user.arn != *arn);
                account.permissions.remove(arn);
            }),
            Physical::ManagedPolicy(arn) => self.state().delete_managed_policy(arn),
        }
    }

    pub(super) fn partition(&self) -> Partition {
        self.state().partition
    }
}
