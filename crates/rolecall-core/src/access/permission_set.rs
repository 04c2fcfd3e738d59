//! Permission sets and their variants, as in IAM Identity Center.

use crate::access::catalog::{PermissionSetName, VariantName};
use crate::access::template::{Placeholder, Template};
use crate::aws::{
    Destination, InlinePolicy, PolicyArn, RolePath, RolePolicyArn, RoleSessionDuration,
    SessionPolicy, TagKey,
};

/// Upper bound of the permissions of a role session. STS combines both, and the session has at most the permissions
/// that the role and one of them allow.
#[derive(Clone, Debug, Default)]
pub struct SessionPolicies {
    /// `Policy` of the STS request.
    pub session_policy: Option<SessionPolicy>,
    /// `PolicyArns` of the STS request.
    pub policy_arns: Vec<PolicyArn>,
}

impl SessionPolicies {
    /// Whether there is no session policy.
    pub fn is_empty(&self) -> bool {
        self.session_policy.is_none() && self.policy_arns.is_empty()
    }
}

/// What the IAM role of a permission set may do. It is used to generate the role; the gateway does not read it when it issues
/// credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePermissions {
    /// Attached managed policies.
    pub managed_policies: Vec<RolePolicyArn>,
    /// Inline policy.
    pub inline_policy: Option<InlinePolicy>,
    /// Permissions boundary.
    pub permissions_boundary: Option<RolePolicyArn>,
}

impl RolePermissions {
    /// Whether the role may do nothing.
    pub fn is_empty(&self) -> bool {
        self.managed_policies.is_empty() && self.inline_policy.is_none()
    }
}

/// A tag of each session of a permission set.
#[derive(Clone, Debug)]
pub struct SessionTag {
    /// Unique within the permission set, without regard to case.
    pub key: TagKey,
    /// Template of the tag value.
    pub value: Template,
    /// Whether it is left out of a session where it has no valid value, or where STS has no space for it.
    pub optional: bool,
}

/// A role that can exist in many accounts, with the settings of its sessions.
#[derive(Clone, Debug)]
pub struct PermissionSet {
    /// Name; unique among the permission sets.
    pub name: PermissionSetName,
    /// Text for people.
    pub description: Option<String>,
    /// Path and name of the IAM role in each account.
    pub role: RolePath,
    /// Maximum duration of a session, if configured.
    pub session_duration: Option<RoleSessionDuration>,
    /// Page on which the console opens.
    pub destination: Option<Destination>,
    /// Session policies that restrict the role; empty if none are configured.
    pub session_policies: SessionPolicies,
    /// Configured session tags, in addition to those of every session, in the order of the file.
    pub session_tags: Vec<SessionTag>,
    /// `SourceIdentity` of the session.
    pub source_identity: Option<Template>,
    /// What the role itself may do.
    pub permissions: RolePermissions,
    /// Variants, by name. A grant of the permission set includes every variant.
    pub variants: Vec<Variant>,
}

impl PermissionSet {
    /// The templates of its session tags and its source identity.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let tags = self.session_tags.iter().map(|tag| &tag.value);
        tags.chain(&self.source_identity)
    }

    /// Whether a template uses the e-mail address of the person.
    pub(super) fn uses_email(&self) -> bool {
        let mut placeholders = self.templates().flat_map(Template::placeholders);
        placeholders.any(|one| *one == Placeholder::Email)
    }

    /// The name in AWS's APIs, with the variant if there is one: `Developer`, `Developer@readonly`.
    pub fn role_name(&self, variant: Option<&VariantName>) -> String {
        match variant {
            Some(variant) => format!("{}@{variant}", self.name),
            None => self.name.to_string(),
        }
    }
}

/// A narrower form of a permission set. Settings that are absent are those of the permission set.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Unique within the permission set.
    pub name: VariantName,
    /// Text for people.
    pub description: Option<String>,
    /// IAM role of the variant, so that AWS enforces the variant for every holder of a token; by default the role of the
    /// permission set.
    pub role: Option<RolePath>,
    /// What that role may do: by default nothing, with the permissions boundary of the permission set.
    pub permissions: RolePermissions,
    /// Maximum duration; never longer than that of the permission set.
    pub session_duration: Option<RoleSessionDuration>,
    /// Page on which the console opens.
    pub destination: Option<Destination>,
    /// Replaces both session policies of the permission set. STS combines session policies, so a read-only variant that
    /// kept the inline policy of its permission set would not be read-only.
    pub session_policies: Option<SessionPolicies>,
}
