//! What a person allowed a client, as of the session in which they did.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::caller::{EpochId, SessionId};
use crate::identity::Identity;

/// A person's yes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// Whose.
    pub identity: Identity,
    /// In which browser's session.
    pub session: SessionId,
    /// The person's epoch at that moment: one that this session survived. An approval is never newer than its session.
    pub epoch: Option<EpochId>,
    /// How long what follows from it may last.
    pub ends_at: DateTime<Utc>,
}
