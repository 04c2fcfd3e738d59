//! Contents of tokens and published documents for all valid claims.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use openssl::x509::X509;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rolecall_core::aws::{
    AccountId, LoginTokenClaims, Partition, RoleArn, RolePath, RoleSessionTags, SourceIdentity,
    TagKey, WebIdentityClaims, WebIdentityIssuer as _,
};
use rolecall_core::base::limits::WEB_IDENTITY_TOKEN_CHARS_MAX;
use rolecall_core::base::secret::random_token;
use rolecall_core::identity::Subject;
use rolecall_harness::TestClock;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::verify;
use rolecalld::aws::TokenIssuer;
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory};
use rolecalld::world::SystemEntropy;
use serde_json::{Value, json};

use super::fixture::{claims, key_directory};

const ISSUER: &str = "https://sso.example.com";

fn issuer(algorithm: KeyAlgorithm, clock: &ManualClock) -> Result<TokenIssuer> {
    let (_home, directory) = key_directory(algorithm, clock.now())?;
    issuer_of(directory, clock)
}

fn issuer_of(directory: KeyDirectory, clock: &ManualClock) -> Result<TokenIssuer> {
    Ok(TokenIssuer::open(
        ISSUER,
        directory,
        Arc::new(TestClock::from(clock)),
    )?)
}

fn arbitrary_claims() -> impl Strategy<Value = WebIdentityClaims> {
    let text = "[\\p{L}\\p{N}_.:/=+@ -]{0,40}";
    (
        "[ -~äöü漢]{6,60}",
        "[!-~]{1,60}",
        proptest::collection::btree_map("[a-zA-Z][\\p{L}\\p{N}_.:/=+@-]{0,20}", text, 0..12),
        proptest::option::of("[A-Za-z0-9_+=,.@-]{2,256}"),
        proptest::option::of("[A-Za-z0-9_+=,.@-]{1,64}"),
    )
        .prop_filter_map(
            "a subject",
            |(subject, audience, wanted, source_identity, role)| {
                let mut tags = RoleSessionTags::default();
                for (key, value) in wanted {
                    // Keys that AWS treats as duplicates, and values it rejects, are not part of this test.
                    if let Ok(key) = TagKey::parse(&key) {
                        drop(tags.add(key, &value));
                    }
                }
                Some(WebIdentityClaims {
                    token_id: random_token(&SystemEntropy),
                    role: role.and_then(|name| role_arn(&name)),
                    subject: Subject::parse(&subject).ok()?,
                    audience,
                    tags,
                    source_identity: source_identity
                        .and_then(|text| SourceIdentity::parse(&text, Partition::Aws).ok()),
                })
            },
        )
}

fn role_arn(name: &str) -> Option<RoleArn> {
    let account = AccountId::parse("111122223333").ok()?;
    let role = RolePath::parse(name).ok()?;
    Some(RoleArn::new(Partition::Aws, account, role))
}

/// The exact claims of the token.
fn expected(claims: &WebIdentityClaims, now: i64) -> Value {
    let mut payload = json!({
        "iss": ISSUER,
        "sub": claims.subject.as_str(),
        "aud": claims.audience,
        "iat": now,
        "exp": now + 300,
        "jti": claims.token_id,
    });
    if let Some(role) = &claims.role {
        payload["https://aws.amazon.com/roles"] = json!([role.as_str()]);
    }
    if let Some(source_identity) = &claims.source_identity {
        payload["https://aws.amazon.com/source_identity"] = source_identity.as_str().into();
    }
    if !claims.tags.is_empty() {
        let mut tags = json!({});
        for (key, value) in claims.tags.iter() {
            tags[key] = json!([value]);
        }
        payload["https://aws.amazon.com/tags"] =
            json!({ "principal_tags": tags, "transitive_tag_keys": [] });
    }
    payload
}

#[test]
fn token_contains_exactly_the_claims() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let clock = ManualClock::starting_now();
    for (algorithm, cases) in [(KeyAlgorithm::Es256, 256), (KeyAlgorithm::Rs256, 32)] {
        let issuer = issuer(algorithm, &clock)?;
        let jwks: Value = serde_json::from_str(&issuer.jwks().body)?;
        let mut runner = TestRunner::new(Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        });
        runner.run(&arbitrary_claims(), |claims| {
            let token = runtime
                .block_on(issuer.mint(&claims))
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(token.expose().len() <= WEB_IDENTITY_TOKEN_CHARS_MAX);
            let read = verify(&jwks, token.expose())
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(read, expected(&claims, clock.now().timestamp()));
            Ok(())
        })?;
    }
    Ok(())
}

#[tokio::test]
async fn oversized_tokens_are_not_issued() -> Result<()> {
    let issuer = issuer(KeyAlgorithm::Es256, &ManualClock::starting_now())?;
    let mut large = claims()?;
    for n in 0..48 {
        large
            .tags
            .add(TagKey::parse(&format!("{n:k>100}"))?, &"漢".repeat(256))?;
    }
    let error = issuer.mint(&large).await.err().context("too long")?;
    assert!(error.to_string().contains("session tags"), "{error}");
    let short = WebIdentityClaims {
        subject: Subject::parse("a|b")?,
        ..claims()?
    };
    assert!(issuer.mint(&short).await.is_err());
    Ok(())
}

#[tokio::test]
async fn header_contains_the_key_id_and_debug_hides_the_token() -> Result<()> {
    let issuer = issuer(KeyAlgorithm::Es256, &ManualClock::starting_now())?;
    let token = issuer
        .mint(&claims()?)
        .await
        .map_err(|error| anyhow::anyhow!(error))?;
    let header = token.expose().split('.').next().context("a header")?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
    let jwks: Value = serde_json::from_str(&issuer.jwks().body)?;
    assert_eq!(
        header,
        json!({ "alg": "ES256", "kid": jwks["keys"][0]["kid"], "typ": "JWT" })
    );
    assert!(!format!("{token:?}").contains("eyJ"));
    Ok(())
}

#[tokio::test]
async fn login_token_is_not_valid_for_aws() -> Result<()> {
    let clock = ManualClock::starting_now();
    // The documents of the issuer are published elsewhere.
    let origin = "https://sso.corp.example";
    let issuer = issuer(KeyAlgorithm::Es256, &clock)?.of_gateway(origin);
    let arn = "arn:aws:sts::111122223333:assumed-role/Developer@readonly/alice@example.com-k3";
    let token = issuer
        .mint_login_token(&LoginTokenClaims {
            session_arn: arn.to_owned(),
            client_id: "arn:aws:signin:::devtools/same-device",
            expires_at: clock.now() + TimeDelta::hours(8),
        })
        .await
        .map_err(anyhow::Error::from_boxed)?;
    let jwks = serde_json::from_str(&issuer.jwks().body)?;
    assert!(
        verify(&jwks, token.expose()).is_err(),
        "it must not be signed by a key that IAM trusts"
    );
    let payload = token.expose().split('.').nth(1).context("not a JWS")?;
    let read: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let now = clock.now().timestamp();
    assert_eq!(
        read,
        json!({
            "iss": format!("{origin}/v1"), "sub": arn, "aud": "arn:aws:signin:::devtools/same-device",
            "iat": now, "exp": now + 8 * 3_600,
        })
    );
    Ok(())
}

#[test]
fn documents_have_the_members_required_by_iam() -> Result<()> {
    let clock = ManualClock::starting_now();
    for (algorithm, kty) in [(KeyAlgorithm::Es256, "EC"), (KeyAlgorithm::Rs256, "RSA")] {
        let issuer = issuer(algorithm, &clock)?;
        let discovery: Value = serde_json::from_str(&issuer.discovery().body)?;
        assert_eq!(discovery["issuer"], ISSUER);
        assert_eq!(discovery["jwks_uri"], "https://sso.example.com/jwks");
        assert_eq!(
            discovery["id_token_signing_alg_values_supported"],
            json!([algorithm.as_str()])
        );
        for member in [
            "authorization_endpoint",
            "response_types_supported",
            "subject_types_supported",
            "claims_supported",
            "scopes_supported",
        ] {
            assert!(!discovery[member].is_null(), "{member}");
        }
        let jwks: Value = serde_json::from_str(&issuer.jwks().body)?;
        let key = &jwks["keys"][0];
        assert_eq!(
            (&key["kty"], &key["alg"], &key["use"]),
            (&json!(kty), &json!(algorithm.as_str()), &json!("sig"))
        );
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key[private].is_null(), "{private}");
        }
        let certificate =
            X509::from_der(&STANDARD.decode(key["x5c"][0].as_str().context("x5c")?)?)?;
        let public = certificate.public_key()?;
        assert!(certificate.verify(&public)?);
        assert!(issuer.jwks().etag.starts_with('"') && issuer.jwks().etag.ends_with('"'));
    }
    Ok(())
}

#[test]
fn documents_change_only_with_the_keys() -> Result<()> {
    let clock = ManualClock::starting_now();
    let (_home, directory) = key_directory(KeyAlgorithm::Es256, clock.now())?;
    let issuer = issuer_of(directory.clone(), &clock)?;
    let (jwks, discovery) = (issuer.jwks(), issuer.discovery());
    clock.advance(Duration::from_secs(3_600));
    issuer.reload()?;
    assert_eq!(
        (issuer.jwks(), issuer.discovery()),
        (jwks.clone(), discovery)
    );
    directory.generate(KeyAlgorithm::Es256, clock.now())?;
    assert_eq!(issuer.jwks(), jwks, "unchanged until the reload");
    issuer.reload()?;
    let both = issuer.jwks();
    assert_ne!(both.etag, jwks.etag);
    let keys: Value = serde_json::from_str(&both.body)?;
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    Ok(())
}
