//! Credentials from the gateway, compared with direct calls to STS with the same SDK.
//!
//! The gateway also processes a form with a session in Redis, evaluates the policy, signs a token and writes two events to
//! the audit trail, one of which is on disk before STS is called.

use std::sync::Arc;

use aws_sdk_sts::Client;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use rolecall_core::aws::{AccountId, RoleSessionName, WebIdentityClaims, WebIdentityIssuer as _};
use rolecall_core::base::Clock as _;
use rolecall_core::base::secret::{SessionSecret, WebIdentityToken, random_token};
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::Subject;
use rolecalld::aws::keys::KeyDirectory;
use rolecalld::aws::{TokenIssuer, http_client};
use rolecalld::world::{SystemClock, SystemEntropy};

use anyhow::Context as _;

use crate::Effort;
use crate::bench_stack::{ACCOUNT, BenchStack, PERMISSION_SET};
use crate::http::{Connection, get, post};
use crate::load::{self, Caller, HttpCaller, Round};
use crate::report::Row;

/// Number of concurrent callers.
pub const IN_FLIGHT: usize = 32;

/// Throughput as a share of the floor's, and added latency.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let (gateway, _) = bench.gateway().await?;
    let cookies = bench.sign_in(&gateway, IN_FLIGHT).await?;
    let mut requests = Vec::new();
    let mut connection = Connection::open(gateway.address).await?;
    for cookie in &cookies {
        requests.push(form_for(bench, &mut connection, cookie).await?);
    }
    let subject = HttpCaller::all(gateway.address, requests).await?;
    let (floors, subjects) = beside_the_floor(bench, &cookies[0], subject, effort).await?;
    Ok(rows("credentials", &floors, &subjects))
}

/// The request of the portal's form for credentials in this session.
pub async fn form_for(
    bench: &BenchStack,
    connection: &mut Connection,
    cookie: &str,
) -> anyhow::Result<Vec<u8>> {
    let portal = connection.exchange(&get(bench.host(), "/", cookie)).await?;
    let csrf = portal.field("csrf")?;
    let fields = [
        ("account", ACCOUNT),
        ("permission_set", PERMISSION_SET),
        ("csrf", csrf.as_str()),
    ];
    Ok(post(bench.host(), "/credentials", cookie, &fields))
}

/// Rounds of direct calls and of these callers, in turn.
pub async fn beside_the_floor(
    bench: &BenchStack,
    cookie: &str,
    mut subject: Vec<HttpCaller>,
    effort: Effort,
) -> anyhow::Result<(Vec<Round>, Vec<Round>)> {
    let call = Arc::new(StsCall::for_session(bench, cookie).await?);
    let client = client(&bench.stack.aws.url());
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    (_, subject) = load::round(subject, effort.warm_up).await?;
    load::round(call.callers(&client).await?, effort.warm_up).await?;
    for _ in 0..effort.rounds {
        let (round, _) = load::round(call.callers(&client).await?, effort.round).await?;
        floors.push(round);
        let (round, again) = load::round(subject, effort.round).await?;
        (subject, _) = (again, subjects.push(round));
    }
    Ok((floors, subjects))
}

/// The share of the floor's throughput, and the added latency.
pub fn rows(name: &str, floors: &[Round], subjects: &[Round]) -> Vec<Row> {
    load::beside_floor(name, &format!("{IN_FLIGHT} in flight"), floors, subjects)
}

/// The call to STS that the gateway would make.
struct StsCall {
    role: String,
    session_name: String,
    seconds: i32,
    policies: Vec<PolicyDescriptorType>,
    issuer: TokenIssuer,
    claims: WebIdentityClaims,
}

impl StsCall {
    /// The call for this session.
    async fn for_session(bench: &BenchStack, cookie: &str) -> anyhow::Result<Self> {
        let services = &bench.stack.gateway.services;
        let (_, secret) = cookie.split_once('=').context("a cookie")?;
        let session = services
            .sessions()
            .session(&SessionSecret::new(secret))
            .await?;
        let identity = session.context("the session does not exist")?.identity;
        let circumstances = Circumstances {
            now: SystemClock.now(),
            address: None,
            device_flow: false,
        };
        let facts = Facts::new(&identity, circumstances);
        let grants = services.entitlements().policy().grants(&facts);
        let grant = grants
            .find(&AccountId::parse(ACCOUNT)?, PERMISSION_SET, None)
            .context("the role is not granted")?;
        let attributes = grant.attributes(&facts)?;
        let policy = |arn: &rolecall_core::aws::PolicyArn| {
            PolicyDescriptorType::builder().arn(arn.as_str()).build()
        };
        Ok(Self {
            role: grant.role().to_string(),
            session_name: RoleSessionName::of(&identity).as_str().to_owned(),
            seconds: grant.duration_max().seconds().cast_signed(),
            policies: grant.policy_arns().iter().map(policy).collect(),
            issuer: TokenIssuer::open(
                bench.stack.url(),
                KeyDirectory::new(bench.stack.folder().join("keys")),
                Arc::new(SystemClock),
            )?,
            claims: WebIdentityClaims {
                token_id: random_token(&SystemEntropy),
                role: Some(grant.role().clone()),
                subject: Subject::parse(&format!("{}|{}", identity.provider, identity.subject))?,
                audience: "sts.amazonaws.com".to_owned(),
                tags: attributes.tags,
                source_identity: attributes.source_identity,
            },
        })
    }

    /// Callers that share a token, which is created before the measurement.
    async fn callers(self: &Arc<Self>, client: &Client) -> anyhow::Result<Vec<SdkCaller>> {
        let token = self.issuer.mint(&self.claims).await;
        let token = Arc::new(token.map_err(anyhow::Error::from_boxed)?);
        let caller = |_| SdkCaller {
            client: client.clone(),
            sts_call: Arc::clone(self),
            token: Arc::clone(&token),
        };
        Ok((0..IN_FLIGHT).map(caller).collect())
    }
}

struct SdkCaller {
    client: Client,
    sts_call: Arc<StsCall>,
    token: Arc<WebIdentityToken>,
}

impl Caller for SdkCaller {
    async fn call(&mut self) -> anyhow::Result<()> {
        let output = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&self.sts_call.role)
            .role_session_name(&self.sts_call.session_name)
            .web_identity_token(self.token.expose())
            .duration_seconds(self.sts_call.seconds)
            .set_policy_arns(Some(self.sts_call.policies.clone()))
            .send()
            .await?;
        output.credentials().context("no credentials")?;
        Ok(())
    }
}

/// The SDK with default settings and the connection pool of the gateway.
fn client(endpoint: &str) -> Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client())
        .region(Region::new("eu-west-1"))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}
