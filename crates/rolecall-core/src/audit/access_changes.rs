//! What an event says of a new access policy.

use serde::{Deserialize, Serialize};

use crate::access::PolicyChanges;

/// How much of an access policy changed, see [`PolicyChanges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessChanges {
    /// Assignments that were added, removed or changed.
    pub assignments: usize,
    /// Denies that were.
    pub denies: usize,
    /// Assigned roles that were.
    pub roles: usize,
}

impl From<PolicyChanges> for AccessChanges {
    fn from(changes: PolicyChanges) -> Self {
        let PolicyChanges {
            assignments,
            denies,
            roles,
        } = changes;
        Self {
            assignments,
            denies,
            roles,
        }
    }
}
