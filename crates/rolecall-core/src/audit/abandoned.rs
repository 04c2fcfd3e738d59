//! Completion of an intent whose caller stopped waiting before it was durable.

use std::time::Duration;

use chrono::TimeDelta;

use super::{AuditEvent, AuditEventKind};

impl AuditEvent {
    /// Event that completes an intent which became durable only after its caller had stopped waiting, `waited` after
    /// its creation. AWS was not called. None for any other event.
    pub fn abandoned_outcome(&self, waited: Duration) -> Option<Self> {
        if !matches!(self.kind, AuditEventKind::IssueIntended { .. }) {
            return None;
        }
        let waited = TimeDelta::from_std(waited).unwrap_or_default();
        Some(Self {
            at: self.at.checked_add_signed(waited).unwrap_or(self.at),
            reference: self.reference.clone(),
            address: self.address,
            user_agent: self.user_agent.clone(),
            kind: AuditEventKind::IssueFailed {
                reason: "audit_timeout".to_owned(),
                aws_code: None,
                request_id: None,
                unanswered: 0,
                via: vec![],
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReferenceId, Target};
    use super::*;
    use crate::audit::{Actor, CredentialDelivery};

    fn event(kind: AuditEventKind) -> AuditEvent {
        AuditEvent {
            at: chrono::DateTime::UNIX_EPOCH,
            reference: ReferenceId("0123456789ABCDEF".to_owned()),
            address: None,
            user_agent: None,
            kind,
        }
    }

    #[test]
    fn abandoned_intent_gets_an_outcome() {
        let intent = event(AuditEventKind::IssueIntended {
            actor: Actor {
                provider: "okta".to_owned(),
                subject: "alice".to_owned(),
                email: None,
            },
            session: "S".to_owned(),
            target: Target {
                account: "111122223333".to_owned(),
                permission_set: "Developer".to_owned(),
                variant: None,
            },
            role: "arn:aws:iam::111122223333:role/Developer".to_owned(),
            assignments: vec![],
            duration: 3_600,
            role_session_name: "alice".to_owned(),
            source_identity: None,
            tag_keys: vec![],
            omitted_tag_keys: vec![],
            delivery: CredentialDelivery::Client,
            token_id: None,
        });
        let end = intent.abandoned_outcome(Duration::from_secs(3)).unwrap();
        assert_eq!(end.reference, intent.reference);
        assert_eq!(end.at, intent.at + TimeDelta::seconds(3));
        assert!(
            matches!(&end.kind, AuditEventKind::IssueFailed { reason, .. } if reason == "audit_timeout")
        );
        assert!(end.abandoned_outcome(Duration::ZERO).is_none());
    }
}
