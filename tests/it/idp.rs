//! The provider adapters with a provider of the testkit and a browser, without a gateway.

mod auth_time;
mod client_authentication;
mod documents;
mod egress;
mod faults;
mod field;
mod identity_from_claims;
mod peer;
mod probe;
mod quotes;
mod saml_faults;
mod sign_in;
mod vendors;

use std::sync::Arc;

use anyhow::{Context, Result};
use rolecall_core::base::secret::{SecretText, State, random_token};
use rolecall_core::identity::{EmailDomain, Identity, ProviderId};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, Challenge, Correlation, IdentityProvider as _, ProviderError,
};
use rolecall_harness::TestClock;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::oidc;
use rolecalld::egress::Egress;
use rolecalld::idp::StepUpRule;
use rolecalld::idp::http::HttpClient;
use rolecalld::idp::oidc::{
    AssertionAudience, AuthTimeRule, ClaimNames, MfaRule, OidcProvider, OidcSettings, UserinfoUse,
};
use rolecalld::world::SystemEntropy;
use url::Url;

const CLIENT_ID: &str = "rolecall";
const CLIENT_SECRET: &str = "hunter2-and-more";
const CALLBACK: &str = "https://sso.example/sign-in/idp/callback";

/// A provider, the adapter for it, and a browser.
struct Fixture {
    clock: ManualClock,
    upstream: oidc::OidcProvider,
    adapter: OidcProvider,
    browser: Browser,
}

/// The callback from the provider.
struct ReturnedBrowser {
    correlation: Correlation,
    callback: Callback,
}

impl Fixture {
    fn new() -> Result<Self> {
        Self::with(|_| (), |_| ())
    }

    /// A fixture with modified settings of provider and adapter.
    fn with(
        upstream: impl FnOnce(&mut oidc::OidcSettings),
        adapter: impl FnOnce(&mut OidcSettings),
    ) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let mut settings = oidc::OidcSettings {
            clients: vec![
                oidc::OidcClient::new(CLIENT_ID, CLIENT_SECRET, CALLBACK)
                    .with_post_logout_redirect_uri("https://sso.example/"),
            ],
            clock: clock.clock(),
            ..oidc::OidcSettings::default()
        };
        upstream(&mut settings);
        let upstream = oidc::OidcProvider::start(settings)?;
        let mut settings = settings_for(&upstream.issuer())?;
        adapter(&mut settings);
        let adapter = new_adapter(settings, &clock)?;
        Ok(Self {
            clock,
            upstream,
            adapter,
            browser: Browser::new()?,
        })
    }

    async fn sign_in(&mut self, username: &str) -> Result<Identity, Ended> {
        self.sign_in_as(username, &AuthnRequirements::default())
            .await
    }

    async fn sign_in_as(
        &mut self,
        username: &str,
        requirements: &AuthnRequirements,
    ) -> Result<Identity, Ended> {
        let returned = self.visit_provider(username, requirements).await?;
        Ok(self.complete(returned).await?)
    }

    async fn complete(&self, returned: ReturnedBrowser) -> Result<Identity, ProviderError> {
        let ReturnedBrowser {
            correlation,
            callback,
        } = returned;
        let verified = self.adapter.complete(correlation, callback).await?;
        assert!(
            verified.replay_key.is_none(),
            "a code is consumed at the provider"
        );
        verified.require_groups()?;
        Ok(verified.identity)
    }

    /// Runs a sign-in until the browser returns to the gateway.
    async fn visit_provider(
        &mut self,
        username: &str,
        requirements: &AuthnRequirements,
    ) -> Result<ReturnedBrowser, Ended> {
        let state = new_state();
        let (challenge, correlation) = self.adapter.begin(&state, requirements).await?;
        let url = redirect(challenge).map_err(|_| Ended::AtTheDoor)?;
        let mut page = self.browser.open(url.as_str()).await?;
        if !page.url().as_str().starts_with(CALLBACK) {
            page = self.browser.sign_in_at_provider(username).await?;
        }
        let callback = callback(page.url(), &state).ok_or(Ended::AtTheDoor)?;
        Ok(ReturnedBrowser {
            correlation,
            callback,
        })
    }
}

/// The adapter with these settings.
fn new_adapter(settings: OidcSettings, clock: &ManualClock) -> Result<OidcProvider> {
    Ok(OidcProvider::new(
        settings,
        HttpClient::new(&Egress::default())?,
        Arc::new(TestClock::from(clock)),
        Arc::new(SystemEntropy),
    ))
}

fn new_state() -> State {
    State::new(random_token(&SystemEntropy))
}

/// The redirect of a challenge of an OpenID Connect provider.
fn redirect(challenge: Challenge) -> Result<Url> {
    match challenge {
        Challenge::Redirect(url) => Ok(url),
        Challenge::PostForm { action, .. } => anyhow::bail!("a form for {action}"),
    }
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// The callback is rejected by the web layer: no valid `state`, no code.
    #[error("rejected by the web layer")]
    AtTheDoor,
    #[error(transparent)]
    ByTheAdapter(#[from] ProviderError),
    #[error(transparent)]
    ByTheTest(#[from] anyhow::Error),
}

/// Parses a callback URL like the web layer: exactly one `state`, the expected one, and exactly one `code` or `error`.
fn callback(url: &Url, state: &State) -> Option<Callback> {
    let one = |name: &str| {
        let mut values = url.query_pairs().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.into_owned()),
            (None, None) | (_, Some(_)) => None,
        }
    };
    (one("state")? == state.expose()).then_some(())?;
    let iss = one("iss");
    match one("error") {
        Some(error) => Some(Callback::Error {
            error,
            description: one("error_description"),
            iss,
        }),
        None => Some(Callback::Code {
            code: SecretText::new(one("code")?),
            iss,
        }),
    }
}

fn settings_for(issuer: &str) -> Result<OidcSettings> {
    Ok(OidcSettings {
        id: ProviderId::parse("idp")?,
        title: "The provider".to_owned(),
        issuer: issuer.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(SecretText::new(CLIENT_SECRET)),
        client_authentication: None,
        client_key: None,
        client_assertion_audience: AssertionAudience::default(),
        userinfo: UserinfoUse::default(),
        redirect_uri: Url::parse(CALLBACK)?,
        post_logout_redirect_uri: Some(Url::parse("https://sso.example/")?),
        scopes: ["openid", "email", "profile", "groups"]
            .map(str::to_owned)
            .to_vec(),
        hosted_domain: None,
        domains: vec![EmailDomain::parse("example.com")?],
        claims: ClaimNames::default(),
        mfa: MfaRule::default(),
        step_up: StepUpRule::default(),
        auth_time: AuthTimeRule::default(),
        leeway: rolecall_core::base::limits::LEEWAY,
        algorithms: OidcSettings::ALGORITHMS.to_vec(),
        extra_audiences: Vec::new(),
        endpoint_hosts: Vec::new(),
    })
}

/// A parameter of a URL.
fn parameter(url: &Url, name: &str) -> Result<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .with_context(|| format!("{url} has no {name}"))
}
