//! The roles of an account. Permission sets with the same role share one.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::permissions::Permissions;
use super::trust::trust_policy;
use super::{AccountText, Installation, Node, PlanError, PolicyDocument};
use crate::access::{Account, AssignedRole, PermissionSet, RolePermissions, Variant};
use crate::aws::{RoleArn, RolePath, RoleSessionDuration};
use crate::base::limits;

/// A permission set, or a variant with a role of its own, that uses a role.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoleUse<'p> {
    pub permission_set: &'p PermissionSet,
    variant: Option<&'p Variant>,
    duration_max: RoleSessionDuration,
}

impl<'p> RoleUse<'p> {
    /// The uses of all assigned permission sets of an account, by role.
    pub fn by_role(assigned: &[AssignedRole<'p>]) -> BTreeMap<&'p RolePath, Vec<Self>> {
        let mut uses: BTreeMap<&RolePath, Vec<Self>> = BTreeMap::new();
        for role in assigned {
            let set = role.permission_set;
            let base = Self {
                permission_set: set,
                variant: None,
                duration_max: role.duration_max,
            };
            uses.entry(&set.role).or_default().push(base);
            for variant in &set.variants {
                let Some(path) = &variant.role else { continue };
                let own = variant.session_duration.into_iter();
                let variant = Self {
                    variant: Some(variant),
                    duration_max: own
                        .chain([role.duration_max])
                        .min()
                        .unwrap_or(role.duration_max),
                    ..base
                };
                uses.entry(path).or_default().push(variant);
            }
        }
        uses
    }

    /// The names that the gateway sends in the session tag, with those of the variants that have no role of their own.
    pub fn names(&self) -> Vec<String> {
        let set = self.permission_set;
        if let Some(variant) = self.variant {
            return vec![set.role_name(Some(&variant.name))];
        }
        let sharing = set.variants.iter().filter(|variant| variant.role.is_none());
        std::iter::once(set.role_name(None))
            .chain(sharing.map(|variant| set.role_name(Some(&variant.name))))
            .collect()
    }

    fn permissions(&self) -> &'p RolePermissions {
        match self.variant {
            Some(variant) => &variant.permissions,
            None => &self.permission_set.permissions,
        }
    }

    fn description(&self) -> Option<&str> {
        match self.variant {
            Some(variant) => variant.description.as_deref(),
            None => self.permission_set.description.as_deref(),
        }
    }
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePlan {
    path: RolePath,
    description: String,
    permission_sets: Vec<String>,
    trust: PolicyDocument,
    trust_chars: usize,
    max_session_seconds: u32,
    permissions: Permissions,
}

impl RolePlan {
    /// The plan of a role that is used at least once; `None` if the account's trust is not supported.
    pub(super) fn new(
        account: &Account,
        installation: &Installation<'_>,
        path: &RolePath,
        uses: &[RoleUse<'_>],
    ) -> Result<Option<Self>, PlanError> {
        let arn = RoleArn::new(installation.partition, account.id.clone(), path.clone());
        let arn = arn.as_str();
        let Some(trust) = trust_policy(account, installation, uses)? else {
            return Ok(None);
        };
        let trust_chars = trust.chars();
        if trust_chars > limits::TRUST_POLICY_CHARS_MAX {
            return Err(PlanError::TrustTooLong {
                role: arn.to_owned(),
                chars: trust_chars,
            });
        }
        let longest = uses.iter().map(|role_use| role_use.duration_max).max();
        let longest = longest.map_or(0, RoleSessionDuration::seconds);
        let description = uses.iter().find_map(RoleUse::description);
        Ok(Some(Self {
            path: path.clone(),
            permission_sets: uses.iter().flat_map(RoleUse::names).collect(),
            description: match description {
                Some(text) => iam_description(text),
                None => format!("Rolecall: {}", path.name()),
            },
            trust,
            trust_chars,
            max_session_seconds: longest.max(RoleSessionDuration::DEFAULT.seconds()),
            permissions: Permissions::new(shared_permissions(uses, arn)?, account, arn)?,
        }))
    }

    /// The plan of an intermediate role, which only assumes other roles.
    pub(super) fn intermediate(
        path: &RolePath,
        trust: PolicyDocument,
        permissions: &PolicyDocument,
    ) -> Self {
        Self {
            path: path.clone(),
            permission_sets: Vec::new(),
            description: format!("Rolecall: intermediate role {}", path.name()),
            trust_chars: trust.chars(),
            trust,
            max_session_seconds: RoleSessionDuration::DEFAULT.seconds(),
            permissions: Permissions {
                inline: Some(permissions.node()),
                ..Permissions::default()
            },
        }
    }

    /// Path and name.
    pub fn path(&self) -> &RolePath {
        &self.path
    }

    /// `Path` of IAM: begins and ends with a slash.
    pub fn iam_path(&self) -> String {
        match self.path.as_str().rsplit_once('/') {
            Some((folder, _)) => format!("/{folder}/"),
            None => "/".to_owned(),
        }
    }

    /// The name of the role in templates: letters and digits. It depends on path and name alone, so that a role keeps its
    /// identity in a template when others are added.
    pub fn resource_name(&self) -> String {
        resource_name(self.path.as_str())
    }

    /// Text for people, in the characters that IAM accepts.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The permission sets and variants that use the role, as in the session tag; none for a role of `via`.
    pub fn permission_sets(&self) -> &[String] {
        &self.permission_sets
    }

    /// `AssumeRolePolicyDocument`
    pub fn trust(&self) -> &PolicyDocument {
        &self.trust
    }

    /// Characters of the trust policy that count against the quota of IAM.
    pub(super) fn trust_chars(&self) -> usize {
        self.trust_chars
    }

    /// `MaxSessionDuration` in seconds: 3,600 to 43,200.
    pub fn max_session_seconds(&self) -> u32 {
        self.max_session_seconds
    }

    /// ARNs of managed policies that exist already.
    pub fn managed_policies(&self) -> &[AccountText] {
        &self.permissions.managed
    }

    /// Name of the inline policy.
    pub const INLINE_POLICY_NAME: &'static str = "permissions";

    /// The inline policy.
    pub fn inline_policy(&self) -> Option<&Node<AccountText>> {
        self.permissions.inline.as_ref()
    }

    /// Managed policies that hold the statements of an inline policy that is too long: name and document.
    pub fn customer_managed_policies(&self) -> impl Iterator<Item = (String, &Node<AccountText>)> {
        let policies = (1..).zip(&self.permissions.customer_managed);
        policies.map(|(number, policy)| (format!("{}-{number}", self.path.name()), policy))
    }

    /// ARN of the permissions boundary.
    pub fn permissions_boundary(&self) -> Option<&AccountText> {
        self.permissions.boundary.as_ref()
    }

    /// Whether the access policy describes what the role may do.
    pub fn describes_permissions(&self) -> bool {
        !self.has_no_permissions() || self.permissions.boundary.is_some()
    }

    /// Number of attached managed policies.
    pub(super) fn attached_policies(&self) -> usize {
        self.permissions.attached()
    }

    /// Whether the role may do nothing.
    pub(super) fn has_no_permissions(&self) -> bool {
        self.attached_policies() == 0 && self.permissions.inline.is_none()
    }
}

/// A name of letters and digits for templates, unique for the text: its last part after a slash, and a digest.
pub fn resource_name(text: &str) -> String {
    let last = text.rsplit('/').next().unwrap_or_default();
    let name: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
    let digest = Sha256::digest(text);
    let [a, b, c, d] = [digest[0], digest[1], digest[2], digest[3]];
    format!("{name}{a:02x}{b:02x}{c:02x}{d:02x}")
}

static NO_PERMISSIONS: RolePermissions = RolePermissions {
    managed_policies: Vec::new(),
    inline_policy: None,
    permissions_boundary: None,
};

/// The permissions of the permission sets that share a role. Those without any do not count.
fn shared_permissions<'p>(
    uses: &[RoleUse<'p>],
    role: &str,
) -> Result<&'p RolePermissions, PlanError> {
    let with = |role_use: &&RoleUse<'_>| *role_use.permissions() != NO_PERMISSIONS;
    let mut set = uses.iter().filter(with);
    let Some(first) = set.next() else {
        return Ok(&NO_PERMISSIONS);
    };
    match set.find(|other| other.permissions() != first.permissions()) {
        Some(other) => Err(PlanError::SharedRole {
            role: role.to_owned(),
            one: first.names().swap_remove(0),
            other: other.names().swap_remove(0),
        }),
        None => Ok(first.permissions()),
    }
}

/// The text in the characters that IAM accepts in a description (`CreateRole`: Latin-1 without controls).
fn iam_description(text: &str) -> String {
    let accepted = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    text.chars()
        .map(|c| if accepted(c) { c } else { '?' })
        .collect()
}
