//! Context of a request, shared by page, log and audit trail.

use crate::caller::ClientInfo;

use super::ReferenceId;

/// Caller of a request, as far as the transport knows. Used by the audit trail and by conditions.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Correlates page, log and trail.
    pub reference: ReferenceId,
    /// Address and program of the client.
    pub client_info: ClientInfo,
}
