//! The approval of a client by a person, with the state of the session at that time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::caller::{EpochId, SessionId};
use crate::identity::Identity;

/// An approval of a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// The person who approved.
    pub identity: Identity,
    /// The browser session in which it was given.
    pub session: SessionId,
    /// Epoch of the person at that time, in which the session was valid. An approval is never newer than its session.
    pub epoch: Option<EpochId>,
    /// End of everything that results from it, at the latest.
    pub ends_at: DateTime<Utc>,
}
