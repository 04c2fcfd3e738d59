//! Ceph's radosgw, whose STS verifies web identity tokens, which this project did not write: credentials that a person gets from
//! the gateway list S3 buckets, and other tokens are refused.
//!
//! Opt-in, because Ceph is large: `cargo xtask radosgw`.

mod ceph;

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::aws::{
    AccountId, AssumeRoleWithWebIdentity, Partition, Region, RoleArn, RolePath,
    RoleSessionDuration, RoleSessionName, RoleSessionParameters, RoleSessionTags, Sts as _,
    StsError, StsRequest, TagKey, WebIdentityClaims, WebIdentityIssuer as _,
};
use rolecall_core::base::secret::{SecretText, WebIdentityToken, random_token};
use rolecall_core::identity::{AuthTime, Claims, Evidence, Identity, ProviderId, Subject};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::python;
use rolecalld::aws::keys::KeyDirectory;
use rolecalld::aws::{AwsSettings, StsClient, TokenIssuer, http_client};
use rolecalld::world::{SystemClock, SystemEntropy};
use serde_json::{Value, json};
use url::Url;

use ceph::Ceph;

const ACCOUNT: &str = "111122223333";
const AUDIENCE: &str = "sts.amazonaws.com";
const KEY: [&str; 2] = ["ADMINISTRATOR", "only-for-this-test"];

const ACCESS: &str = r#"
[[account]]
id = "111122223333"
name = "storage"

[[permission_set]]
name = "Developer"

[[assignment]]
id = "developers"
who = { groups = ["payments-dev"] }
accounts = ["storage"]
permission_sets = ["Developer"]
"#;

/// Runs `tests/peers/python/radosgw.py` with this input.
fn script(input: &Value) -> Result<Value> {
    let mut peer = python::script("radosgw.py")?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = peer.stdin.take().context("stdin is piped")?;
    stdin.write_all(input.to_string().as_bytes())?;
    drop(stdin);
    let output = peer.wait_with_output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The claims of a token for alice.
fn claims(role: &str) -> Result<WebIdentityClaims> {
    let mut tags = RoleSessionTags::default();
    tags.add(TagKey::parse("rolecall:account")?, ACCOUNT)?;
    tags.add(TagKey::parse("rolecall:permission-set")?, "Developer")?;
    Ok(WebIdentityClaims {
        token_id: random_token(&SystemEntropy),
        role: Some(arn(role)?),
        subject: Subject::parse("example|00u-alice")?,
        audience: AUDIENCE.to_owned(),
        tags,
        source_identity: None,
    })
}

fn arn(role: &str) -> Result<RoleArn> {
    let account = AccountId::parse(ACCOUNT)?;
    Ok(RoleArn::new(
        Partition::Aws,
        account,
        RolePath::parse(role)?,
    ))
}

fn alice() -> Result<Identity> {
    Ok(Identity {
        provider: ProviderId::parse("example")?,
        subject: Subject::parse("00u-alice")?,
        email: None,
        name: None,
        groups: Vec::new(),
        claims: Claims::default(),
        unread_claims: Default::default(),
        untrusted_email: None,
        mfa: true,
        unconfirmed_mfa: None,
        asserted_at: chrono::DateTime::UNIX_EPOCH,
        auth_time: AuthTime::Stated,
        evidence: Evidence::IdToken {
            token: SecretText::new(""),
            sid: None,
        },
    })
}

/// The client of the gateway for radosgw, with tokens signed by the gateway's key.
struct Direct {
    issuer: TokenIssuer,
    sts: StsClient,
}

impl Direct {
    fn new(stack: &TestStack, ceph: &Ceph) -> Result<Self> {
        let keys = KeyDirectory::new(stack.folder().join("keys"));
        let settings = AwsSettings {
            partition: Partition::Aws,
            sts_region: Region::parse("eu-west-1")?,
            sts_fallback_regions: Vec::new(),
            role_claim: true,
            sts_endpoint: Some(Url::parse(&ceph.url())?),
            signin_endpoint: None,
        };
        Ok(Self {
            issuer: TokenIssuer::open(stack.url(), keys, Arc::new(SystemClock))?,
            sts: StsClient::new(settings, http_client()),
        })
    }

    async fn mint(&self, claims: &WebIdentityClaims) -> Result<String> {
        let token = self.issuer.mint(claims).await;
        let token = token.map_err(anyhow::Error::from_boxed)?;
        Ok(token.expose().to_owned())
    }

    /// Whether radosgw issues credentials.
    async fn accepts(&self, role: &str, token: String) -> Result<bool> {
        let request = StsRequest::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity {
            session: RoleSessionParameters {
                role: arn(role)?,
                region: None,
                duration: RoleSessionDuration::DEFAULT,
                session_policy: None,
                policy_arns: Vec::new(),
                predicted_percent: 0,
            },
            session_name: RoleSessionName::of(&alice()?),
            token: WebIdentityToken::new(token),
        });
        match self.sts.assume(&request).await {
            Ok(_) => Ok(true),
            Err(StsError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Replaces a character of the payload.
fn tampered(token: &str) -> Result<String> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next())
    else {
        anyhow::bail!("a token has three parts");
    };
    let at = payload.len() / 2;
    let other = if &payload[at..=at] == "A" { "B" } else { "A" };
    let payload = [&payload[..at], other, &payload[at + 1..]].concat();
    Ok(format!("{header}.{payload}.{signature}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_list_buckets_and_other_tokens_are_refused() -> Result<()> {
    let ceph = tokio::task::spawn_blocking(Ceph::start).await??;
    ceph.create_administrator(ACCOUNT, KEY)?;
    let stack = TestStack::start(TestStackSettings {
        access: ACCESS.to_owned(),
        sts: Some(ceph.url()),
        ..TestStackSettings::default()
    })
    .await?;
    let setup = json!({
        "do": "setup", "endpoint": ceph.url(), "key": KEY,
        "issuer": stack.url(), "audience": AUDIENCE, "role": "Developer",
    });
    let set_up = tokio::task::spawn_blocking(move || script(&setup)).await??;
    ensure!(
        set_up["role"] == "arn:aws:iam::111122223333:role/Developer",
        "{set_up}"
    );

    // A person gets credentials from the portal.
    let mut browser = stack.browser()?;
    browser.open(stack.url()).await?;
    browser.sign_in_at_provider("alice").await?;
    let page = browser.press("Credentials", &[]).await?;
    let shown = page.select("#snippet-json")?;
    let shown = shown.first().with_context(|| page.text())?;
    let credentials: Value = serde_json::from_str(shown)?;
    let list = json!({
        "do": "list", "endpoint": ceph.url(), "credentials": credentials, "bucket": "reports",
    });
    let listed = tokio::task::spawn_blocking(move || script(&list)).await??;
    ensure!(listed["buckets"] == json!(["reports"]), "{listed}");

    let direct = Direct::new(&stack, &ceph)?;
    let good = direct.mint(&claims("Developer")?).await?;
    ensure!(direct.accepts("Developer", good.clone()).await?, "refused");
    ensure!(
        !direct.accepts("Developer", tampered(&good)?).await?,
        "a tampered token is accepted"
    );
    let mut foreign = claims("Developer")?;
    foreign.audience = "other".to_owned();
    let foreign = direct.mint(&foreign).await?;
    ensure!(
        !direct.accepts("Developer", foreign).await?,
        "another audience is accepted"
    );
    for role in ["Unknown", "Forbidden"] {
        let token = direct.mint(&claims(role)?).await?;
        ensure!(!direct.accepts(role, token).await?, "{role} is issued");
    }
    ensure!(direct.accepts("Developer", good).await?, "refused");
    Ok(())
}
