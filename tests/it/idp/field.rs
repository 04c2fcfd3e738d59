//! Responses of real providers: cases of the field corpus, and variations documented by vendors.

use anyhow::{Context, Result, bail, ensure};
use rolecall_core::identity::{EmailAddress, Identity};
use rolecall_core::sign_in::{AuthnRequirements, ProviderError};
use rolecall_test_requirements::CORPUS;
use rolecall_testkit::oidc::variation::{ABSENT, RawResponse, Variation};
use rolecalld::idp::oidc::{OidcSettings, UserinfoUse};
use serde_json::{Map, Value, json};

use super::{Ended, Fixture, new_state};

mod address;
mod claims;
mod client;
mod documents;
mod fresh;
mod nested;
mod userinfo;

/// A case of the corpus; `None` without a corpus.
fn corpus(id: &str) -> Result<Option<Value>> {
    let Some(folder) = CORPUS.path_for_part() else {
        return Ok(None);
    };
    let path = folder.join(format!("field/{id}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(Some(serde_json::from_str(&text)?))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// The responses of the provider in a case.
fn variation(case: &Value) -> Variation {
    let members = |pointer: &str| object(case.pointer(pointer).cloned().unwrap_or_default());
    let userinfo = case.pointer("/case/userinfo").and_then(Value::as_array);
    Variation {
        claims: members("/case/claims"),
        token: members("/case/token"),
        discovery: members("/discovery/doc"),
        callback: members("/callback"),
        userinfo: userinfo.map(|parts| raw(parts)),
        ..Variation::default()
    }
}

fn raw(parts: &[Value]) -> RawResponse {
    let text = |at: usize| parts.get(at).and_then(Value::as_str).unwrap_or_default();
    let status = parts.first().and_then(Value::as_u64).unwrap_or_default();
    RawResponse {
        status: status.try_into().unwrap_or_default(),
        body: text(1).to_owned(),
        content_type: text(2).to_owned(),
        challenge: None,
    }
}

/// alice signs in at a provider with these responses.
async fn alice_at(variation: Variation) -> Result<Identity, Ended> {
    alice_with(variation, |_| ()).await
}

async fn alice_with(
    variation: Variation,
    adapter: impl FnOnce(&mut OidcSettings),
) -> Result<Identity, Ended> {
    let mut fixture = Fixture::with(|_| (), adapter)?;
    fixture.upstream.set_variation(variation);
    fixture
        .sign_in_as("alice", &AuthnRequirements::default())
        .await
}

/// Checks that alice is signed in with her groups and her address.
fn is_alice(case: &str, ended: Result<Identity, Ended>) -> Result<()> {
    let alice = ended.with_context(|| case.to_owned())?;
    ensure!(
        alice.groups == ["platform", "payments-dev"],
        "{case}: {:?}",
        alice.groups
    );
    let email = alice.email.as_ref().map(EmailAddress::as_str);
    ensure!(email == Some("alice@example.com"), "{case}: {email:?}");
    Ok(())
}

/// The kind and text of a rejection, as logged for the operator.
fn refused(case: &str, ended: Result<Identity, Ended>) -> Result<(&'static str, String)> {
    match ended {
        Ok(_) => bail!("{case}: signed in"),
        Err(Ended::ByTheAdapter(ProviderError::Rejected { reason, detail })) => {
            Ok((reason.code(), detail))
        }
        Err(Ended::ByTheAdapter(ProviderError::Refused { error, explanation })) => {
            Ok((error, explanation.unwrap_or_default()))
        }
        Err(Ended::ByTheAdapter(ProviderError::Misconfigured(why))) => {
            Ok(("misconfigured", why.to_string()))
        }
        Err(Ended::ByTheAdapter(ProviderError::Unavailable(why))) => {
            Ok(("unavailable", why.to_string()))
        }
        Err(other) => Err(other).with_context(|| case.to_owned()),
    }
}

#[tokio::test]
async fn unused_members_of_token_response_are_ignored() -> Result<()> {
    for id in ["C1", "C2"] {
        if let Some(case) = corpus(id)? {
            is_alice(id, alice_at(variation(&case)).await)?;
        }
    }
    for (vendor, token) in [
        (
            "AD FS 2016: numbers as text, a resource",
            json!({"expires_in": "3600", "resource": "urn:microsoft:userinfo", "refresh_token_expires_in": "28799", "scope": "openid"}),
        ),
        (
            "Keycloak: its own members",
            json!({"not-before-policy": 0, "session_state": "8f5b", "refresh_expires_in": 0, "refresh_token": null}),
        ),
        (
            "Slack and Twitch: the scope as an array",
            json!({"scope": ["openid", "email"], "ok": true, "expires_in": null}),
        ),
        (
            "Salesforce: no lifetime at all",
            json!({"expires_in": ABSENT, "instance_url": "https://x.my.salesforce.com", "issued_at": "1795940000123"}),
        ),
    ] {
        let variation = Variation {
            token: object(token),
            ..Variation::default()
        };
        is_alice(vendor, alice_at(variation).await)?;
    }
    Ok(())
}

#[tokio::test]
async fn explanation_of_the_provider_is_kept() -> Result<()> {
    if let Some(case) = corpus("K1")? {
        let mut answers = variation(&case);
        answers.callback.insert("code".to_owned(), json!(ABSENT));
        let (error, message) = refused("K1", alice_at(answers).await)?;
        ensure!(
            error == "access_denied" && message.contains("AADSTS50105: the signed in user"),
            "{message}"
        );
    }
    for (vendor, error, description, wanted) in [
        (
            "Okta",
            "access_denied",
            "User is not assigned to the client application.",
            "access_denied",
        ),
        ("Auth0", "unauthorized", "user is blocked", "other"),
        (
            "Entra ID",
            "unmet_authentication_requirements",
            "AADSTS50187: Failed to perform device authentication.",
            "unmet_authentication_requirements",
        ),
        (
            "Keycloak",
            "temporarily_unavailable",
            "authentication_expired",
            "unavailable",
        ),
    ] {
        let callback = json!({"code": ABSENT, "error": error, "error_description": description});
        let answers = Variation {
            callback: object(callback),
            ..Variation::default()
        };
        let (word, message) = refused(vendor, alice_at(answers).await)?;
        ensure!(word == wanted, "{vendor}: {word}");
        ensure!(message.contains(description), "{vendor}: {message}");
    }
    Ok(())
}

#[tokio::test]
async fn explanation_of_the_token_endpoint_is_sanitized() -> Result<()> {
    let answers = Variation {
        token_endpoint: Some(RawResponse {
            status: 401,
            body: json!({"error": "invalid_client", "error_description": format!("AADSTS7000215: Invalid client secret\u{202e}\r\n{}", "x".repeat(5_000))}).to_string(),
            content_type: "application/json; charset=utf-8".to_owned(),
            challenge: None,
        }),
        ..Variation::default()
    };
    let (word, message) = refused("Entra ID", alice_at(answers).await)?;
    ensure!(word == "misconfigured", "{word}");
    ensure!(
        message.contains("AADSTS7000215: Invalid client secret x")
            && message.contains("client_secret")
            && message.len() < 1_000,
        "{message}"
    );
    Ok(())
}
