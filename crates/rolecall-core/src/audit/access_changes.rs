//! Number of changes to the access policy, for the audit event.

use serde::{Deserialize, Serialize};

use crate::access::PolicyChanges;

/// Size of a change to the access policy, see [`PolicyChanges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessChanges {
    /// Number of assignments added, removed or changed.
    pub assignments: usize,
    /// Number of deny rules added, removed or changed.
    pub denies: usize,
    /// Number of assigned roles added, removed or changed.
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
