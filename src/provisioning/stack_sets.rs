//! A CloudFormation template with StackSets, for the management account of an organization or a delegated administrator.

use rolecall_core::aws::Region;
use rolecall_core::provisioning::{Node, StackSetContent, StackSetPlan};

use super::cloudformation::{
    Delivery, Resource, Target, TooLarge, Unit, distribute, members, stack_template, text,
};

/// Where StackSets are deployed.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a> {
    /// IDs of organizational units, or of the root, that contain the accounts.
    pub organizational_units: &'a [String],
    /// The Region of the stacks. IAM is global, so one is enough.
    pub region: &'a Region,
    /// Whether the template is deployed in the account of a delegated administrator.
    pub delegated: bool,
}

/// The templates with these StackSets, in the order in which they must be deployed.
///
/// # Errors
/// [`TooLarge`].
pub fn templates(
    plans: &[StackSetPlan],
    deployment: Deployment<'_>,
    delivery: Delivery,
) -> Result<Vec<String>, TooLarge> {
    let units = plans.iter().map(|plan| unit(plan, deployment));
    let units = units.collect::<Result<Vec<Unit>, TooLarge>>()?;
    distribute(
        "Access to accounts through Rolecall: StackSets",
        units,
        delivery,
    )
}

fn unit(plan: &StackSetPlan, deployment: Deployment<'_>) -> Result<Unit, TooLarge> {
    let (content, description) = match &plan.content {
        StackSetContent::Provider(provider) => (
            Unit::provider(provider),
            "Rolecall as identity provider".to_owned(),
        ),
        StackSetContent::Role(role) => (
            Unit::role(role, Target::Any, None),
            format!("The role {} for Rolecall", role.path()),
        ),
    };
    let body = stack_template(&description, content);
    if body.len() > Delivery::Inline.bytes_max() {
        return Err(TooLarge {
            unit: description,
            bytes: body.len(),
            max: Delivery::Inline.bytes_max(),
        });
    }
    let units = deployment.organizational_units.iter().map(text);
    let accounts = plan.accounts.iter().map(text);
    let targets = Node::map([
        ("OrganizationalUnitIds", Node::List(units.collect())),
        ("AccountFilterType", text("INTERSECTION")),
        ("Accounts", Node::List(accounts.collect())),
    ]);
    let instances = Node::map([
        ("DeploymentTargets", targets),
        ("Regions", Node::List(vec![text(deployment.region)])),
    ]);
    let mut properties = vec![
        ("StackSetName", text(&plan.name)),
        ("Description", text(&description)),
        ("PermissionModel", text("SERVICE_MANAGED")),
        // Accounts come from the access files, not from the organizational unit.
        (
            "AutoDeployment",
            Node::map([("Enabled", Node::Flag(false))]),
        ),
        (
            "Capabilities",
            Node::List(vec![text("CAPABILITY_NAMED_IAM")]),
        ),
        (
            "ManagedExecution",
            Node::map([("Active", Node::Flag(true))]),
        ),
        (
            "OperationPreferences",
            Node::map([
                ("ConcurrencyMode", text("SOFT_FAILURE_TOLERANCE")),
                ("FailureTolerancePercentage", Node::number(0)),
                ("MaxConcurrentPercentage", Node::number(100)),
            ]),
        ),
        ("StackInstancesGroup", Node::List(vec![instances])),
        ("TemplateBody", text(body)),
    ];
    if deployment.delegated {
        properties.push(("CallAs", text("DELEGATED_ADMIN")));
    }
    Ok(Unit::new(
        format!("the StackSet {}", plan.name),
        vec![Resource {
            id: logical_id(&plan.name),
            kind: "AWS::CloudFormation::StackSet",
            properties: members(properties),
        }],
        plan.provider.as_deref().map(logical_id),
    ))
}

/// Letters and digits of the name, which is unique without its hyphens: the digest in it has a fixed length.
fn logical_id(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests;
