//! An audit trail that is read back event by event.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rolecall_core::audit::{AuditEvent, AuditEventKind, AuditLog};
use rolecall_core::record::StoreError;

use super::World;
use super::switch::Switch;
use super::{Gate, Journal};

pub struct Trail {
    journal: Journal,
    events: Mutex<Vec<AuditEvent>>,
    gate: Arc<Gate>,
    pub outage: Switch,
    pub shared: AtomicBool,
}

impl Trail {
    pub fn new(journal: Journal, gate: Arc<Gate>) -> Self {
        Self {
            journal,
            gate,
            events: Mutex::default(),
            outage: Switch::default(),
            shared: AtomicBool::default(),
        }
    }

    /// What happened since the last time.
    pub fn take(&self) -> Vec<AuditEventKind> {
        self.take_events()
            .into_iter()
            .map(|event| event.kind)
            .collect()
    }

    pub fn take_events(&self) -> Vec<AuditEvent> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    /// The one thing that happened since the last time.
    #[track_caller]
    pub fn take_only(&self) -> AuditEventKind {
        let mut kind = self.take();
        assert_eq!(kind.len(), 1, "{kind:#?}");
        kind.remove(0)
    }
}

impl World {
    /// What was summarised of refusals since the last time: each reason, and how often.
    pub async fn take_refusals(&self) -> Vec<(String, u64)> {
        self.gateway.journal().write_refusals(true).await.unwrap();
        let mut all = Vec::new();
        for kind in self.trail.take() {
            if let AuditEventKind::SignInRefusals(summary)
            | AuditEventKind::SignOutRefusals(summary) = kind
            {
                all.extend(summary.reasons);
            }
        }
        all
    }
}

/// `issue_intended` …
pub fn word(kind: &AuditEventKind) -> String {
    let json = serde_json::to_value(kind).unwrap();
    json["event"].as_str().unwrap().to_owned()
}

#[async_trait]
impl AuditLog for Trail {
    async fn append(&self, event: &AuditEvent) -> Result<(), StoreError> {
        self.gate.pass().await;
        tokio::task::yield_now().await;
        self.outage.pass()?;
        self.journal.note(format!("audit {}", word(&event.kind)));
        self.events.lock().unwrap().push(event.clone());
        Ok(())
    }

    async fn append_outcome(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let word = word(&event.kind);
        assert!(
            [
                "issue_done",
                "issue_posted",
                "issue_failed",
                "issue_undelivered"
            ]
            .contains(&word.as_str()),
            "{word} ends no intent"
        );
        self.append(event).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.outage.pass()
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }
}
