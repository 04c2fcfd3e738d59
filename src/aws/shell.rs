//! AWS with the credentials of the shell that runs a command: the SDK's default chain with environment variables, profiles, IAM
//! Identity Center sessions and programs that print credentials. Only commands of administrators use it, never the serving
//! gateway, whose own credentials are [`super::own_credentials`].

use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::config::Region as SdkRegion;
use rolecall_core::aws::{AccountId, Region};
use rolecall_core::base::{BoxError, text};

use super::sts::HttpClients;
use crate::egress::Egress;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit of one request. A page of IAM takes about a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// AWS with the credentials of the shell.
#[derive(Debug)]
pub struct ShellAws {
    config: SdkConfig,
}

impl ShellAws {
    /// Reads environment and profiles. Requests use the proxy and the CA certificates of `[egress]`, also those for credentials,
    /// except to addresses that are never reached through it, such as metadata services. `region` is used if the shell has none.
    ///
    /// # Errors
    /// If a CA certificate or the URL of the proxy is invalid.
    pub async fn load(egress: &Egress, region: &Region) -> Result<Self, BoxError> {
        // Without the metadata service, which would be waited for on other machines.
        let regions = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else(SdkRegion::new(region.as_str().to_owned()));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT);
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(HttpClients::new(egress)?.by_url())
            .region(regions)
            .timeout_config(timeouts.build())
            .load()
            .await;
        Ok(Self { config })
    }

    /// Configuration for the client of a service.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The account of the credentials, from STS (`GetCallerIdentity`, which needs no permission).
    ///
    /// # Errors
    /// If the shell has no valid credentials, or AWS cannot be reached.
    pub async fn account(&self) -> Result<AccountId, BoxError> {
        let sts = aws_sdk_sts::Client::new(&self.config);
        let identity = sts.get_caller_identity().send().await;
        let identity = identity.map_err(|error| explained(&error))?;
        Ok(AccountId::parse(identity.account().unwrap_or_default())?)
    }
}

/// An error of the SDK with its causes: its own text contains only the kind.
pub(super) fn explained(error: &(dyn std::error::Error + 'static)) -> BoxError {
    const CHARS_MAX: usize = 500;
    text::one_line(&text::chain(error), CHARS_MAX).into()
}
