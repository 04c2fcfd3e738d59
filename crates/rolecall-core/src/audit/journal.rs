//! Writes to the audit trail: adds time, reference and address to each event.

use std::sync::Arc;

use crate::base::{Clock, Entropy};
use crate::caller::ClientInfo;
use crate::record::StoreError;

use super::{
    AuditEvent, AuditEventKind, AuditLog, ReferenceId, RefusalCounts, RefusalKind, RequestContext,
};

/// Creates events and appends them. Refusals that unauthenticated clients can cause without limit are counted and
/// written as summaries.
pub struct Journal {
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    refusals: RefusalCounts,
}

impl Journal {
    /// Creates a journal that writes to `audit`.
    pub fn new(audit: Arc<dyn AuditLog>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            audit,
            clock,
            entropy,
            refusals: RefusalCounts::default(),
        }
    }

    /// Returns the trail.
    pub(crate) fn trail(&self) -> &dyn AuditLog {
        self.audit.as_ref()
    }

    /// See [`AuditLog::accepts`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn accepts(&self) -> Result<(), StoreError> {
        self.audit.accepts().await
    }

    /// Appends an event.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn append(
        &self,
        context: &RequestContext,
        kind: AuditEventKind,
    ) -> Result<(), StoreError> {
        let event = self.event(context, kind);
        self.audit.append(&event).await
    }

    /// Appends the outcome of an intent that is already in the trail.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn append_outcome(
        &self,
        context: &RequestContext,
        kind: AuditEventKind,
    ) -> Result<(), StoreError> {
        let event = self.event(context, kind);
        self.audit.append_outcome(&event).await
    }

    /// Counts a refusal for [`Journal::write_refusals`].
    pub(crate) fn count_refusal(
        &self,
        kind: RefusalKind,
        context: &RequestContext,
        reason: &'static str,
    ) {
        let address = context.client_info.address;
        self.refusals.add(kind, address, reason, self.clock.now());
    }

    /// Returns whether a refusal may have its own event, see [`RefusalCounts::allows_event`].
    pub(crate) fn allows_event(&self, by_provider: bool) -> bool {
        self.refusals.allows_event(by_provider, self.clock.now())
    }

    /// Writes the counted refusals of windows that have ended, or, if `all`, of every window, before the process exits.
    /// Refusals that cannot be written are kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn write_refusals(&self, all: bool) -> Result<(), StoreError> {
        for summary in self.refusals.taken(self.clock.now(), all) {
            let mut context = self.internal_context();
            context.client_info.address = summary.address();
            let event = self.event(&context, summary.audit_event());
            if let Err(error) = self.audit.append_once(&event).await {
                self.refusals.put_back(summary);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Generates a reference id.
    pub fn reference(&self) -> ReferenceId {
        ReferenceId::generate(self.entropy.as_ref())
    }

    /// Returns the context of actions that the gateway takes without a request.
    pub(crate) fn internal_context(&self) -> RequestContext {
        RequestContext {
            reference: self.reference(),
            client_info: ClientInfo::default(),
        }
    }

    fn event(&self, context: &RequestContext, kind: AuditEventKind) -> AuditEvent {
        AuditEvent {
            at: self.clock.now(),
            reference: context.reference.clone(),
            address: context.client_info.address,
            user_agent: context.client_info.program(),
            kind,
        }
    }
}
