//! A requested role, by name.

use serde::{Deserialize, Serialize};

use super::{Account, Grant, Grants, Locked, VariantName};
use crate::aws::AccountId;

/// A requested role: names only, never an ARN. The policy decides whether it exists and is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRequest {
    /// AWS account of the role.
    pub account: AccountId,
    /// Name of the permission set.
    pub permission_set: String,
    /// Name of the variant, if one is requested.
    pub variant: Option<String>,
}

impl RoleRequest {
    /// The role with this name in the account, in the form of AWS's APIs: `Developer`, `Developer@readonly`.
    pub fn named(account: AccountId, role_name: &str) -> Self {
        let (permission_set, variant) = match role_name.split_once('@') {
            Some((set, variant)) => (set, Some(variant.to_owned())),
            None => (role_name, None),
        };
        Self {
            account,
            permission_set: permission_set.to_owned(),
            variant,
        }
    }

    /// The name of the role within its account in AWS's APIs: `Developer@readonly`.
    pub fn role_name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}@{variant}", self.permission_set),
            None => self.permission_set.clone(),
        }
    }

    /// The granted or locked role of the person; `None` if they have no such role.
    pub fn find_in(&self, grants: &Grants) -> Option<RoleAccess> {
        let variant = self.variant.as_deref();
        match grants.find(&self.account, &self.permission_set, variant) {
            Some(grant) => Some(RoleAccess::Granted(grant)),
            None => {
                let locked = self.find_locked(grants)?;
                Some(RoleAccess::Locked(Box::new(locked)))
            }
        }
    }

    fn find_locked(&self, grants: &Grants) -> Option<Locked> {
        grants.locked().find(|locked| {
            locked.account.id == self.account
                && locked.permission_set.name.as_str() == self.permission_set
                && locked.variant.as_ref().map(VariantName::as_str) == self.variant.as_deref()
        })
    }
}

/// The access of a person to a role.
#[derive(Clone, Debug)]
pub enum RoleAccess {
    /// The role can be used now.
    Granted(Grant),
    /// The role could be used if its conditions were met.
    Locked(Box<Locked>),
}

impl RoleAccess {
    /// The account of the role.
    pub fn account(&self) -> &Account {
        match self {
            Self::Granted(grant) => grant.account(),
            Self::Locked(locked) => &locked.account,
        }
    }
}
