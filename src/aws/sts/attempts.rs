//! Counts attempts that were sent but got no complete response: STS may have issued credentials that never arrived.
//! CloudTrail shows whether it did.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_sts::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef,
};
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use hyper_util::client::legacy::Error as HttpError;

/// Counter of unanswered attempts. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptCounter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU32,
    /// Attempts with a response, and attempts without a connection.
    settled: AtomicU32,
}

impl AttemptCounter {
    /// Number of attempts for which STS may have issued credentials.
    pub(super) fn unanswered(&self) -> u32 {
        let settled = self.0.settled.load(Ordering::Relaxed);
        self.0.begun.load(Ordering::Relaxed).saturating_sub(settled)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for AttemptCounter {
    fn name(&self) -> &'static str {
        "AttemptCounter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        _: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.settled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Err(error)) = context.output_or_error()
            && let Some(error) = error.as_connector_error()
            && is_unconnected(error)
        {
            self.0.settled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Whether nothing was sent, because the connection failed.
fn is_unconnected(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref().is_some_and(HttpError::is_connect) {
            return true;
        }
        next = error.source();
    }
    false
}
