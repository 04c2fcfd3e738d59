//! Audit events of an issuance: the intent before, the outcome after.

use crate::audit::{Actor, AuditEventKind, CredentialDelivery, Target, ViaSession};
use crate::aws::{AssumedRole, EarlierCalls, MintedSaml};
use crate::caller::Caller;
use crate::issue::{IssueError, Prepared};

pub(crate) fn intent(
    caller: Caller<'_>,
    prepared: &Prepared,
    delivery: CredentialDelivery,
) -> AuditEventKind {
    let Prepared {
        grant,
        attributes,
        session_policies: _,
        predicted_percent: _,
        session_name,
        federated_user,
        token_id,
        duration,
        duration_reason: _,
        provider_proof,
        id_token: _,
    } = prepared;
    let federated = (!grant.trust().assumes_role()).then_some(federated_user);
    // The provider's response determines these values if it is used.
    let claims = provider_proof
        .as_ref()
        .map(|provider_proof| &provider_proof.claims);
    let own_source = || attributes.source_identity.as_ref().map(ToString::to_string);
    let own_tags = || {
        attributes
            .tags
            .iter()
            .map(|(key, _)| key.to_owned())
            .collect()
    };
    AuditEventKind::IssueIntended {
        actor: Actor::from(caller.identity),
        session: caller.session.to_string(),
        target: Target {
            account: grant.account().id.to_string(),
            permission_set: grant.permission_set().name.to_string(),
            variant: grant.variant().map(ToString::to_string),
        },
        role: match federated {
            Some(name) => name.arn(grant.role().partition(), &grant.account().id),
            None => grant.role().to_string(),
        },
        assignments: grant.assignments().map(str::to_owned).collect(),
        duration: duration.seconds(),
        role_session_name: claims
            .and_then(|claims| claims.session_name.clone())
            .unwrap_or_else(|| match federated {
                Some(name) => name.to_string(),
                None => session_name.as_str().to_owned(),
            }),
        source_identity: claims.map_or_else(own_source, |claims| claims.source_identity.clone()),
        tag_keys: claims.map_or_else(own_tags, |claims| claims.tag_keys.clone()),
        omitted_tag_keys: match claims {
            Some(_) => Vec::new(),
            None => attributes.omitted_tags().map(ToString::to_string).collect(),
        },
        delivery,
        token_id: grant.trust().mints_token().then(|| token_id.clone()),
    }
}

/// `earlier` is what happened before a failure.
pub(crate) fn outcome(
    outcome: &Result<AssumedRole, IssueError>,
    earlier: &EarlierCalls,
) -> AuditEventKind {
    match outcome {
        Ok(issued) => AuditEventKind::IssueDone {
            access_key_id: issued.credentials.access_key_id.clone(),
            assumed_role: issued.assumed_role_arn.clone(),
            expires_at: issued.credentials.expires_at,
            region: issued.region.clone(),
            request_id: issued.request_id.clone(),
            unanswered: issued.unanswered,
            via: issued.via.iter().map(ViaSession::from).collect(),
        },
        Err(error) => failed(error, earlier),
    }
}

pub(crate) fn posted(outcome: &Result<MintedSaml, IssueError>) -> AuditEventKind {
    match outcome {
        Ok(minted) => AuditEventKind::IssuePosted {
            assertion: minted.assertion.clone(),
            recipient: minted.recipient.to_string(),
            expires_at: minted.expires_at,
        },
        Err(error) => failed(error, &EarlierCalls::default()),
    }
}

fn failed(error: &IssueError, earlier: &EarlierCalls) -> AuditEventKind {
    let refused = match error {
        IssueError::Refused(refused) => Some(refused),
        IssueError::NotGranted
        | IssueError::Locked { .. }
        | IssueError::CannotDecode(_)
        | IssueError::Attributes(_)
        | IssueError::AtProvider { .. }
        | IssueError::IdToken(_)
        | IssueError::Mismatch(_)
        | IssueError::SessionEnded
        | IssueError::Token(_)
        | IssueError::OwnCredentials(_)
        | IssueError::StsUnavailable(_)
        | IssueError::StsUnanswered { .. }
        | IssueError::Unverified(_)
        | IssueError::Console(_)
        | IssueError::RateLimited(_)
        | IssueError::FactsUnavailable(_)
        | IssueError::Unavailable(_) => None,
    };
    AuditEventKind::IssueFailed {
        reason: error.code().to_owned(),
        aws_code: refused.map(|refused| refused.code.clone()),
        request_id: refused.and_then(|refused| refused.request_id.clone()),
        unanswered: earlier.unanswered,
        via: earlier.via.iter().map(ViaSession::from).collect(),
    }
}
