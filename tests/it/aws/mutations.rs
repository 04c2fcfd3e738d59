//! Ten thousand tokens that differ from a good one in what AWS must check: none of them is accepted.

mod claims;
mod simulated;

use std::sync::{Arc, OnceLock};

use actix_web::{HttpResponse, web};
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall_core::aws::{
    AccountId, AssumeRoleWithWebIdentity, Partition, RoleArn, RolePath, RoleSessionDuration,
    RoleSessionName, RoleSessionParameters, Sts as _, StsError, StsRequest, TagKey,
    WebIdentityIssuer as _,
};
use rolecall_core::base::secret::WebIdentityToken;
use rolecall_harness::TestClock;
use rolecall_testkit::aws::{Aws, AwsSettings as Emulated, Role};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::{Algorithm, SigningKey, base64url, hs256, jwks, signing_input};
use rolecall_testkit::serve::LocalServer;
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, TokenIssuer, http_client};
use serde_json::{Map, Value, json};

use super::fixture::{ACCOUNT, AUDIENCE, alice, claims as token_claims, key_directory, settings};
use claims::{CLAIM_KINDS, mutate};

const MUTATIONS: usize = 10_000;
/// Kinds of [`Forge::unsigned`].
const SIGNATURE_KINDS: usize = 6;
const ROLES: &str = "https://aws.amazon.com/roles";
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

type Claims = Map<String, Value>;

/// An issuer whose key the test holds, and an AWS with a role that trusts it as narrowly as the documentation recommends.
struct Forge {
    clock: ManualClock,
    key: SigningKey,
    others: [SigningKey; 2],
    good: Claims,
    sts: StsClient,
    role: RoleArn,
    _aws: Aws,
    _documents: LocalServer,
}

impl Forge {
    async fn new() -> Result<Self> {
        Self::with(|host| Ok((provider(host), narrow_policy(host)))).await
    }

    /// With roles that have the trust policy for a host, and the ARN of its provider.
    async fn with(policy: impl Fn(&str) -> Result<(String, Value)>) -> Result<Self> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let others = [
            SigningKey::generate(Algorithm::Es256)?.with_kid(key.kid()),
            SigningKey::generate(Algorithm::Rs256)?,
        ];
        let documents = documents(&key)?;
        let issuer = documents.url();
        let clock = ManualClock::starting_now();
        let aws = Aws::start(Emulated {
            clock: clock.clock(),
            requests_kept: 0,
            ..Emulated::default()
        })?;
        let account = aws.account(ACCOUNT)?;
        let created = account.oidc_provider(&issuer, &[AUDIENCE])?;
        let (provider, trust) = policy(issuer.trim_start_matches("http://"))?;
        ensure!(provider == created, "{provider}");
        account.role("rolecall/Developer", Role::with_trust_policy(trust.clone()))?;
        account.role("rolecall/Administrator", Role::with_trust_policy(trust))?;
        let role = RoleArn::new(
            Partition::Aws,
            AccountId::parse(ACCOUNT)?,
            RolePath::parse("rolecall/Developer")?,
        );
        Ok(Self {
            good: good_claims(&issuer, &role, &clock).await?,
            sts: StsClient::new(settings(Some(&aws))?, http_client()),
            clock,
            key,
            others,
            role,
            _aws: aws,
            _documents: documents,
        })
    }

    async fn accepts(&self, token: String) -> Result<bool> {
        let request = StsRequest::AssumeRoleWithWebIdentity(AssumeRoleWithWebIdentity {
            session: RoleSessionParameters {
                role: self.role.clone(),
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

    fn sign(&self, claims: &Claims) -> Result<String> {
        self.key.jwt(&Value::Object(claims.clone()))
    }

    /// The mutation with this number: a kind, and a value that differs from the good one.
    fn mutation(&self, number: usize) -> Result<(String, String)> {
        let kinds = CLAIM_KINDS + SIGNATURE_KINDS;
        // Each kind counts for itself, so that each of its values is reached.
        let (kind, variant) = (number % kinds, number / kinds);
        if kind >= CLAIM_KINDS {
            return self.unsigned(kind - CLAIM_KINDS, variant);
        }
        let mut claims = self.good.clone();
        let name = mutate(&mut claims, kind, variant, self.clock.now().timestamp())?;
        ensure!(claims != self.good, "{name} {variant} changed nothing");
        Ok((format!("{name} {variant}"), self.sign(&claims)?))
    }

    /// Mutations of header and signature.
    fn unsigned(&self, kind: usize, variant: usize) -> Result<(String, String)> {
        let good = self.sign(&self.good)?;
        let (signed, signature) = good.rsplit_once('.').context("three parts")?;
        let payload = serde_json::to_vec(&self.good)?;
        let with_header = |changes: Value| -> Result<String> {
            let mut header = self.key.header();
            for (name, value) in changes.as_object().context("an object")? {
                match value.is_null() {
                    true => drop(header.remove(name)),
                    false => drop(header.insert(name.clone(), value.clone())),
                }
            }
            signing_input(&header, &payload)
        };
        let token = match kind {
            // One bit of the signature.
            0 => {
                let mut bytes = URL_SAFE_NO_PAD.decode(signature)?;
                let bit = variant % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                format!("{signed}.{}", base64url(bytes))
            }
            // The payload, under the old signature.
            1 => {
                let mut claims = self.good.clone();
                claims.insert(format!("added-{variant}"), json!(variant));
                let (header, _) = signed.split_once('.').context("two parts")?;
                format!(
                    "{header}.{}.{signature}",
                    base64url(serde_json::to_vec(&claims)?)
                )
            }
            // Another key with the same id, and a key that is not published.
            2 => self.others[variant % 2].jwt(&Value::Object(self.good.clone()))?,
            // No algorithm, and none that the key has.
            3 => {
                let algorithms = [
                    "none", "None", "", "HS256", "RS256", "ES384", "EdDSA", "es256",
                ];
                let name = algorithms[variant % algorithms.len()];
                let input = with_header(json!({ "alg": name }))?;
                match variant / algorithms.len() % 3 {
                    0 => format!("{input}."),
                    1 => format!("{input}.{signature}"),
                    _ => {
                        let forged = hs256(&self.key.public_pem()?, input.as_bytes())?;
                        format!("{input}.{}", base64url(forged))
                    }
                }
            }
            // A key id that is not published, or none.
            4 => {
                let kid = match variant % 2 {
                    0 => Value::Null,
                    _ => json!(format!("kid-{variant}")),
                };
                let input = with_header(json!({ "kid": kid }))?;
                let own = self.key.sign(input.as_bytes())?;
                format!("{input}.{}", base64url(own))
            }
            // Parts missing or added.
            _ => match variant % 4 {
                0 => signed.to_owned(),
                1 => format!("{good}.x"),
                2 => good[..good.len() - 1 - variant % 60].to_owned(),
                _ => good[1 + variant % 30..].to_owned(),
            },
        };
        Ok((format!("signature {kind} {variant}"), token))
    }
}

/// The ARN of the provider of this issuer.
fn provider(host: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}")
}

/// A trust policy that accepts only the good token.
fn narrow_policy(host: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": provider(host) },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": {
            "StringEquals": {
                format!("{host}:aud"): AUDIENCE,
                format!("{host}:sub"): "okta|00u1alice",
                "aws:RequestTag/rolecall:account": ACCOUNT,
                "aws:RequestTag/rolecall:permission-set": "Developer",
                "aws:RequestTag/team": "payments",
                "sts:SourceIdentity": "alice@example.com",
            },
            "Bool": { "sts:RoleAuthorizedByIdp": "true" },
        },
    }]})
}

/// The claims of a token that the gateway makes.
async fn good_claims(issuer: &str, role: &RoleArn, clock: &ManualClock) -> Result<Claims> {
    let (_home, directory) = key_directory(KeyAlgorithm::Es256, clock.now())?;
    let gateway = TokenIssuer::open(issuer, directory, Arc::new(TestClock::from(clock)))?;
    let mut claims = token_claims()?;
    claims.role = Some(role.clone());
    claims.tags.add(TagKey::parse("team")?, "payments")?;
    let token = gateway
        .mint(&claims)
        .await
        .map_err(anyhow::Error::from_boxed)?;
    let payload = token.expose().split('.').nth(1).context("a payload")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// The issuer's two documents.
fn documents(key: &SigningKey) -> Result<LocalServer> {
    let keys = jwks([key])?;
    let own: Arc<OnceLock<String>> = Arc::default();
    let served = Arc::clone(&own);
    let server = LocalServer::start(0, move |routes| {
        let (issuer, keys) = (Arc::clone(&served), keys.clone());
        let discovery = move || {
            let issuer = issuer.get().cloned().unwrap_or_default();
            async move {
                HttpResponse::Ok().json(json!({
                    "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
                    "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                }))
            }
        };
        let jwks = move || {
            let keys = keys.clone();
            async move { HttpResponse::Ok().json(keys) }
        };
        routes
            .route(
                "/.well-known/openid-configuration",
                web::get().to(discovery),
            )
            .route("/jwks", web::get().to(jwks));
    })?;
    own.set(server.url()).ok().context("set once")?;
    Ok(server)
}

#[tokio::test]
async fn no_mutation_of_a_good_token_is_accepted() -> Result<()> {
    let forge = Forge::new().await?;
    let good = forge.sign(&forge.good)?;
    ensure!(
        forge.accepts(good.clone()).await?,
        "the good token is accepted"
    );
    for number in 0..MUTATIONS {
        let (name, token) = forge.mutation(number)?;
        ensure!(!forge.accepts(token).await?, "accepted: {name}");
    }
    ensure!(
        forge.accepts(good).await?,
        "the good token is still accepted"
    );
    Ok(())
}
