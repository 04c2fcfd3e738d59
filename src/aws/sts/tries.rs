//! Counts the tries of a call that STS may have answered with credentials which never arrived: the request was sent, and no
//! whole answer came back. CloudTrail shows what became of them.

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

/// See the module. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU32,
    /// Those that were answered, and those that never had a connection.
    settled: AtomicU32,
}

impl Tries {
    /// How many may have been answered without our hearing it.
    pub(super) fn unanswered(&self) -> u32 {
        let settled = self.0.settled.load(Ordering::Relaxed);
        self.0.begun.load(Ordering::Relaxed).saturating_sub(settled)
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Tries {
    fn name(&self) -> &'static str {
        "Tries"
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

/// Whether nothing was sent, because there was no connection to send it over.
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
