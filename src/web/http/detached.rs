//! Tasks that complete even if the client disconnects, so that every intent in the audit log gets its outcome and credentials
//! that were not delivered are recorded as such.

use std::sync::Arc;

use actix_web::web::Data;
use futures_util::FutureExt as _;
use rolecall_core::audit::RequestContext;
use rolecall_core::aws::DecodedAuthorization;
use rolecall_core::aws_login::LoginTokens;
use rolecall_core::gateway::Gateway;
use rolecall_core::identity::ProviderId;
use rolecall_core::issue::{ConsoleOutcome, ConsoleVisit, IssuedRole, ProofOutcome};
use rolecall_core::record::rate_limit::Share;

use super::extract::RequestScope;
use crate::web::errors::code::{Coded, OutcomeLabel};
use crate::web::errors::request::RequestError;
use crate::web::site::Site;

/// The result of a task that succeeded.
pub trait Delivery {
    /// Whether credentials were issued.
    fn is_issued(&self) -> bool {
        true
    }
}

impl Delivery for IssuedRole {}
impl Delivery for LoginTokens {}
impl Delivery for ConsoleVisit {}

/// The credentials that decoded the message are handed to nobody.
impl Delivery for DecodedAuthorization {
    fn is_issued(&self) -> bool {
        false
    }
}

impl Delivery for ConsoleOutcome {
    fn is_issued(&self) -> bool {
        match self {
            Self::Visit(_) => true,
            Self::AlreadyUsed => false,
        }
    }
}

impl Delivery for ProofOutcome {
    fn is_issued(&self) -> bool {
        match self {
            Self::Visit(_) | Self::Issued(_) => true,
            Self::AlreadyUsed => false,
        }
    }
}

/// Why detached work has no result: `E` is the error of the core, `F` that of the surface.
#[derive(Debug)]
pub enum DetachedError<E, F> {
    /// The request was rejected before anything was requested from the core, or was interrupted. It is not counted.
    Request(F),
    /// The core rejected the request, or failed.
    Failed(E),
}

impl<E: Into<F>, F> DetachedError<E, F> {
    /// The error of the response.
    pub fn into_surface(self) -> F {
        match self {
            Self::Request(error) => error,
            Self::Failed(error) => error.into(),
        }
    }
}

/// Runs `work` to completion even if the client disconnects, and counts the result in the metrics.
///
/// # Errors
/// [`DetachedError`].
pub fn detached<T, E, F>(
    site: Data<Site>,
    context: RequestContext,
    delivery: &'static str,
    work: impl Future<Output = Result<T, DetachedError<E, F>>> + Send + 'static,
) -> impl Future<Output = Result<T, DetachedError<E, F>>>
where
    T: Delivery + Send + 'static,
    E: Coded + Send + 'static,
    F: From<RequestError> + Send + 'static,
{
    let runtime = site.runtime.clone();
    let client = Arc::new(());
    let watched = Arc::downgrade(&client);
    let pending = site.pending_work.begin();
    // Not an `async` block, which would store the future twice.
    let task = runtime.spawn(work.then(move |outcome| async move {
        let counted = match &outcome {
            Ok(_) => Some(OutcomeLabel::OK),
            Err(DetachedError::Failed(error)) => Some(OutcomeLabel::failed(error)),
            Err(DetachedError::Request(_)) => None,
        };
        if let Some(counted) = counted {
            site.metrics.issue(delivery, counted);
        }
        let is_issued = matches!(&outcome, Ok(delivery) if delivery.is_issued());
        if is_issued && watched.strong_count() == 0 {
            undelivered(&site, &context, delivery).await;
        }
        drop(pending);
        outcome
    }));
    task.map(move |outcome| {
        drop(client);
        outcome.unwrap_or_else(|error| {
            let interrupted = RequestError::interrupted(&error);
            Err(DetachedError::Request(interrupted.into()))
        })
    })
}

/// Handles a message of an identity provider to completion even if the client disconnects, so that a rejected sign-in is
/// audited and a completed one releases its pending record. `reservation`, that of the message's
/// form, is released afterwards.
///
/// # Errors
/// [`RequestError::Internal`] if the task did not complete.
pub async fn uninterrupted<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    scope: &RequestScope,
    provider: &ProviderId,
    reservation: Option<Share>,
    work: impl FnOnce(Arc<Gateway>, RequestContext, ProviderId) -> F,
) -> Result<T, RequestError> {
    let site = &scope.site;
    let (gateway, context) = (Arc::clone(&site.gateway), scope.context.clone());
    let work = work(gateway, context, provider.clone());
    let pending = site.pending_work.begin();
    let work = work.inspect(move |_| drop((pending, reservation)));
    let running = site.runtime.spawn(work).await;
    running.map_err(|error| RequestError::interrupted(&error))
}

async fn undelivered(site: &Site, context: &RequestContext, delivery: &'static str) {
    let reference = &context.reference;
    tracing::warn!(%reference, delivery, "the client disconnected before the credentials were delivered");
    if let Err(error) = site.gateway.issuer().record_undelivered(context).await {
        tracing::error!(
            %reference,
            error = &error as &dyn std::error::Error,
            "the audit event for undelivered credentials could not be written"
        );
    }
}
