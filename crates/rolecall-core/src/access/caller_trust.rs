//! How the gateway assumes roles with its own AWS credentials.

use crate::aws::{ExternalId, RoleArn};

/// What `trust = "caller"` needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerTrust {
    /// `ExternalId` of the first call.
    pub external_id: Option<ExternalId>,
    /// Intermediate roles, in order. Each is assumed with the credentials of the one before, the account's role with those of the last.
    pub via: Vec<RoleArn>,
}
