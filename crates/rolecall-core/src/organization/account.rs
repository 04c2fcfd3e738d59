//! The accounts of an organization, as AWS describes them.

use std::collections::BTreeMap;
use std::fmt;

use crate::aws::AccountId;

/// The accounts of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    /// By ID.
    pub accounts: BTreeMap<AccountId, OrganizationAccount>,
}

/// An account of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationAccount {
    /// Name in AWS: any characters, not unique.
    pub name: String,
    /// Phase of its life.
    pub state: AccountState,
    /// Where it is; `None` if this is not known.
    pub placement: Option<Placement>,
    /// Its tags; `None` if they are not known.
    pub tags: Option<BTreeMap<String, String>>,
}

/// Where an account is in the organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Directly in the root, in no organizational unit.
    Root,
    /// In an organizational unit: the names of the units from the root to it; at least one.
    Units(Vec<String>),
}

/// Phase of the life of an account: `State` of Organizations, or `Status` of older responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// `ACTIVE`
    Active,
    /// `PENDING_ACTIVATION`: it cannot be used yet.
    PendingActivation,
    /// `SUSPENDED`: by AWS, or closed in the last 90 days.
    Suspended,
    /// `PENDING_CLOSURE`
    PendingClosure,
    /// `CLOSED`
    Closed,
    /// A state that this version does not know.
    Other(String),
}

impl AccountState {
    /// Parses the value of `State` or `Status`.
    pub fn parse(text: &str) -> Self {
        match text {
            "ACTIVE" => Self::Active,
            "PENDING_ACTIVATION" => Self::PendingActivation,
            "SUSPENDED" => Self::Suspended,
            "PENDING_CLOSURE" => Self::PendingClosure,
            "CLOSED" => Self::Closed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether people can use the account.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Active => true,
            Self::PendingActivation
            | Self::Suspended
            | Self::PendingClosure
            | Self::Closed
            | Self::Other(_) => false,
        }
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "ACTIVE",
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Suspended => "SUSPENDED",
            Self::PendingClosure => "PENDING_CLOSURE",
            Self::Closed => "CLOSED",
            Self::Other(state) => return crate::base::text::one_line(state, 40).fmt(f),
        })
    }
}
