//! Terraform configurations for the provider `hashicorp/aws`, in Terraform's native syntax (HCL) and in its JSON syntax.
//!
//! A configuration is a module for one account. It has no `provider` block: the caller selects the credentials.

mod hcl;
mod json;
mod template;

use rolecall_core::provisioning::{AccountPlan, Node, ProviderPlan, RolePlan, resource_name};

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
    let title = format!("Access to {} ({}) through Rolecall", plan.name, plan.id);
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
    for planned in &plan.roles {
        add_role(plan, planned, &before, &mut resources);
    }
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

/// The role and its policies.
fn add_role(
    plan: &AccountPlan,
    planned: &RolePlan,
    before: &[String],
    resources: &mut Vec<Resource>,
) {
    let name = format!("role_{}", planned.resource_name());
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
        name,
        arguments,
        depends_on: before.to_vec(),
    };
    let attachment = |suffix: &str, policy_arn| Resource {
        kind: "aws_iam_role_policy_attachment",
        name: format!("{}_{suffix}", role.name),
        arguments: vec![("role", role.attribute("name")), ("policy_arn", policy_arn)],
        depends_on: Vec::new(),
    };
    let mut policies = Vec::new();
    for arn in planned.managed_policies() {
        let suffix = resource_name(&arn.to_string());
        policies.push(attachment(&suffix, text(arn.fill(&plan.id))));
    }
    for (number, (policy_name, document)) in (1..).zip(planned.customer_managed_policies()) {
        let policy = Resource {
            kind: "aws_iam_policy",
            name: format!("{}_{number}", role.name),
            arguments: vec![
                ("name", text(policy_name)),
                ("path", text(planned.iam_path())),
                ("policy", Argument::Json(document.fill(&plan.id))),
            ],
            depends_on: Vec::new(),
        };
        policies.push(attachment(&number.to_string(), policy.attribute("arn")));
        policies.push(policy);
    }
    if let Some(document) = planned.inline_policy() {
        policies.push(Resource {
            kind: "aws_iam_role_policy",
            name: role.name.clone(),
            arguments: vec![
                ("name", text(RolePlan::INLINE_POLICY_NAME)),
                ("role", role.attribute("name")),
                ("policy", Argument::Json(document.fill(&plan.id))),
            ],
            depends_on: Vec::new(),
        });
    }
    resources.push(role);
    resources.append(&mut policies);
}

#[cfg(test)]
mod tests;
