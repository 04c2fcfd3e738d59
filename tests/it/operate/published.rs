//! A gateway that AWS cannot reach: the documents of its issuer are in a bucket.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use rolecall_core::base::Clock as _;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::aws::{Aws, Role};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::bucket::Bucket;
use rolecalld::aws::IssuerDocuments;
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory, SigningKey, Urgency};
use rolecalld::world::SystemClock;
use serde_json::{Value, json};

use super::{PROD, credentials, get, sign_in, until};
use crate::cli::rolecalld;

/// A stack whose issuer is a bucket, and the browser of alice.
struct Fixture {
    stack: TestStack,
    bucket: Arc<Bucket>,
    alice: Browser,
}

/// Uploads the documents of the current keys.
fn upload(bucket: &Bucket, keys: &KeyDirectory) -> Result<()> {
    let documents = IssuerDocuments::new(&bucket.url(), &keys.load(SystemClock.now())?);
    bucket.put("/jwks", documents.jwks.body.as_bytes());
    bucket.put(
        "/.well-known/openid-configuration",
        documents.discovery.body.as_bytes(),
    );
    Ok(())
}

/// Makes the role of [`PROD`] trust the bucket alone.
fn trust(aws: &Aws, bucket: &Bucket) -> Result<()> {
    let account = aws.account(PROD.0)?;
    let provider = account.oidc_provider(&bucket.url(), &["sts.amazonaws.com"])?;
    let audience = format!("{}:aud", bucket.url().trim_start_matches("http://"));
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": { "StringEquals": { audience: "sts.amazonaws.com" } },
    }] });
    account.role(
        &format!("rolecall/{}", PROD.1),
        Role::with_trust_policy(policy),
    )?;
    Ok(())
}

impl Fixture {
    async fn new() -> Result<Self> {
        let bucket = Arc::new(Bucket::start()?);
        let prepared = Arc::clone(&bucket);
        let stack = TestStack::start(TestStackSettings {
            issuer_url: Some(bucket.url()),
            prepare_aws: Some(Box::new(move |aws: &Aws, folder: &Path| {
                upload(&prepared, &KeyDirectory::new(folder.join("keys")))?;
                trust(aws, &prepared)?;
                Ok(None)
            })),
            ..TestStackSettings::default()
        })
        .await?;
        let mut alice = stack.browser()?;
        sign_in(&stack.at("/"), &mut alice, "alice").await?;
        let fixture = Self {
            stack,
            bucket,
            alice,
        };
        fixture
            .until_metric("rolecall_issuer_documents_current 1")
            .await?;
        Ok(fixture)
    }

    fn keys(&self) -> KeyDirectory {
        KeyDirectory::new(self.stack.folder().join("keys"))
    }

    async fn metrics(&self) -> Result<String> {
        Ok(
            get(&format!("http://{}/metrics", self.stack.gateway.management))
                .await?
                .1,
        )
    }

    async fn until_metric(&self, line: &str) -> Result<()> {
        until(line, async || {
            Ok(self
                .metrics()
                .await?
                .lines()
                .any(|there| there == line)
                .then_some(()))
        })
        .await
    }

    /// The `kid` of the token with which alice gets credentials from AWS.
    async fn signing_key(&self) -> Result<String> {
        let (status, issued) = credentials(&self.alice, PROD).await?;
        ensure!(status == StatusCode::OK, "{issued}");
        let requests = self.stack.aws.requests();
        let tokens = requests
            .iter()
            .rev()
            .find_map(|request| request.field("WebIdentityToken"));
        let header = tokens
            .and_then(|token| token.split('.').next())
            .context("no token")?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
        Ok(header["kid"].as_str().context("no kid")?.to_owned())
    }

    /// Waits until the gateway has loaded this key.
    async fn until_loaded(&self, id: &str) -> Result<()> {
        until(id, async || {
            Ok(get(&self.stack.at("/jwks"))
                .await?
                .1
                .contains(id)
                .then_some(()))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_verifies_tokens_with_published_documents_only() -> Result<()> {
    let fixture = Fixture::new().await?;
    let active = fixture.keys().load(SystemClock.now())?.active;
    let before = fixture.bucket.requests();
    ensure!(fixture.signing_key().await? == active.id().as_str());
    ensure!(
        fixture.bucket.requests() > before,
        "AWS did not fetch the documents"
    );
    let metrics = fixture.metrics().await?;
    ensure!(!metrics.contains("route=\"/jwks\""), "{metrics}");
    // The gateway serves the same documents, for comparison.
    for path in ["/jwks", "/.well-known/openid-configuration"] {
        let (_, own) = get(&fixture.stack.at(path)).await?;
        ensure!(fixture.bucket.get(path).as_ref() == Some(&own), "{own}");
    }
    let ran = rolecalld(
        fixture.stack.folder(),
        &["check", "--config", "rolecall.toml", "--online"],
    )?;
    ensure!(
        ran.code == 0
            && ran.out.contains("issuer.url: ok\n  /.well-known/openid-configuration and /jwks match the issuer and keys of this installation\n"),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateway_signs_with_a_published_key() -> Result<()> {
    let fixture = Fixture::new().await?;
    let keys = fixture.keys();
    let first = fixture.signing_key().await?;
    // The next key becomes active before anybody uploads it.
    let second = keys.generate(KeyAlgorithm::Es256, SystemClock.now())?.id;
    keys.rotate(Urgency::Emergency, SystemClock.now())?;
    fixture.until_loaded(second.as_str()).await?;
    fixture
        .until_metric("rolecall_issuer_documents_current 0")
        .await?;
    ensure!(
        fixture.signing_key().await? == first,
        "AWS cannot find the new key"
    );
    let ran = rolecalld(
        fixture.stack.folder(),
        &["check", "--config", "rolecall.toml", "--online"],
    )?;
    ensure!(
        ran.code == 1 && ran.err.contains(&format!("issuer.url: the key set does not contain the active key, {second}: AWS refuses its tokens\n  hint: run `rolecalld keys publish`")),
        "{ran:?}"
    );

    // A change of the keys is compared at once.
    let third = keys.generate(KeyAlgorithm::Es256, SystemClock.now())?.id;
    upload(&fixture.bucket, &keys)?;
    fixture.until_loaded(third.as_str()).await?;
    fixture
        .until_metric("rolecall_issuer_documents_current 1")
        .await?;
    ensure!(fixture.signing_key().await? == second.as_str());

    // A retired key does not sign, wherever it is published.
    let retired = fixture.bucket.get("/jwks").context("no key set")?;
    keys.retire(&second, Urgency::Emergency, SystemClock.now())?;
    let fourth = keys.generate(KeyAlgorithm::Es256, SystemClock.now())?.id;
    fixture.until_loaded(fourth.as_str()).await?;
    ensure!(fixture.bucket.get("/jwks") == Some(retired));
    ensure!(fixture.signing_key().await? == third.as_str());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_key_is_reported_while_the_gateway_serves() -> Result<()> {
    let fixture = Fixture::new().await?;
    fixture
        .until_metric("rolecall_issuer_foreign_keys 0")
        .await?;
    let full = format!("http://{}/readyz?full", fixture.stack.gateway.management);
    ensure!(get(&full).await?.0 == StatusCode::OK);
    let keys = fixture.keys();
    keys.generate(KeyAlgorithm::Es256, SystemClock.now())?;
    upload(&fixture.bucket, &keys)?;
    let mut jwks: Value =
        serde_json::from_str(&fixture.bucket.get("/jwks").context("no key set")?)?;
    let foreign = SigningKey::generate(KeyAlgorithm::Es256, SystemClock.now())?;
    jwks["keys"]
        .as_array_mut()
        .context("keys")?
        .push(foreign.jwk().clone());
    fixture.bucket.put("/jwks", jwks.to_string());
    fixture
        .until_metric("rolecall_issuer_foreign_keys 1")
        .await?;
    fixture
        .until_metric("rolecall_issuer_documents_current 0")
        .await?;
    let (status, text) = get(&full).await?;
    ensure!(
        status == StatusCode::SERVICE_UNAVAILABLE
            && text == "the published issuer documents do not match\n",
        "{text}"
    );
    // Traffic is still routed here.
    let ready = format!("http://{}/readyz", fixture.stack.gateway.management);
    ensure!(get(&ready).await?.0 == StatusCode::OK);
    let ran = rolecalld(
        fixture.stack.folder(),
        &["check", "--config", "rolecall.toml", "--online"],
    )?;
    ensure!(
        ran.code == 1
            && ran.err.contains(&format!("issuer.url: the key set contains the key {:?}, which is not a key of this installation\n  hint: the owner of that key can assume every role", foreign.id().as_str())),
        "{ran:?}"
    );
    Ok(())
}
