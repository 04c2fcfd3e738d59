//! What real providers send: the cases of the field corpus, and their siblings from the documentation of vendors.

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

/// A case of the corpus; none without one.
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

/// What a case says about the provider's answers.
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

/// Alice signs in at a provider that answers like this.
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

/// That the case ends in a sign-in of Alice with her groups and her address.
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

/// What the operator reads of a sign-in that the adapter refused: a word for the kind of refusal, and the text.
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
async fn unused_members_of_the_token_answer_refuse_nobody() -> Result<()> {
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
            "Slack and Twitch: the scope as a list",
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
async fn a_providers_explanation_is_kept() -> Result<()> {
    if let Some(case) = corpus("K1")? {
        let mut answers = variation(&case);
        answers.callback.insert("code".to_owned(), json!(ABSENT));
        let (error, said) = refused("K1", alice_at(answers).await)?;
        ensure!(
            error == "access_denied" && said.contains("AADSTS50105: the signed in user"),
            "{said}"
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
        let (word, said) = refused(vendor, alice_at(answers).await)?;
        ensure!(word == wanted, "{vendor}: {word}");
        ensure!(said.contains(description), "{vendor}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_token_endpoints_explanation_is_cleaned_and_cut() -> Result<()> {
    let answers = Variation {
        token_endpoint: Some(RawResponse {
            status: 401,
            body: json!({"error": "invalid_client", "error_description": format!("AADSTS7000215: Invalid client secret\u{202e}\r\n{}", "x".repeat(5_000))}).to_string(),
            content_type: "application/json; charset=utf-8".to_owned(),
            challenge: None,
        }),
        ..Variation::default()
    };
    let (word, said) = refused("Entra ID", alice_at(answers).await)?;
    ensure!(word == "misconfigured", "{word}");
    ensure!(
        said.contains("AADSTS7000215: Invalid client secret x")
            && said.contains("client_secret")
            && said.len() < 1_000,
        "{said}"
    );
    Ok(())
}
