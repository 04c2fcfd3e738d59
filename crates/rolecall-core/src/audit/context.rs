//! What joins the page that a person sees, the log and the audit trail.

use crate::caller::ClientInfo;

use super::ReferenceId;

/// Who is asking, as far as the transport knows: goes into the audit trail and into conditions.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Joins page, log and trail.
    pub reference: ReferenceId,
    /// From where.
    pub origin: ClientInfo,
}
