//! Counts attempts that were sent but got no complete response: STS may have issued credentials that never arrived.
//! CloudTrail shows whether it did.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_sts::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_saml::AssumeRoleWithSAMLError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_sdk_sts::operation::get_federation_token::GetFederationTokenError;
use aws_smithy_runtime_api::client::interceptors::context::Error as ContextError;
use hyper_util::client::legacy::Error as HttpError;

/// Counter of unanswered attempts. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptCounter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU32,
    /// Attempts that STS answered, or that did not reach it.
    settled: AtomicU32,
}

impl AttemptCounter {
    /// Number of attempts for which STS may have issued credentials.
    pub(super) fn unanswered(&self) -> u32 {
        let settled = self.0.settled.load(Ordering::Relaxed);
        self.0.begun.load(Ordering::Relaxed).saturating_sub(settled)
    }

    /// The response to the last attempt cannot be used: STS may have issued credentials that it does not contain.
    pub(super) fn lost(&self) {
        self.0.settled.fetch_sub(1, Ordering::Relaxed);
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

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|answer| answer.status().as_u16());
        let is_settled = match context.output_or_error() {
            Some(Ok(_)) => true,
            Some(Err(error)) => {
                let coded = error.as_operation_error().is_some_and(has_code);
                let unsent = error
                    .as_connector_error()
                    .is_some_and(|error| is_unconnected(error));
                // A 3xx or 4xx rejects the request. A 5xx can be that of a proxy that received no response from
                // STS, and a success that cannot be read may have been one of STS.
                coded || unsent || status.is_some_and(|status| (300..500).contains(&status))
            }
            None => false,
        };
        if is_settled {
            self.0.settled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Whether the error is one of AWS: it has a code.
fn has_code(error: &ContextError) -> bool {
    fn code_of<E: ProvideErrorMetadata + StdError + Send + Sync + 'static>(
        error: &ContextError,
    ) -> Option<&str> {
        error.downcast_ref::<E>()?.code()
    }
    code_of::<AssumeRoleWithWebIdentityError>(error)
        .or_else(|| code_of::<AssumeRoleWithSAMLError>(error))
        .or_else(|| code_of::<AssumeRoleError>(error))
        .or_else(|| code_of::<GetFederationTokenError>(error))
        .is_some()
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
