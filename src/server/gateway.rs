//! Builds the gateway and its remaining adapters from the settings.

use std::sync::Arc;

use anyhow::Context as _;
use rolecall_core::access::Policy;
use rolecall_core::base::{Clock, Entropy, limits};
use rolecall_core::gateway::{Gateway, Ports};
use rolecall_core::people::PeopleLog;
use rolecall_core::record::{Records, SealingKeys};
use rolecall_core::sign_in::IdentityProvider;

use super::issuers::Issuers;
use crate::audit::SqlAudit;
use crate::aws::{self, OwnCredentials, SignInEndpoint, StsClient};
use crate::config::Settings;
use crate::store;

pub(super) struct Parts {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) issuers: Issuers,
    pub(super) audit: Arc<SqlAudit>,
    pub(super) people: Arc<dyn PeopleLog>,
    pub(super) providers: Vec<Arc<dyn IdentityProvider>>,
    /// Instead of those of the SDK's default chain.
    pub(super) own_credentials: Option<OwnCredentials>,
}

pub(super) async fn build_gateway(
    settings: &Settings,
    policy: Policy,
    parts: Parts,
) -> anyhow::Result<Gateway> {
    let Parts {
        clock,
        entropy,
        issuers,
        audit,
        people,
        providers,
        own_credentials,
    } = parts;
    let store = store::open(&settings.store, clock.clone())
        .await
        .context("[store]")?;
    let first = settings.sealing_keys.first().context("no sealing key")?;
    let older: Vec<[u8; 32]> = settings
        .sealing_keys
        .iter()
        .skip(1)
        .map(|key| *key.expose())
        .collect();
    let keys = Arc::new(SealingKeys::new(first.expose(), &older));
    let ports = Ports {
        providers,
        records: Records::new(store, keys, clock.clone(), entropy.clone()),
        audit,
        people,
        sts: Arc::new(sts(settings, own_credentials, &clock)?),
        web_identity: issuers.tokens,
        saml: issuers.saml,
        console: Arc::new(
            SignInEndpoint::new(&settings.aws, &settings.egress)
                .map_err(anyhow::Error::from_boxed)?,
        ),
        clock,
        entropy,
        lifetimes: settings.lifetimes,
        clients: settings.clients,
        limits: settings.limits,
        public_url: settings.public_url.clone(),
        issuer_url: settings.issuer().clone(),
        start_urls: settings.start_urls.clone(),
        partition: settings.aws.partition,
        role_claim: settings.aws.role_claim,
        held_responses_bytes_max: limits::HELD_RESPONSES_BYTES_MAX,
    };
    Ok(Gateway::new(ports, policy))
}

/// STS as configured. AWS credentials of the gateway are looked for when an operation is signed for the first time.
pub(super) fn sts(
    settings: &Settings,
    own: Option<OwnCredentials>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<StsClient> {
    let found = match own {
        Some(own) => Ok(own),
        None => aws::own_credentials(&settings.aws, &settings.egress, clock.clone()),
    };
    let sts = StsClient::configured(settings.aws.clone(), &settings.egress);
    sts.and_then(|sts| Ok(sts.signing_with(found?)))
        .map_err(anyhow::Error::from_boxed)
        .context("[egress]")
}
