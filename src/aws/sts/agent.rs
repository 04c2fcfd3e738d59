//! Who is calling, as CloudTrail shows it: the SDK's own text and `app/rolecalld`, made once, without what the SDK tells
//! AWS of the features in use. It would make the text anew for each call, and name each measurement of it for meters that
//! are not there: a quarter of its allocations (docs/benchmarks.md).

use std::sync::LazyLock;

use aws_runtime::user_agent::{ApiMetadata, AwsUserAgent, UserAgentInterceptor};
use aws_sdk_sts::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_sts::config::{AppName, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::disable_interceptor;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_types::os_shim_internal::Env;

const APP: &str = "rolecalld";

static USER_AGENT: LazyLock<String> = LazyLock::new(|| {
    let api = ApiMetadata::new("sts", aws_sdk_sts::meta::PKG_VERSION);
    let mut agent = AwsUserAgent::new_from_environment(Env::real(), api);
    if let Ok(name) = AppName::new(APP) {
        agent.set_app_name(name);
    }
    agent.aws_ua_header()
});

/// Says who is calling, instead of the SDK's interceptor.
#[derive(Debug)]
pub(super) struct Agent;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Agent {
    fn name(&self) -> &'static str {
        "Agent"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config
            .interceptor_state()
            .store_put(disable_interceptor::<UserAgentInterceptor>("said already"));
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The request is written: from here on, only meters ask for the operation's name.
        config.interceptor_state().unset::<Metadata>();
        let headers = context.request_mut().headers_mut();
        headers.try_insert("user-agent", USER_AGENT.as_str())?;
        headers.try_insert("x-amz-user-agent", USER_AGENT.as_str())?;
        Ok(())
    }
}
