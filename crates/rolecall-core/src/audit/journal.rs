//! Writing to the audit trail: what happened becomes an event with its time, reference and address.

use std::sync::Arc;

use crate::base::{Clock, Entropy};
use crate::caller::ClientInfo;
use crate::record::StoreError;

use super::{
    AuditEvent, AuditEventKind, AuditLog, ReferenceId, RefusalCounts, Refusals, RequestContext,
};

/// Makes events of what happened and appends them. Refusals that strangers can cause without end are counted and written
/// as summaries.
pub struct Journal {
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    refusals: RefusalCounts,
}

impl Journal {
    /// A journal over this trail.
    pub fn new(audit: Arc<dyn AuditLog>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            audit,
            clock,
            entropy,
            refusals: RefusalCounts::default(),
        }
    }

    /// The trail.
    pub(crate) fn trail(&self) -> &dyn AuditLog {
        self.audit.as_ref()
    }

    /// As [`AuditLog::accepts`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn accepts(&self) -> Result<(), StoreError> {
        self.audit.accepts().await
    }

    /// Appends what happened.
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

    /// Appends how an intent ended that is in the trail.
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
    pub(crate) fn summarise(&self, kind: Refusals, context: &RequestContext, reason: &'static str) {
        let address = context.origin.address;
        self.refusals.add(kind, address, reason, self.clock.now());
    }

    /// Whether a refusal may have an event of its own, see [`RefusalCounts::allows_event`].
    pub(crate) fn allows_event(&self, by_provider: bool) -> bool {
        self.refusals.allows_event(by_provider, self.clock.now())
    }

    /// Writes the refusals of requests that showed nothing of ours: those whose window has ended, or `all` of them before
    /// the process ends. What cannot be written is kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn write_refusals(&self, all: bool) -> Result<(), StoreError> {
        for summary in self.refusals.taken(self.clock.now(), all) {
            let mut context = self.own_context();
            context.origin.address = summary.address();
            let event = self.event(&context, summary.audit_event());
            if let Err(error) = self.audit.append_once(&event).await {
                self.refusals.put_back(summary);
                return Err(error);
            }
        }
        Ok(())
    }

    /// A fresh reference id.
    pub fn reference(&self) -> ReferenceId {
        ReferenceId::generate(self.entropy.as_ref())
    }

    /// The context of what the gateway does by itself.
    pub(crate) fn own_context(&self) -> RequestContext {
        RequestContext {
            reference: self.reference(),
            origin: ClientInfo::default(),
        }
    }

    fn event(&self, context: &RequestContext, kind: AuditEventKind) -> AuditEvent {
        AuditEvent {
            at: self.clock.now(),
            reference: context.reference.clone(),
            address: context.origin.address,
            user_agent: context.origin.program(),
            kind,
        }
    }
}
