//! Work that runs to its end even when the caller hangs up: an intent in the audit trail gets its outcome, and credentials
//! that nobody waited for are told from those that were handed out.

use std::sync::Arc;

use actix_web::web::Data;
use futures_util::FutureExt as _;
use rolecall_core::audit::RequestContext;
use rolecall_core::aws_login::LoginTokens;
use rolecall_core::gateway::Gateway;
use rolecall_core::identity::ProviderId;
use rolecall_core::issue::{ConsoleOutcome, ConsoleVisit, IssuedRole, ProofOutcome};

use super::extract::RequestScope;
use crate::web::errors::code::{Coded, Outcome};
use crate::web::errors::request::RequestError;
use crate::web::site::Site;

/// What work that succeeded has brought.
pub trait Delivery {
    /// Whether something was issued.
    fn is_issued(&self) -> bool {
        true
    }
}

impl Delivery for IssuedRole {}
impl Delivery for LoginTokens {}
impl Delivery for ConsoleVisit {}

impl Delivery for ConsoleOutcome {
    fn is_issued(&self) -> bool {
        match self {
            Self::Visit(_) => true,
            Self::Spent => false,
        }
    }
}

impl Delivery for ProofOutcome {
    fn is_issued(&self) -> bool {
        match self {
            Self::Visit(_) | Self::Issued(_) => true,
            Self::Spent => false,
        }
    }
}

/// Runs to its end even when the caller hangs up, and counts how it ended. Who never got as far as to ask for something is
/// not counted.
///
/// # Errors
/// When it could not be run to its end, or nothing was asked for; its own error is inside.
pub fn detached<T, E, F>(
    site: Data<Site>,
    context: RequestContext,
    delivery: &'static str,
    work: impl Future<Output = Result<Result<T, E>, F>> + Send + 'static,
) -> impl Future<Output = Result<Result<T, E>, F>>
where
    T: Delivery + Send + 'static,
    E: Coded + Send + 'static,
    F: From<RequestError> + Send + 'static,
{
    let runtime = site.runtime.clone();
    let caller = Arc::new(());
    let watched = Arc::downgrade(&caller);
    let piece = site.pending_work.begin();
    // Not an `async` block, which would keep room for the work twice.
    let task = runtime.spawn(work.then(move |outcome| async move {
        if let Ok(outcome) = &outcome {
            site.metrics.issue(delivery, Outcome::of(outcome));
        }
        let is_issued = matches!(&outcome, Ok(Ok(brought)) if brought.is_issued());
        if is_issued && watched.strong_count() == 0 {
            undelivered(&site, &context, delivery).await;
        }
        drop(piece);
        outcome
    }));
    task.map(move |outcome| {
        drop(caller);
        outcome.map_err(|error| RequestError::interrupted(&error))?
    })
}

/// Asks the gateway something about a provider's message and lets it finish even when the caller hangs up: a sign-in that is
/// refused gets its event, and one that succeeds gives its place back.
///
/// # Errors
/// When it could not be run to its end.
pub async fn uninterrupted<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    scope: &RequestScope,
    provider: &ProviderId,
    work: impl FnOnce(Arc<Gateway>, RequestContext, ProviderId) -> F,
) -> Result<T, RequestError> {
    let site = &scope.site;
    let (gateway, context) = (Arc::clone(&site.gateway), scope.context.clone());
    let work = work(gateway, context, provider.clone());
    let piece = site.pending_work.begin();
    let running = site.runtime.spawn(work.inspect(move |_| drop(piece))).await;
    running.map_err(|error| RequestError::interrupted(&error))
}

async fn undelivered(site: &Site, context: &RequestContext, delivery: &'static str) {
    let reference = &context.reference;
    tracing::warn!(%reference, delivery, "the caller hung up before the credentials were issued; nobody has them");
    if let Err(error) = site.gateway.issuer().record_undelivered(context).await {
        tracing::error!(
            %reference,
            error = &error as &dyn std::error::Error,
            "that nobody has the credentials could not be audited"
        );
    }
}
