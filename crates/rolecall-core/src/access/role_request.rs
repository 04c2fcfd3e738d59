//! Which role somebody asks for: names only, which mean something when a policy has been asked.

use serde::{Deserialize, Serialize};

use super::{Account, Grant, Grants, Locked, VariantName};
use crate::aws::AccountId;

/// Which role somebody asks for: names only, never an ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRequest {
    /// The account.
    pub account: AccountId,
    /// The permission set's name.
    pub permission_set: String,
    /// The variant's name.
    pub variant: Option<String>,
}

impl RoleRequest {
    /// The role that is called so in the account, as AWS's interfaces write it: `Developer`, `Developer@readonly`.
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

    /// What AWS's interfaces call it within its account: `Developer@readonly`.
    pub fn role_name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}@{variant}", self.permission_set),
            None => self.permission_set.clone(),
        }
    }

    /// The role among those that the person has, now or in other circumstances; none where they have no such role.
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

/// A role that a person has.
#[derive(Clone, Debug)]
pub enum RoleAccess {
    /// It can be used now.
    Granted(Grant),
    /// It could be used if conditions were met.
    Locked(Box<Locked>),
}

impl RoleAccess {
    /// Where the role is.
    pub fn account(&self) -> &Account {
        match self {
            Self::Granted(grant) => grant.account(),
            Self::Locked(locked) => &locked.account,
        }
    }
}
