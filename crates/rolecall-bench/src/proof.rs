//! Choosing and building the proof for AWS: the role of a person, its session tags and source identity, and the signed token or
//! SAML response.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::access::{Policy, Trust};
use rolecall_core::aws::{
    AccountId, Partition, Region, RoleSessionDuration, RoleSessionName, SamlClaims,
    SamlIssuer as _, WebIdentityClaims, WebIdentityIssuer as _,
};
use rolecall_core::base::Clock as _;
use rolecall_core::base::secret::random_token;
use rolecall_core::caller::{Circumstances, Facts};
use rolecall_core::identity::{Identity, Subject};
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory, KeyUse};
use rolecalld::aws::{AwsSettings, ResponseIssuer, TokenIssuer};
use rolecalld::world::{SystemClock, SystemEntropy};
use tempfile::TempDir;

use crate::Effort;
use crate::figures::{Figures, Unit, microseconds, milliseconds};
use crate::policy;
use crate::report::Row;

const ISSUER: &str = "https://sso.example.com";
const ELLIPTIC_MAX: f64 = 200.0;
const RSA_MAX: f64 = 2.0;
/// Number of proofs that are timed together.
const CALLS: u32 = 20;
const BATCHES_A_ROUND: usize = 10;

/// In addition to the policy of the measurement `policy`: a role in an account of each trust type with a signed proof.
const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "by-token"
[[account]]
id = "777788889999"
name = "by-response"
trust = "gateway-saml"
saml_provider_arn = "arn:aws:iam::777788889999:saml-provider/rolecall"
[[permission_set]]
name = "Developer"
role = "rolecall/Developer"
session_tags = { user = "{email}", name = "{name|aws}", subject = "{subject}" }
source_identity = "{email|aws}"
[[assignment]]
id = "developers"
who = { provider = "okta", groups = ["team-0"] }
accounts = ["by-token", "by-response"]
permission_sets = ["Developer"]
"#;

/// Time of a token with ES256 and with RS256, and of a SAML response.
pub async fn measure(effort: Effort) -> Result<Vec<Row>> {
    let maker = ProofMaker::new()?;
    let (token, response) = ("111122223333", "777788889999");
    let mut figures = [(); 3].map(|()| Vec::new());
    for _ in 0..effort.rounds * BATCHES_A_ROUND {
        let [elliptic, rsa, saml] = &mut figures;
        let started = Instant::now();
        for _ in 0..CALLS {
            black_box(maker.proof(&maker.elliptic, token).await?);
        }
        elliptic.push(microseconds(started.elapsed() / CALLS));
        let started = Instant::now();
        for _ in 0..CALLS {
            black_box(maker.proof(&maker.rsa, token).await?);
        }
        rsa.push(milliseconds(started.elapsed() / CALLS));
        let started = Instant::now();
        for _ in 0..CALLS {
            black_box(maker.proof(&maker.elliptic, response).await?);
        }
        saml.push(milliseconds(started.elapsed() / CALLS));
    }
    let [elliptic, rsa, saml] = figures;
    Ok(vec![
        Row::plain(
            "proof for AWS, ES256 token",
            Figures::new(Unit::Microseconds, elliptic),
        )
        .at_most(ELLIPTIC_MAX),
        Row::plain(
            "proof for AWS, RS256 token",
            Figures::new(Unit::Milliseconds, rsa),
        )
        .at_most(RSA_MAX),
        Row::plain(
            "proof for AWS, SAML response",
            Figures::new(Unit::Milliseconds, saml),
        )
        .at_most(RSA_MAX),
    ])
}

/// A person, a policy and the gateway's signers.
struct ProofMaker {
    person: Identity,
    policy: Policy,
    elliptic: TokenIssuer,
    rsa: TokenIssuer,
    saml: ResponseIssuer,
    _keys: [TempDir; 2],
}

impl ProofMaker {
    fn new() -> Result<Self> {
        let (elliptic, home) = keys(KeyAlgorithm::Es256)?;
        let (rsa, other) = keys(KeyAlgorithm::Rs256)?;
        let for_saml = elliptic.clone().used_for(KeyUse::Saml);
        for_saml.generate(KeyAlgorithm::Rs256, SystemClock.now())?;
        let clock = Arc::new(SystemClock);
        let settings = AwsSettings {
            partition: Partition::Aws,
            sts_region: Region::parse("eu-west-1")?,
            sts_fallback_regions: Vec::new(),
            role_claim: true,
            sts_endpoint: None,
            signin_endpoint: None,
        };
        Ok(Self {
            person: policy::person()?,
            policy: policy::policy_with(1_000, 20, 5_000, ACCESS)?,
            saml: ResponseIssuer::open(
                ISSUER,
                elliptic.clone(),
                settings,
                clock.clone(),
                Arc::new(SystemEntropy),
            )?,
            elliptic: TokenIssuer::open(ISSUER, elliptic, clock.clone())?,
            rsa: TokenIssuer::open(ISSUER, rsa, clock)?,
            _keys: [home, other],
        })
    }

    /// The proof for the role of an account, and its size.
    async fn proof(&self, tokens: &TokenIssuer, account: &str) -> Result<usize> {
        let circumstances = Circumstances {
            now: SystemClock.now(),
            address: None,
            device_flow: false,
        };
        let facts = Facts::new(&self.person, circumstances);
        let grants = self.policy.grants(&facts);
        let grant = grants.find(&AccountId::parse(account)?, "Developer", None);
        let grant = grant.context("the person does not have the role")?;
        let attributes = grant.attributes(&facts)?;
        let subject = Subject::parse(&format!("{}|{}", self.person.provider, self.person.subject))?;
        let size = if let Trust::GatewaySaml(trust) = grant.trust() {
            let claims = SamlClaims {
                role: grant.role().clone(),
                provider: trust.provider.clone(),
                subject,
                authenticated_at: self.person.asserted_at,
                session_name: RoleSessionName::of(&self.person),
                duration: RoleSessionDuration::DEFAULT,
                audience: grant.account().saml_audience(Partition::Aws).to_owned(),
                recipient: trust.recipient.clone(),
                region: None,
                tags: attributes.tags,
                source_identity: attributes.source_identity,
            };
            let minted = self.saml.respond(&claims).await;
            minted
                .map_err(anyhow::Error::from_boxed)?
                .response
                .expose()
                .len()
        } else {
            let claims = WebIdentityClaims {
                token_id: random_token(&SystemEntropy),
                role: Some(grant.role().clone()),
                subject,
                audience: grant.account().token_audience().to_owned(),
                tags: attributes.tags,
                source_identity: attributes.source_identity,
            };
            let minted = tokens.mint(&claims).await;
            minted.map_err(anyhow::Error::from_boxed)?.expose().len()
        };
        ensure!(size > 500, "the proof has {size} characters");
        Ok(size)
    }
}

/// A key directory with one active key for tokens.
fn keys(algorithm: KeyAlgorithm) -> Result<(KeyDirectory, TempDir)> {
    let home = TempDir::new()?;
    let directory = KeyDirectory::new(home.path().join("keys"));
    directory.generate(algorithm, SystemClock.now())?;
    Ok((directory, home))
}
