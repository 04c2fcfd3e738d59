//! Stacks: CloudFormation templates in JSON, deployed into an account.
//!
//! Everything that a template contains is created or rejected: an unknown resource type, property or function is an error. Parts of
//! a stack that were created before an error stay.

mod functions;
mod properties;
mod resources;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::account::{AccessKey, Account};
use functions::{Created, Scope};
use properties::Properties;
use template::Template;

/// Bytes of a template in S3 (CloudFormation quotas).
const TEMPLATE_BYTES_MAX: usize = 1_000_000;
/// Bytes of `TemplateBody` (CloudFormation quotas).
const BODY_BYTES_MAX: usize = 51_200;

/// What a stack created, with the instances of its StackSets.
#[derive(Clone, Default)]
pub struct Deployed {
    /// ARNs of the roles.
    pub roles: Vec<String>,
    /// The users. CloudFormation creates no access key; the emulator gives each user one, as with `iam:CreateAccessKey`.
    pub users: Vec<AccessKey>,
}

/// A resource that exists in an account, or is to be created.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Physical {
    /// By issuer.
    OidcProvider(String),
    /// By ARN.
    SamlProvider(String),
    Role(String),
    User(String),
    ManagedPolicy(String),
}

impl Account {
    /// `cloudformation:CreateStack`, or `UpdateStack` if the account has a stack with this name: what is no longer in the template is
    /// deleted. Parameters without a default must be given.
    ///
    /// # Errors
    /// If CloudFormation or IAM would reject it, a resource exists outside the stack, or the emulator does not know an element.
    pub fn deploy(
        &self,
        stack: &str,
        template: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Deployed> {
        ensure!(
            template.len() <= TEMPLATE_BYTES_MAX,
            "a template has at most {TEMPLATE_BYTES_MAX} bytes, not {}",
            template.len()
        );
        let template = Template::parse(template, parameters)?;
        let mut deployment = Deployment {
            account: self,
            before: self.stack(stack),
            now: BTreeSet::new(),
            created: BTreeMap::new(),
            deployed: Deployed::default(),
        };
        for (id, resource) in template.in_order()? {
            let scope = Scope {
                stack,
                account: self.id(),
                partition: self.partition(),
                parameters: template.parameters(),
                created: &deployment.created,
            };
            let properties = scope.evaluate(&resource.properties)?.unwrap_or_default();
            let properties = Properties::new(id, properties)?;
            let created = deployment
                .create(&resource.kind, properties)
                .with_context(|| format!("{id} ({})", resource.kind))?;
            deployment.created.insert(id.clone(), created);
        }
        let Deployment {
            before,
            now,
            deployed,
            ..
        } = deployment;
        for gone in before.difference(&now) {
            self.delete(gone);
        }
        self.set_stack(stack, now);
        Ok(deployed)
    }
}

/// A stack that is being deployed.
struct Deployment<'a> {
    account: &'a Account,
    /// Resources of the stack before.
    before: BTreeSet<Physical>,
    now: BTreeSet<Physical>,
    /// By logical ID.
    created: BTreeMap<String, Created>,
    deployed: Deployed,
}

impl Deployment<'_> {
    fn create(&mut self, kind: &str, properties: Properties) -> anyhow::Result<Created> {
        match kind {
            "AWS::IAM::OIDCProvider" => self.oidc_provider(properties),
            "AWS::IAM::SAMLProvider" => self.saml_provider(properties),
            "AWS::IAM::Role" => self.role(properties),
            "AWS::IAM::User" => self.user(properties),
            "AWS::IAM::ManagedPolicy" => self.managed_policy(properties),
            "AWS::CloudFormation::StackSet" => self.stack_set(properties),
            other => bail!("the AWS emulator does not know resources of type {other}"),
        }
    }

    /// Takes a resource into the stack.
    fn own(&mut self, resource: Physical) -> anyhow::Result<()> {
        ensure!(
            self.before.contains(&resource) || !self.account.has(&resource),
            "{resource:?} already exists"
        );
        ensure!(
            self.now.insert(resource.clone()),
            "{resource:?} is in the template twice"
        );
        Ok(())
    }

    /// A StackSet with service-managed permissions, and its instances in accounts of the organization. It creates nothing in the
    /// management account.
    fn stack_set(&mut self, mut properties: Properties) -> anyhow::Result<Created> {
        let name = properties.text("StackSetName")?;
        let body = properties.text("TemplateBody")?;
        ensure!(
            properties.text("PermissionModel")? == "SERVICE_MANAGED",
            "the AWS emulator deploys only StackSets with service-managed permissions"
        );
        let capabilities = properties.texts("Capabilities")?;
        ensure!(
            capabilities.iter().any(|one| one == "CAPABILITY_NAMED_IAM"),
            "Requires capabilities : [CAPABILITY_NAMED_IAM]"
        );
        ensure!(
            body.len() <= BODY_BYTES_MAX,
            "TemplateBody has at most {BODY_BYTES_MAX} bytes, not {}",
            body.len()
        );
        let groups = properties.list("StackInstancesGroup")?;
        properties.ignore(&[
            "AutoDeployment",
            "CallAs",
            "Description",
            "ManagedExecution",
            "OperationPreferences",
        ]);
        properties.done()?;
        for group in groups {
            let targets = &group["DeploymentTargets"];
            ensure!(
                targets["AccountFilterType"] == "INTERSECTION"
                    && targets["OrganizationalUnitIds"]
                        .as_array()
                        .is_some_and(|units| !units.is_empty()),
                "DeploymentTargets needs OrganizationalUnitIds and AccountFilterType INTERSECTION: {targets}"
            );
            ensure!(
                group["Regions"].as_array().map(Vec::len) == Some(1),
                "IAM is global: one Region is enough"
            );
            let accounts = targets["Accounts"].as_array().context("Accounts")?;
            for id in accounts.iter().map(Value::as_str) {
                let id = id.context("an account is a string")?;
                let Some(account) = self.account.member(id)? else {
                    continue;
                };
                let stack = format!("StackSet-{name}");
                let Deployed { roles, users } = account
                    .deploy(&stack, &body, &[])
                    .with_context(|| format!("account {id}"))?;
                self.deployed.roles.extend(roles);
                self.deployed.users.extend(users);
            }
        }
        Ok(Created::named(&name))
    }
}
