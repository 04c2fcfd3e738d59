//! How the gateway assumes roles with its own AWS credentials.

use crate::aws::{ExternalId, RoleArn};

/// What `trust = "caller"` needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerTrust {
    /// `ExternalId` of the first call.
    pub external_id: Option<ExternalId>,
    /// The roles on the way to the account's roles, in order; each is assumed with the credentials of the one before.
    pub via: Vec<RoleArn>,
}
