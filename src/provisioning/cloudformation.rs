//! CloudFormation templates in JSON, which is also YAML.
//!
//! A template is a series of units, each a role or user with its policies, or the identity provider. Units that do not fit into one
//! template are distributed over several, in order. Logical IDs depend on the role alone: a changed ID would replace the role.

use std::collections::HashSet;
use std::fmt;

use rolecall_core::aws::AccountId;
use rolecall_core::provisioning::{
    AccountPart, AccountPlan, AccountText, Node, PrincipalKind, PrincipalPlan, ProviderPlan,
    RolePlan, UserPlan,
};

/// Resources of one template (CloudFormation quotas).
const RESOURCES_MAX: usize = 500;
/// Logical ID of the identity provider.
const PROVIDER: &str = "IdentityProvider";
/// `AWSTemplateFormatVersion`: the only one.
const FORMAT_VERSION: &str = "2010-09-09";

/// How a template reaches CloudFormation, which limits its size (CloudFormation quotas).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// In the request.
    #[default]
    Inline,
    /// In an S3 bucket.
    S3,
}

impl Delivery {
    /// Bytes of a template.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Inline => 51_200,
            Self::S3 => 1_000_000,
        }
    }
}

/// The accounts for which a template is.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// One account, whose ID is in the template.
    Account(&'a AccountId),
    /// Every account: the template refers to the account in which it is deployed.
    Any,
}

/// A unit does not fit into a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unit} has {bytes} bytes in a CloudFormation template, which can have {max}")]
pub struct TooLarge {
    /// Role or identity provider.
    pub unit: String,
    /// Its bytes.
    pub bytes: usize,
    /// Bytes of a template.
    pub max: usize,
}

/// The templates of an account, in the order in which they must be deployed.
///
/// # Errors
/// [`TooLarge`].
pub fn templates(plan: &AccountPlan, delivery: Delivery) -> Result<Vec<String>, TooLarge> {
    let target = Target::Account(&plan.id);
    let description = format!("Access to {plan} through Rolecall");
    distribute(&description, units(plan, target), delivery)
}

fn units(plan: &AccountPlan, target: Target<'_>) -> Vec<Unit> {
    let provider = plan.provider.as_ref().map(Unit::provider);
    let waits_for = provider.is_some().then_some(PROVIDER);
    let roles = plan.roles.iter();
    let roles = roles.map(|role| Unit::role(role, target, waits_for));
    let user = plan.user.iter().map(|user| Unit::user(user, target));
    let principal = plan.principal.iter();
    let principal = principal.map(|principal| Unit::principal(principal, target));
    let units = provider.into_iter().chain(roles);
    units.chain(user).chain(principal).collect()
}

/// The template of one unit, without white space.
pub(super) fn stack_template(description: &str, unit: Unit) -> String {
    let resources = unit.resources.into_iter();
    let resources = resources.map(|resource| (resource.id.clone(), resource.node(None)));
    let template: Node<String> = Node::map([
        ("AWSTemplateFormatVersion", text(FORMAT_VERSION)),
        ("Description", text(description)),
        ("Resources", Node::Map(resources.collect())),
    ]);
    template.compact()
}

/// A resource of a template.
pub(super) struct Resource {
    /// Logical ID: letters and digits.
    pub id: String,
    pub kind: &'static str,
    pub properties: Node<String>,
}

impl Resource {
    fn node(&self, waits_for: Option<&str>) -> Node<String> {
        let mut parts = vec![("Type", text(self.kind))];
        parts.extend(waits_for.map(|id| ("DependsOn", text(id))));
        parts.push(("Properties", self.properties.clone()));
        members(parts)
    }
}

/// Resources that belong into the same template.
pub(super) struct Unit {
    title: String,
    resources: Vec<Resource>,
    /// Logical ID of a resource that is created before, if it is in the same template.
    waits_for: Option<String>,
}

impl Unit {
    pub fn new(title: String, resources: Vec<Resource>, waits_for: Option<String>) -> Self {
        Self {
            title,
            resources,
            waits_for,
        }
    }

    pub fn provider(provider: &ProviderPlan) -> Self {
        let (kind, properties) = match provider {
            ProviderPlan::Oidc { url, client_id } => (
                "AWS::IAM::OIDCProvider",
                Node::map([
                    ("Url", text(url)),
                    ("ClientIdList", Node::List(vec![text(client_id)])),
                ]),
            ),
            ProviderPlan::Saml { name, metadata } => (
                "AWS::IAM::SAMLProvider",
                Node::map([
                    ("Name", text(name)),
                    ("SamlMetadataDocument", text(metadata)),
                ]),
            ),
        };
        let resource = Resource {
            id: PROVIDER.to_owned(),
            kind,
            properties,
        };
        Self::new("the identity provider".to_owned(), vec![resource], None)
    }

    pub fn role(role: &RolePlan, target: Target<'_>, waits_for: Option<&str>) -> Self {
        let id = format!("Role{}", role.resource_name());
        let own = role.customer_managed_policies();
        let (mut resources, own) = managed_policies(&id, &role.iam_path(), own, target);
        let managed = role.managed_policies().iter();
        let attached = managed.map(|arn| fill(arn, target)).chain(own);
        let mut properties = vec![
            ("RoleName", text(role.path().name())),
            ("Path", text(role.iam_path())),
            ("Description", text(role.description())),
            (
                "MaxSessionDuration",
                Node::number(role.max_session_seconds()),
            ),
            (
                "AssumeRolePolicyDocument",
                value(&role.trust().node(), target),
            ),
        ];
        properties.extend(attachments(attached.collect()));
        if let Some(document) = role.inline_policy() {
            let policy = inline_policy(RolePlan::INLINE_POLICY_NAME, document, target);
            properties.push(("Policies", policy));
        }
        if let Some(arn) = role.permissions_boundary() {
            properties.push(("PermissionsBoundary", fill(arn, target)));
        }
        resources.push(Resource {
            id,
            kind: "AWS::IAM::Role",
            properties: members(properties),
        });
        let title = format!("the role {}", role.path());
        Self::new(title, resources, waits_for.map(str::to_owned))
    }

    fn user(user: &UserPlan, target: Target<'_>) -> Self {
        let id = "User".to_owned();
        let own = user.customer_managed_policies();
        let (mut resources, own) = managed_policies(&id, "/", own, target);
        let managed = user.managed_policies().iter();
        let attached = managed.map(|arn| fill(arn, target)).chain(own);
        let mut properties = vec![("UserName", text(UserPlan::NAME))];
        properties.extend(attachments(attached.collect()));
        let federation = user.federation().node();
        let policy = inline_policy(UserPlan::FEDERATION_POLICY_NAME, &federation, target);
        properties.push(("Policies", policy));
        if let Some(arn) = user.permissions_boundary() {
            properties.push(("PermissionsBoundary", fill(arn, target)));
        }
        resources.push(Resource {
            id,
            kind: "AWS::IAM::User",
            properties: members(properties),
        });
        Self::new(format!("the user {}", UserPlan::NAME), resources, None)
    }

    fn principal(plan: &PrincipalPlan, target: Target<'_>) -> Self {
        let attached_to = match plan.principal.kind() {
            PrincipalKind::Role => "Roles",
            PrincipalKind::User => "Users",
        };
        let resource = Resource {
            id: "GatewayPolicy".to_owned(),
            kind: "AWS::IAM::ManagedPolicy",
            properties: members(vec![
                ("ManagedPolicyName", text(PrincipalPlan::POLICY_NAME)),
                ("PolicyDocument", value(&plan.policy.node(), target)),
                (attached_to, Node::List(vec![text(plan.principal.name())])),
            ]),
        };
        Self::new(
            format!("the policy of {}", plan.principal),
            vec![resource],
            None,
        )
    }

    /// The lines of the unit in a template with these resources.
    fn lines(&self, present: &HashSet<String>) -> String {
        let waits_for = self.waits_for.as_ref().filter(|id| present.contains(*id));
        let resources = self.resources.iter().map(|resource| {
            let node = resource.node(waits_for.map(String::as_str));
            // Line breaks in strings are escaped, so each one here is of the layout.
            let lines = node.pretty().replace('\n', "\n    ");
            format!("    {}: {lines}", text(&resource.id).compact())
        });
        resources.collect::<Vec<_>>().join(",\n")
    }
}

/// Managed policies of a role or user with this logical ID: the resources, and references to them.
fn managed_policies<'p>(
    id: &str,
    path: &str,
    policies: impl Iterator<Item = (String, &'p Node<AccountText>)>,
    target: Target<'_>,
) -> (Vec<Resource>, Vec<Node<String>>) {
    let resources = (1..).zip(policies).map(|(number, (name, document))| {
        let number: usize = number;
        Resource {
            id: format!("{id}Policy{number}"),
            kind: "AWS::IAM::ManagedPolicy",
            properties: Node::map([
                ("ManagedPolicyName", text(name)),
                ("Path", text(path)),
                ("PolicyDocument", value(document, target)),
            ]),
        }
    });
    let resources: Vec<Resource> = resources.collect();
    let references = resources.iter();
    let references = references.map(|policy| Node::map([("Ref", text(&policy.id))]));
    let references = references.collect();
    (resources, references)
}

fn attachments(policies: Vec<Node<String>>) -> Option<(&'static str, Node<String>)> {
    (!policies.is_empty()).then_some(("ManagedPolicyArns", Node::List(policies)))
}

fn inline_policy(name: &str, document: &Node<AccountText>, target: Target<'_>) -> Node<String> {
    Node::List(vec![Node::map([
        ("PolicyName", text(name)),
        ("PolicyDocument", value(document, target)),
    ])])
}

/// A template that has room for more.
#[derive(Default)]
struct Draft {
    lines: Vec<String>,
    bytes: usize,
    ids: HashSet<String>,
}

/// Fills templates in order.
pub(super) fn distribute(
    description: &str,
    units: Vec<Unit>,
    delivery: Delivery,
) -> Result<Vec<String>, TooLarge> {
    // The description of a part is a few bytes longer.
    let room = delivery.bytes_max() - frame(description, "").len() - 32;
    let (mut complete, mut draft) = (Vec::new(), Draft::default());
    for unit in units {
        let mut lines = unit.lines(&draft.ids);
        let full = draft.bytes + lines.len() + 2 > room
            || draft.ids.len() + unit.resources.len() > RESOURCES_MAX;
        if full && !draft.lines.is_empty() {
            complete.push(std::mem::take(&mut draft));
            lines = unit.lines(&draft.ids);
        }
        if lines.len() + 2 > room {
            return Err(TooLarge {
                unit: unit.title,
                bytes: lines.len(),
                max: delivery.bytes_max(),
            });
        }
        draft.bytes += lines.len() + 2;
        let ids = unit.resources.into_iter().map(|resource| resource.id);
        draft.ids.extend(ids);
        draft.lines.push(lines);
    }
    complete.push(draft);
    let parts = complete.len();
    let templates = (1..).zip(complete).map(|(part, draft): (usize, Draft)| {
        let description = match parts {
            1 => description.to_owned(),
            _ => format!("{description}, part {part} of {parts}"),
        };
        frame(&description, &draft.lines.join(",\n"))
    });
    Ok(templates.collect())
}

fn frame(description: &str, resources: &str) -> String {
    let description = text(description).compact();
    format!(
        "{{\n  \"AWSTemplateFormatVersion\": \"{FORMAT_VERSION}\",\n  \"Description\": {description},\n  \"Resources\": {{\n{resources}\n  }}\n}}\n"
    )
}

pub(super) fn text(text: impl fmt::Display) -> Node<String> {
    Node::Text(text.to_string())
}

pub(super) fn members(members: Vec<(&str, Node<String>)>) -> Node<String> {
    let members = members.into_iter();
    Node::Map(
        members
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

fn value(node: &Node<AccountText>, target: Target<'_>) -> Node<String> {
    node.with_texts(&|text| fill(text, target))
}

/// A text for the target. Only texts with the account ID use `Fn::Sub`, so that all others are as they are.
fn fill(own: &AccountText, target: Target<'_>) -> Node<String> {
    match (target, own.parts()) {
        (Target::Account(account), _) => text(own.fill(account)),
        (Target::Any, [AccountPart::AccountId]) => Node::map([("Ref", text("AWS::AccountId"))]),
        (Target::Any, parts) if parts.contains(&AccountPart::AccountId) => {
            let parts = parts.iter().map(|part| match part {
                AccountPart::Literal(literal) => literal.replace("${", "${!"),
                AccountPart::AccountId => "${AWS::AccountId}".to_owned(),
            });
            Node::map([("Fn::Sub", text(parts.collect::<String>()))])
        }
        (Target::Any, _) => text(own),
    }
}

#[cfg(test)]
mod tests;
