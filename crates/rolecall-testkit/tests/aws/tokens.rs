//! AssumeRoleWithWebIdentity: validation of parameters and tokens.

use anyhow::Result;
use rolecall_testkit::keys::{Algorithm, SigningKey, base64url, hs256, jwks, signing_input};
use serde_json::{Map, json};

use crate::setup::{SOURCE_IDENTITY, Setup, TAGS, timestamp};

#[tokio::test]
async fn valid_token_issues_session() -> Result<()> {
    let setup = Setup::new().await?;
    let response = setup
        .post(&setup.form_with(&[("DurationSeconds", "900")])?)
        .await?;
    response.assert_success();
    assert!(response.body.starts_with(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    ));
    for (element, expected) in [
        ("SubjectFromWebIdentityToken", "okta|00u1alice"),
        ("Audience", "sts.amazonaws.com"),
        ("Provider", setup.issuer.as_str()),
        ("SourceIdentity", "alice@example.com"),
        (
            "Arn",
            "arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com",
        ),
    ] {
        assert_eq!(response.text(element), expected);
    }
    assert_eq!(
        timestamp(response.text("Expiration"))?,
        setup.clock.now().timestamp() + 900
    );
    let issued = setup.aws.issued();
    let [session] = issued.as_slice() else {
        anyhow::bail!("one session, not {issued:?}");
    };
    assert_eq!(response.text("SecretAccessKey"), session.secret_access_key);
    assert_eq!(response.text("SessionToken"), session.session_token);
    assert_eq!(session.transitive_tag_keys, ["Team"]);
    assert_eq!(session.tags.len(), 2);
    assert!(!format!("{session:?}").contains(&session.secret_access_key));
    Ok(())
}

#[tokio::test]
async fn invalid_parameters_return_aws_messages() -> Result<()> {
    let setup = Setup::new().await?;
    let long = "x".repeat(2_049);
    for (changes, message) in [
        (
            vec![("RoleSessionName", "a b")],
            "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern",
        ),
        (
            vec![("RoleSessionName", "ä@example.com")],
            "at 'roleSessionName'",
        ),
        (
            vec![("RoleSessionName", "a")],
            "length greater than or equal to 2",
        ),
        (
            vec![("RoleSessionName", &long[..65])],
            "length less than or equal to 64",
        ),
        (
            vec![("DurationSeconds", "899")],
            "greater than or equal to 900",
        ),
        (
            vec![("DurationSeconds", "43201")],
            "less than or equal to 43200",
        ),
        (vec![("DurationSeconds", "an hour")], "at 'durationSeconds'"),
        (
            vec![("DurationSeconds", "3601")],
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role",
        ),
        (
            vec![("RoleArn", "arn:aws:iam::111122223333:user/alice")],
            "Request ARN is invalid",
        ),
        (vec![("RoleArn", "short")], "at 'roleArn'"),
        (vec![("Policy", &long)], "at 'policy'"),
        (
            vec![("PolicyArns.member.1.arn", "short")],
            "at 'policyArns.1.member.arn'",
        ),
    ] {
        setup.post(&setup.form_with(&changes)?).await?.assert_error(
            400,
            "ValidationError",
            message,
        );
    }
    let arns: Vec<String> = (1..=11)
        .map(|n| format!("PolicyArns.member.{n}.arn"))
        .collect();
    let eleven: Vec<(&str, &str)> = arns
        .iter()
        .map(|name| (name.as_str(), "arn:aws:iam::aws:policy/ReadOnlyAccess"))
        .collect();
    setup.post(&setup.form_with(&eleven)?).await?.assert_error(
        400,
        "ValidationError",
        "policyArns",
    );
    setup
        .post(&setup.form_with(&eleven[..10])?)
        .await?
        .assert_success();
    setup
        .post(&setup.form(&"x".repeat(20_001)))
        .await?
        .assert_error(400, "ValidationError", "at 'webIdentityToken'");
    let mut nothing = setup.form("x.y.z");
    nothing.truncate(2);
    setup.post(&nothing).await?.assert_error(
        400,
        "ValidationError",
        "3 validation errors detected",
    );
    nothing.truncate(1);
    setup
        .post(&nothing)
        .await?
        .assert_error(400, "InvalidAction", "Could not find operation");
    Ok(())
}

#[tokio::test]
async fn invalid_claims_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let now = setup.clock.now().timestamp();
    let invalid = |message| (400, "InvalidIdentityToken", message);
    for (changes, (status, code, message)) in [
        (
            json!({"iss": "https://elsewhere.example"}),
            invalid(
                "No OpenIDConnect provider found in your account for https://elsewhere.example",
            ),
        ),
        (
            json!({"iss": format!("{}/", setup.issuer)}),
            invalid("No OpenIDConnect provider found"),
        ),
        (json!({"iss": null}), invalid("not a valid JWT")),
        (json!({"aud": "other"}), invalid("Incorrect token audience")),
        (
            json!({"aud": ["other"]}),
            invalid("Incorrect token audience"),
        ),
        (
            json!({"aud": null}),
            invalid("Missing a required claim: aud"),
        ),
        (json!({"azp": "other"}), invalid("Incorrect token audience")),
        (
            json!({"exp": now - 300}),
            (
                400,
                "ExpiredTokenException",
                "Token expired: current date/time",
            ),
        ),
        (
            json!({"exp": null}),
            invalid("Missing a required claim: exp"),
        ),
        (
            json!({"exp": now as f64 + 300.5}),
            invalid("exp must be an integer"),
        ),
        (
            json!({"exp": (now + 300).to_string()}),
            invalid("exp must be an integer"),
        ),
        (
            json!({"iat": null}),
            invalid("Missing a required claim: iat"),
        ),
        (
            json!({"iat": now as f64 + 0.5}),
            invalid("iat must be an integer"),
        ),
        (json!({"iat": now + 301}), invalid("issued in the future")),
        (
            json!({"sub": null}),
            invalid("Missing a required claim: sub"),
        ),
        (json!({"sub": "alice"}), invalid("6 to 255 characters")),
        (
            json!({"sub": "a".repeat(256)}),
            invalid("6 to 255 characters"),
        ),
        (
            json!({TAGS: {"principal_tags": {"Team": "flat"}}}),
            invalid("documented form"),
        ),
        (
            json!({TAGS: {"principal_tags": {"Team": ["a"], "TEAM": ["b"]}}}),
            (400, "InvalidParameterValue", "Duplicate tag keys found"),
        ),
        (
            json!({TAGS: {"principal_tags": {"aws:x": ["a"]}}}),
            (400, "ValidationError", "reserved prefix"),
        ),
        (
            json!({SOURCE_IDENTITY: ["alice"]}),
            invalid("must be a string"),
        ),
        (
            json!({SOURCE_IDENTITY: "a b@example.com"}),
            (400, "ValidationError", "at 'sourceIdentity'"),
        ),
        (
            json!({SOURCE_IDENTITY: "a"}),
            (400, "ValidationError", "at 'sourceIdentity'"),
        ),
        (
            json!({SOURCE_IDENTITY: "aws:alice@example.com"}),
            (400, "ValidationError", "reserved prefix"),
        ),
    ] {
        setup
            .present(&setup.token_with(&changes)?)
            .await?
            .assert_error(status, code, message);
    }
    // Five minutes of clock skew, two audiences, and a registered authorized party are accepted.
    for changes in [
        json!({"exp": now - 299}),
        json!({"aud": ["other", "sts.amazonaws.com"]}),
        json!({"azp": "sts.amazonaws.com", "aud": "other"}),
        json!({"sub": "a".repeat(255)}),
    ] {
        setup
            .present(&setup.token_with(&changes)?)
            .await?
            .assert_success();
    }
    assert_eq!(setup.aws.issued().len(), 4);
    Ok(())
}

#[tokio::test]
async fn forged_tokens_are_rejected() -> Result<()> {
    let setup = Setup::new().await?;
    let good = setup.token()?;
    let claims = setup.claims();
    let payload = claims.to_string();
    let unpublished_key = SigningKey::generate(Algorithm::Es256)?.with_kid(setup.key.kid());
    let header = |alg: &str, kid: &str| {
        Map::from_iter([
            ("alg".to_owned(), json!(alg)),
            ("kid".to_owned(), json!(kid)),
        ])
    };
    let confused = signing_input(&header("HS256", setup.key.kid()), payload.as_bytes())?;
    let confused = format!(
        "{confused}.{}",
        base64url(hs256(&setup.key.public_pem()?, confused.as_bytes())?)
    );
    let unsigned = signing_input(&header("none", setup.key.kid()), payload.as_bytes())?;
    let bad_signature = "The signature of the token is not valid";
    let no_key = "Couldn't retrieve verification key from your identity provider";
    for (token, message) in [
        (unpublished_key.jwt(&claims)?, bad_signature),
        (format!("{}AAA", &good[..good.len() - 3]), bad_signature),
        (confused, bad_signature),
        (format!("{unsigned}."), bad_signature),
        (
            setup
                .key
                .jws(&header("RS256", setup.key.kid()), payload.as_bytes())?,
            bad_signature,
        ),
        (setup.key.clone().with_kid("unknown").jwt(&claims)?, no_key),
        (
            setup.key.jws(
                &Map::from_iter([("alg".to_owned(), json!("ES256"))]),
                payload.as_bytes(),
            )?,
            no_key,
        ),
        ("not-a-token".to_owned(), "not a valid JWT"),
        ("a.b.c.d".to_owned(), "not a valid JWT"),
        (format!("{good}="), "not a valid JWT"),
    ] {
        setup
            .present(&token)
            .await?
            .assert_error(400, "InvalidIdentityToken", message);
    }
    assert!(setup.aws.issued().is_empty());
    Ok(())
}

#[tokio::test]
async fn keys_are_cached_until_unknown_kid() -> Result<()> {
    let mut setup = Setup::new().await?;
    let fetched = |setup: &Setup| setup.published().fetched;
    setup.present(&setup.token()?).await?.assert_success();
    setup.present(&setup.token()?).await?.assert_success();
    assert_eq!(fetched(&setup), 1);
    // After a rotation, an unknown `kid` causes another fetch before the cache expires.
    setup.key = SigningKey::generate(Algorithm::Rs256)?;
    setup.published().jwks = jwks([&setup.key])?;
    setup.present(&setup.token()?).await?.assert_success();
    assert_eq!(fetched(&setup), 2);
    setup.clock.advance(std::time::Duration::from_secs(3_600));
    setup.present(&setup.token()?).await?.assert_success();
    assert_eq!(fetched(&setup), 3);
    Ok(())
}

#[tokio::test]
async fn unavailable_or_malformed_issuer_is_rejected() -> Result<()> {
    let no_key = "Couldn't retrieve verification key from your identity provider";
    for member in ["kid", "alg"] {
        let setup = Setup::new().await?;
        setup.published().jwks["keys"][0]
            .as_object_mut()
            .map(|key| key.remove(member));
        setup
            .present(&setup.token()?)
            .await?
            .assert_error(400, "InvalidIdentityToken", no_key);
    }
    for discovery in [
        json!({}),
        json!("text"),
        json!({"issuer": "https://elsewhere.example"}),
    ] {
        let setup = Setup::new().await?;
        setup.published().discovery = Some(discovery);
        setup
            .present(&setup.token()?)
            .await?
            .assert_error(400, "InvalidIdentityToken", no_key);
    }
    let mut setup = Setup::new().await?;
    setup.published().jwks = json!({"keys": vec![json!({"kty": "oct"}); 100]});
    setup.published().jwks["keys"]
        .as_array_mut()
        .map(|keys| setup.key.jwk().map(|key| keys.push(key)));
    setup
        .present(&setup.token()?)
        .await?
        .assert_error(400, "InvalidIdentityToken", no_key);
    setup.server = None;
    setup
        .present(&setup.token()?)
        .await?
        .assert_error(400, "IDPCommunicationError", "");
    Ok(())
}

#[tokio::test]
async fn session_policies_are_validated() -> Result<()> {
    let setup = Setup::new().await?;
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let response = setup.post(&setup.form_with(&[("Policy", allow)])?).await?;
    response.assert_success();
    assert!(response.text("PackedPolicySize").parse::<u8>()? > 0);
    for malformed in [
        "{",
        "[]",
        "{}",
        r#"{"Statement":[{"Effect":"Perhaps"}]}"#,
        r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#,
    ] {
        setup
            .post(&setup.form_with(&[("Policy", malformed)])?)
            .await?
            .assert_error(400, "MalformedPolicyDocument", "");
    }
    let tags: Map<String, serde_json::Value> = (0..10)
        .map(|n| (format!("tag{n}"), json!(["v".repeat(200)])))
        .collect();
    let mut heavy = json!({"principal_tags": tags});
    heavy["principal_tags"]["rolecall:account"] = json!([crate::setup::ACCOUNT]);
    setup
        .present(&setup.token_with(&json!({TAGS: heavy}))?)
        .await?
        .assert_error(400, "PackedPolicyTooLarge", "% of allotted space");
    let plain = setup.present(&setup.token()?).await?;
    assert!(plain.text("PackedPolicySize").parse::<u8>()? < 10);
    Ok(())
}
