//! Successful sign-ins: identity, authorization request, sign-out; and misused codes.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::TimeDelta;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::{ClaimPath, EmailAddress, EmailDomain, Evidence, Identity};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, IdentityProvider as _, ProviderError, RejectReason,
};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::oidc::{GroupsClaim, Person};
use serde_json::json;

use super::{
    CALLBACK, CLIENT_ID, Ended, Fixture, StepUpRule, new_adapter, new_state, parameter, redirect,
    settings_for,
};

#[tokio::test]
async fn identity_contains_the_claims() -> Result<()> {
    let mut fixture = Fixture::new()?;
    let alice = fixture.sign_in("alice").await?;
    ensure!(alice.subject.as_str() == "00u-alice");
    ensure!(alice.email.as_ref().map(EmailAddress::as_str) == Some("alice@example.com"));
    ensure!(alice.name.as_deref() == Some("Alice"));
    ensure!(alice.groups == ["platform", "payments-dev"]);
    ensure!(alice.mfa);
    ensure!(at(&alice) == Some(fixture.clock.now().timestamp()));
    ensure!(fixture.upstream.hits("/userinfo") == 0);
    let mut fixture = Fixture::new()?;
    let bob = fixture.sign_in("bob").await?;
    ensure!(!bob.mfa && bob.groups == ["payments-dev"]);
    Ok(())
}

#[tokio::test]
async fn every_key_type_is_accepted() -> Result<()> {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let mut fixture = Fixture::with(|upstream| upstream.keys = vec![algorithm], |_| ())?;
        fixture.sign_in("alice").await?;
    }
    Ok(())
}

#[tokio::test]
async fn groups_can_be_in_userinfo() -> Result<()> {
    let mut fixture = Fixture::with(|upstream| upstream.groups = GroupsClaim::Userinfo, |_| ())?;
    let alice = fixture.sign_in("alice").await?;
    ensure!(alice.groups == ["platform", "payments-dev"]);
    ensure!(fixture.upstream.hits("/userinfo") == 1);
    let mut nowhere = Fixture::with(|upstream| upstream.groups = GroupsClaim::Omitted, |_| ())?;
    ensure!(nowhere.sign_in("alice").await?.groups.is_empty());
    Ok(())
}

#[tokio::test]
async fn groups_can_be_in_a_nested_claim() -> Result<()> {
    let roles = json!({"roles": ["reader", "writer"]});
    let mut fixture = Fixture::with(
        |upstream| upstream.people = vec![Person::new("dora").claim("realm_access", roles)],
        |adapter| adapter.claims.groups = ClaimPath::parse("/realm_access/roles"),
    )?;
    ensure!(fixture.sign_in("dora").await?.groups == ["reader", "writer"]);
    Ok(())
}

#[tokio::test]
async fn issuer_can_have_a_path() -> Result<()> {
    let mut fixture = Fixture::with(
        |upstream| upstream.path = "/oauth2/default".to_owned(),
        |_| (),
    )?;
    ensure!(fixture.upstream.issuer().ends_with("/oauth2/default"));
    fixture.sign_in("alice").await?;
    Ok(())
}

#[tokio::test]
async fn additional_audience_requires_azp() -> Result<()> {
    let audiences = json!([CLIENT_ID, "portal"]);
    let dora = Person::new("dora").claim("aud", audiences);
    let people = vec![
        dora.clone().claim("azp", CLIENT_ID),
        Person {
            username: "without-azp".to_owned(),
            ..dora
        },
    ];
    let mut listed = Fixture::with(
        |upstream| upstream.people = people.clone(),
        |adapter| adapter.extra_audiences = vec!["portal".to_owned()],
    )?;
    listed.sign_in("dora").await?;
    let mut listed = Fixture::with(
        |upstream| upstream.people = people.clone(),
        |adapter| adapter.extra_audiences = vec!["portal".to_owned()],
    )?;
    ensure!(audience_refused(listed.sign_in("without-azp").await));
    let mut unlisted = Fixture::with(|upstream| upstream.people = people.clone(), |_| ())?;
    ensure!(audience_refused(unlisted.sign_in("dora").await));
    Ok(())
}

fn audience_refused(ended: Result<Identity, Ended>) -> bool {
    matches!(
        ended,
        Err(Ended::ByTheAdapter(ProviderError::Rejected {
            reason: RejectReason::Audience,
            ..
        }))
    )
}

#[tokio::test]
async fn workspace_domain_is_a_mail_domain() -> Result<()> {
    let domain = EmailDomain::parse("example.com")?;
    let mut fixture = Fixture::with(
        |upstream| {
            for person in &mut upstream.people {
                person.hosted_domain = Some("example.com".to_owned());
            }
        },
        |adapter| {
            adapter.domains.clear();
            adapter.hosted_domain = Some(domain.clone());
        },
    )?;
    ensure!(fixture.adapter.domains() == [domain]);
    ensure!(fixture.sign_in("alice").await?.email.is_some());
    Ok(())
}

#[tokio::test]
async fn public_client_needs_no_secret() -> Result<()> {
    let mut fixture = Fixture::with(
        |upstream| {
            for client in &mut upstream.clients {
                client.secret = None;
            }
        },
        |adapter| adapter.client_secret = None,
    )?;
    fixture.sign_in("alice").await?;
    Ok(())
}

#[tokio::test]
async fn authorization_request_has_all_parameters() -> Result<()> {
    let fixture = Fixture::with(
        |_| (),
        |adapter| {
            adapter.hosted_domain = EmailDomain::parse("example.com").ok();
            let contexts = vec!["urn:mfa:one".to_owned(), "urn:mfa:two".to_owned()];
            adapter.step_up = StepUpRule::new(contexts, None);
        },
    )?;
    let state = new_state();
    let requirements = AuthnRequirements {
        fresh: true,
        second_factor: true,
        silent: false,
        login_hint: EmailAddress::parse("alice@example.com").ok(),
    };
    let url = redirect(fixture.adapter.begin(&state, &requirements).await?.0)?;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", CALLBACK),
        ("state", state.expose()),
        ("code_challenge_method", "S256"),
        ("scope", "openid email profile groups"),
        ("prompt", "login"),
        ("max_age", "1"),
        ("login_hint", "alice@example.com"),
        ("hd", "example.com"),
        ("acr_values", "urn:mfa:one urn:mfa:two"),
    ] {
        ensure!(parameter(&url, name)? == value, "{name} in {url}");
    }
    let again = redirect(fixture.adapter.begin(&state, &requirements).await?.0)?;
    for name in ["nonce", "code_challenge"] {
        let value = parameter(&url, name)?;
        ensure!(value.len() == 43, "{name} does not have 256 bits: {value}");
        ensure!(
            value != parameter(&again, name)?,
            "{name} was repeated: {value}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn silent_sign_in_shows_no_page() -> Result<()> {
    let mut fixture = Fixture::new()?;
    let silent = AuthnRequirements {
        silent: true,
        ..AuthnRequirements::default()
    };
    // Without a session at the provider.
    let refused = fixture.sign_in_as("alice", &silent).await;
    ensure!(refused.is_err(), "{refused:?}");
    fixture.sign_in("alice").await?;
    let alice = fixture.sign_in_as("alice", &silent).await?;
    ensure!(alice.subject.as_str() == "00u-alice");
    let (challenge, _) = fixture.adapter.begin(&new_state(), &silent).await?;
    let url = redirect(challenge)?;
    let prompts: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name == "prompt")
        .collect();
    ensure!(prompts == [("prompt".into(), "none".into())], "{url}");
    Ok(())
}

#[tokio::test]
async fn remembered_sign_in_is_not_fresh() -> Result<()> {
    let fresh = AuthnRequirements {
        fresh: true,
        second_factor: false,
        silent: false,
        login_hint: None,
    };
    let mut fixture = Fixture::new()?;
    fixture.sign_in("alice").await?;
    fixture.clock.advance(Duration::from_secs(600));
    // The provider reauthenticates and reports the time.
    let alice = fixture.sign_in_as("alice", &fresh).await?;
    ensure!(at(&alice) == Some(fixture.clock.now().timestamp()));
    // A provider that uses the existing session, as if prompt and max_age had been removed.
    fixture.clock.advance(Duration::from_secs(600));
    let state = new_state();
    let (challenge, correlation) = fixture.adapter.begin(&state, &fresh).await?;
    let mut url = redirect(challenge)?;
    let kept: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name != "prompt" && name != "max_age")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    let page = fixture.browser.open(url.as_str()).await?;
    let callback = super::callback(page.url(), &state).context("no code")?;
    let ended = fixture.adapter.complete(correlation, callback).await;
    ensure!(rejected(&ended.map(drop), RejectReason::NotFresh));
    Ok(())
}

#[tokio::test]
async fn foreign_code_is_rejected() -> Result<()> {
    let (mut one, mut other) = (Fixture::new()?, Fixture::new()?);
    let ours = one
        .visit_provider("alice", &AuthnRequirements::default())
        .await?;
    let theirs = other
        .visit_provider("alice", &AuthnRequirements::default())
        .await?;
    // Mix-up attack: the response of another provider at our callback. Its iss is rejected before any request.
    let ended = one
        .adapter
        .complete(ours.correlation.clone(), theirs.callback)
        .await;
    ensure!(rejected(&ended.map(drop), RejectReason::Issuer));
    ensure!(one.upstream.hits("/token") == 0 && other.upstream.hits("/token") == 0);
    // Code injection: a code of our provider in another sign-in. PKCE prevents it at the provider.
    let injected = one
        .visit_provider("bob", &AuthnRequirements::default())
        .await?;
    let ended = one
        .adapter
        .complete(injected.correlation, ours.callback)
        .await;
    ensure!(rejected(&ended.map(drop), RejectReason::Code));
    Ok(())
}

#[tokio::test]
async fn code_can_be_used_once() -> Result<()> {
    let mut fixture = Fixture::new()?;
    let returned = fixture
        .visit_provider("alice", &AuthnRequirements::default())
        .await?;
    let (correlation, callback) = (returned.correlation.clone(), returned.callback.clone());
    let Callback::Code { code, .. } = callback.clone() else {
        bail!("the callback has no code");
    };
    fixture.complete(returned).await?;
    let ended = fixture.adapter.complete(correlation, callback).await;
    ensure!(!format!("{ended:?}").contains(code.expose()));
    ensure!(rejected(&ended.map(drop), RejectReason::Code));
    Ok(())
}

#[tokio::test]
async fn wrong_client_secret_is_a_misconfiguration() -> Result<()> {
    let mut fixture = Fixture::with(
        |_| (),
        |adapter| adapter.client_secret = Some(SecretText::new("wrong-one")),
    )?;
    let ended = fixture.sign_in("alice").await;
    let Err(Ended::ByTheAdapter(ProviderError::Misconfigured(why))) = ended else {
        bail!("the client secret was not checked: {ended:?}");
    };
    ensure!(why.to_string().contains("client_secret"), "{why}");
    ensure!(!why.to_string().contains("wrong-one"), "{why}");
    Ok(())
}

#[tokio::test]
async fn clock_difference_is_limited_by_leeway() -> Result<()> {
    for (ours, wanted) in [
        (-30, None),
        (30, None),
        (-300, Some(RejectReason::NotYetValid)),
        (420, Some(RejectReason::Expired)),
    ] {
        let mut fixture = Fixture::new()?;
        let returned = fixture
            .visit_provider("alice", &AuthnRequirements::default())
            .await?;
        let clock = ManualClock::at(fixture.clock.now() + TimeDelta::seconds(ours));
        fixture.adapter = new_adapter(settings_for(&fixture.upstream.issuer())?, &clock)?;
        let ended = fixture.complete(returned).await;
        if let Err(ProviderError::Rejected { detail, .. }) = &ended {
            ensure!(detail.contains("clock"), "{detail}");
        }
        match wanted {
            Some(reason) => ensure!(rejected(&ended.map(drop), reason), "{ours} s"),
            None => ensure!(ended.is_ok(), "{ours} s: {ended:?}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn sign_out_redirects_to_the_provider() -> Result<()> {
    let mut fixture = Fixture::new()?;
    let alice = fixture.sign_in("alice").await?;
    let state = new_state();
    let (challenge, remembered) = fixture
        .adapter
        .begin_sign_out(&alice, &state)
        .await
        .context("no sign-out URL")?;
    ensure!(remembered.is_none(), "nothing is kept for the response");
    let url = redirect(challenge)?;
    let endpoint = format!("{}/end_session?", fixture.upstream.issuer());
    ensure!(url.as_str().starts_with(&endpoint));
    let Evidence::IdToken { token, .. } = &alice.evidence else {
        anyhow::bail!("expected an ID token as evidence");
    };
    ensure!(parameter(&url, "id_token_hint")? == token.expose());
    ensure!(parameter(&url, "client_id")? == CLIENT_ID);
    let landed = fixture.browser.open(url.as_str()).await?;
    ensure!(
        landed.url().as_str().starts_with("https://sso.example/"),
        "{}",
        landed.url()
    );
    Ok(())
}

fn rejected(ended: &Result<(), ProviderError>, wanted: RejectReason) -> bool {
    matches!(ended, Err(ProviderError::Rejected { reason, .. }) if *reason == wanted)
}

/// The time of authentication, if known.
fn at(identity: &Identity) -> Option<i64> {
    identity.authenticated_at().map(|at| at.timestamp())
}
