//! Terraform configurations for the provider `hashicorp/aws`, in Terraform's native syntax (HCL) and in its JSON syntax.
//!
//! A configuration is a module for one account. It has no `provider` block: the caller selects the credentials.

mod hcl;
mod json;
mod template;

use rolecall_core::aws::AccountId;
use rolecall_core::provisioning::{
    AccountPlan, AccountText, Node, PrincipalKind, PrincipalPlan, ProviderPlan, RolePlan, UserPlan,
    resource_name,
};

/// Resource name of the identity provider.
const PROVIDER: &str = "rolecall";
/// Versions of Terraform and of the provider, which made thumbprints of OIDC providers optional.
const TERRAFORM_VERSION: &str = ">= 1.3";
const AWS_PROVIDER_SOURCE: &str = "hashicorp/aws";
const AWS_PROVIDER_VERSION: &str = ">= 5.81";

/// A syntax of Terraform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// The native syntax, for `*.tf`.
    #[default]
    Hcl,
    /// The JSON syntax, for `*.tf.json`.
    Json,
}

impl Syntax {
    /// Name of a file in this syntax.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Hcl => "rolecall.tf",
            Self::Json => "rolecall.tf.json",
        }
    }
}

/// The configuration of an account.
pub fn configuration(plan: &AccountPlan, syntax: Syntax) -> String {
    let title = format!("Access to {plan} through Rolecall");
    let resources = resources(plan);
    match syntax {
        Syntax::Hcl => hcl::configuration(&title, &resources),
        Syntax::Json => json::configuration(&title, &resources),
    }
}

/// A resource of the provider.
struct Resource {
    kind: &'static str,
    name: String,
    arguments: Vec<(&'static str, Argument)>,
    /// Addresses of resources that are created before.
    depends_on: Vec<String>,
}

/// The value of an argument.
enum Argument {
    Value(Node<String>),
    /// JSON in a string.
    Json(Node<String>),
    /// An attribute of another resource: `aws_iam_role.x.name`.
    Reference(String),
}

impl Resource {
    fn address(&self) -> String {
        format!("{}.{}", self.kind, self.name)
    }

    fn attribute(&self, name: &str) -> Argument {
        Argument::Reference(format!("{}.{name}", self.address()))
    }
}

fn text(text: impl Into<String>) -> Argument {
    Argument::Value(Node::Text(text.into()))
}

fn resources(plan: &AccountPlan) -> Vec<Resource> {
    let provider = plan.provider.as_ref().map(provider);
    let before: Vec<String> = provider.iter().map(Resource::address).collect();
    let mut resources: Vec<Resource> = provider.into_iter().collect();
    let roles = plan.roles.iter();
    resources.extend(roles.flat_map(|planned| role(plan, planned, &before)));
    let users = plan.user.iter();
    resources.extend(users.flat_map(|planned| user(plan, planned)));
    let principals = plan.principal.iter();
    resources.extend(principals.flat_map(|planned| principal(plan, planned)));
    resources
}

fn provider(provider: &ProviderPlan) -> Resource {
    let (kind, arguments) = match provider {
        ProviderPlan::Oidc { url, client_id } => (
            "aws_iam_openid_connect_provider",
            vec![
                ("url", text(url)),
                (
                    "client_id_list",
                    Argument::Value(Node::List(vec![Node::text(client_id.as_str())])),
                ),
            ],
        ),
        ProviderPlan::Saml { name, metadata } => (
            "aws_iam_saml_provider",
            vec![
                ("name", text(name)),
                ("saml_metadata_document", text(metadata)),
            ],
        ),
    };
    Resource {
        kind,
        name: PROVIDER.to_owned(),
        arguments,
        depends_on: Vec::new(),
    }
}

/// The kind of a resource that has policies.
#[derive(Clone, Copy)]
enum Holder {
    Role,
    User,
}

impl Holder {
    /// The argument of its policies that names it.
    fn argument(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
        }
    }

    /// An attached managed policy. `name` is the name of the holder in the configuration.
    fn attachment(self, name: &str, holder: Argument, suffix: &str, policy: Argument) -> Resource {
        Resource {
            kind: match self {
                Self::Role => "aws_iam_role_policy_attachment",
                Self::User => "aws_iam_user_policy_attachment",
            },
            name: format!("{name}_{suffix}"),
            arguments: vec![(self.argument(), holder), ("policy_arn", policy)],
            depends_on: Vec::new(),
        }
    }

    /// An inline policy.
    fn inline(self, holder: &Resource, name: &str, document: Node<String>) -> Resource {
        Resource {
            kind: match self {
                Self::Role => "aws_iam_role_policy",
                Self::User => "aws_iam_user_policy",
            },
            name: holder.name.clone(),
            arguments: vec![
                ("name", text(name)),
                (self.argument(), holder.attribute("name")),
                ("policy", Argument::Json(document)),
            ],
            depends_on: Vec::new(),
        }
    }
}

/// The attachments of managed policies, and those policies that do not exist yet: name and document.
fn managed_policies<'p>(
    (holder, resource): (Holder, &Resource),
    account: &AccountId,
    managed: &[AccountText],
    path: &str,
    own: impl Iterator<Item = (String, &'p Node<AccountText>)>,
) -> Vec<Resource> {
    let attachment = |suffix: &str, policy| {
        holder.attachment(&resource.name, resource.attribute("name"), suffix, policy)
    };
    let mut policies = Vec::new();
    for arn in managed {
        let suffix = resource_name(&arn.to_string());
        policies.push(attachment(&suffix, text(arn.fill(account))));
    }
    for (number, (policy_name, document)) in (1..).zip(own) {
        let number: usize = number;
        let policy = Resource {
            kind: "aws_iam_policy",
            name: format!("{}_{number}", resource.name),
            arguments: vec![
                ("name", text(policy_name)),
                ("path", text(path)),
                ("policy", Argument::Json(document.fill(account))),
            ],
            depends_on: Vec::new(),
        };
        policies.push(attachment(&number.to_string(), policy.attribute("arn")));
        policies.push(policy);
    }
    policies
}

/// The role and its policies.
fn role(plan: &AccountPlan, planned: &RolePlan, before: &[String]) -> Vec<Resource> {
    let mut arguments = vec![
        ("name", text(planned.path().name())),
        ("path", text(planned.iam_path())),
        ("description", text(planned.description())),
        (
            "max_session_duration",
            Argument::Value(Node::number(planned.max_session_seconds())),
        ),
    ];
    if let Some(arn) = planned.permissions_boundary() {
        arguments.push(("permissions_boundary", text(arn.fill(&plan.id))));
    }
    let trust = planned.trust().node().fill(&plan.id);
    arguments.push(("assume_role_policy", Argument::Json(trust)));
    let role = Resource {
        kind: "aws_iam_role",
        name: format!("role_{}", planned.resource_name()),
        arguments,
        depends_on: before.to_vec(),
    };
    let mut policies = managed_policies(
        (Holder::Role, &role),
        &plan.id,
        planned.managed_policies(),
        &planned.iam_path(),
        planned.customer_managed_policies(),
    );
    if let Some(document) = planned.inline_policy() {
        let document = document.fill(&plan.id);
        policies.push(Holder::Role.inline(&role, RolePlan::INLINE_POLICY_NAME, document));
    }
    std::iter::once(role).chain(policies).collect()
}

/// The user and its policies.
fn user(plan: &AccountPlan, planned: &UserPlan) -> Vec<Resource> {
    let mut arguments = vec![("name", text(UserPlan::NAME))];
    if let Some(arn) = planned.permissions_boundary() {
        arguments.push(("permissions_boundary", text(arn.fill(&plan.id))));
    }
    let user = Resource {
        kind: "aws_iam_user",
        name: UserPlan::NAME.to_owned(),
        arguments,
        depends_on: Vec::new(),
    };
    let mut policies = managed_policies(
        (Holder::User, &user),
        &plan.id,
        planned.managed_policies(),
        "/",
        planned.customer_managed_policies(),
    );
    let federation = planned.federation().node().fill(&plan.id);
    policies.push(Holder::User.inline(&user, UserPlan::FEDERATION_POLICY_NAME, federation));
    std::iter::once(user).chain(policies).collect()
}

/// The policy of the gateway's own principal, which exists.
fn principal(plan: &AccountPlan, planned: &PrincipalPlan) -> [Resource; 2] {
    let policy = Resource {
        kind: "aws_iam_policy",
        name: "gateway".to_owned(),
        arguments: vec![
            ("name", text(PrincipalPlan::POLICY_NAME)),
            (
                "policy",
                Argument::Json(planned.policy.node().fill(&plan.id)),
            ),
        ],
        depends_on: Vec::new(),
    };
    let holder = match planned.principal.kind() {
        PrincipalKind::Role => Holder::Role,
        PrincipalKind::User => Holder::User,
    };
    let name = text(planned.principal.name());
    let attachment = holder.attachment("gateway", name, "policy", policy.attribute("arn"));
    [policy, attachment]
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::value_of;
