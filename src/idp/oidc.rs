//! Sign-in with an OpenID Connect provider: code flow with PKCE, state and nonce (OpenID Connect Core 3.1).
//!
//! Issuer, algorithms and accepted mail domains are configured; keys come only from the provider's JWKS. Construction
//! does not fetch anything, so that the gateway starts while a provider is down.

mod audience;
mod auth_time;
mod checks;
mod claims;
mod client_authentication;
mod client_key;
mod google;
mod identity_from_claims;
mod jwks;
mod jws;
mod merge;
mod metadata;
mod probe;
mod protocol_claims;
mod refusal;
mod settings;
mod token;
mod userinfo;
mod verify;
#[cfg(test)]
mod wycheproof;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    AuthUrl, AuthenticationContextClass, ClientId, CsrfToken, EndpointNotSet, EndpointSet,
    IssuerUrl, LoginHint, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use rolecall_core::base::secret::{SecretText, State, random_token};
use rolecall_core::base::{Clock, Entropy};
use rolecall_core::identity::{EmailAddress, EmailDomain, Identity, ProviderId};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, Challenge, Correlation, IdentityProvider, ProviderError,
    RejectReason, SamlServiceProvider, VerifiedSignIn,
};
use serde::{Deserialize, Serialize};

pub use self::auth_time::AuthTimeRule;
use self::checks::Expected;
pub use self::client_authentication::ClientAuthentication;
use self::client_authentication::Credentials;
pub use self::client_key::{AssertionAudience, ClientKey, InvalidClientKey};
use self::jwks::KeySet;
pub use self::jws::Algorithm;
use self::merge::MissingClaims;
use self::metadata::Metadata;
use self::refusal::refusal;
pub use self::settings::{ClaimNames, MfaRule, OidcSettings, SettingsFinding};
use self::token::CodeExchange;
pub use self::userinfo::UserinfoUse;
use self::verify::{ProviderKeys, UnverifiedIdToken};
use crate::idp::cache::{Cached, Fetch, FetchError, Lifetimes};
use crate::idp::http::HttpClient;
use crate::idp::redact::Redactor;

/// Maximum size of an ID token in a sign-out URL. Browsers and servers limit URLs to 8 KiB.
const ID_TOKEN_HINT_BYTES_MAX: usize = 4 * 1024;
/// Discovery documents and keys are fetched every hour, and used for a day during an outage.
const LIFETIMES: Lifetimes = Lifetimes {
    fresh_for: TimeDelta::hours(1),
    stale_max: TimeDelta::hours(24),
    wait_max: Duration::from_secs(5),
};

/// The client of the library, used for authorization requests only.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
>;

/// A configured OpenID Connect provider.
pub struct OidcProvider {
    settings: Arc<OidcSettings>,
    domains: Vec<EmailDomain>,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metadata: Arc<Cached<Metadata>>,
    keys: Arc<Cached<KeySet>>,
    /// Removes secrets from texts of the provider.
    redactor: Redactor,
}

/// State that is kept during the redirect to the provider.
#[derive(Serialize, Deserialize)]
struct PendingSignIn {
    nonce: String,
    code_verifier: String,
    fresh: bool,
    #[serde(default)]
    second_factor: bool,
    at: DateTime<Utc>,
}

impl OidcProvider {
    /// Builds the adapter; nothing is fetched yet.
    pub fn new(
        settings: OidcSettings,
        http: HttpClient,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            metadata: Arc::new(Cached::new(Arc::clone(&clock), LIFETIMES)),
            keys: Arc::new(Cached::new(Arc::clone(&clock), LIFETIMES)),
            domains: settings.believed_domains(),
            redactor: Redactor::new(&settings.client_secret),
            settings: Arc::new(settings),
            http,
            clock,
            entropy,
        }
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        Ok(self.metadata.get(self.fetch_metadata()).await?)
    }

    fn fetch_metadata(&self) -> Fetch<'static, Metadata> {
        let (http, settings) = (self.http.clone(), Arc::clone(&self.settings));
        Box::pin(async move {
            let url = metadata::discovery_url(&settings.issuer)?;
            let document = http.get_json(&url).await;
            let document = document.map_err(|error| FetchError::Document {
                what: "the discovery document",
                url: url.to_string(),
                error,
            })?;
            Metadata::parse(&document, &settings)
        })
    }

    fn provider_keys<'a>(&'a self, metadata: &'a Metadata) -> ProviderKeys<'a> {
        ProviderKeys {
            kept: &self.keys,
            http: &self.http,
            jwks_uri: &metadata.jwks_uri,
        }
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, ProviderError> {
        let settings = &self.settings;
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| {
            FetchError::Misconfigured("the configured issuer is not a URL".to_owned())
        })?;
        let client_id = ClientId::new(settings.client_id.clone());
        Ok(CoreClient::new(client_id, issuer, Default::default())
            .set_auth_uri(AuthUrl::from_url(metadata.authorization_endpoint.clone()))
            .set_redirect_uri(RedirectUrl::from_url(settings.redirect_uri.clone())))
    }

    /// Checks `iss` of the authorization response (RFC 9207 2.4), so that a code of another provider is never sent to
    /// this provider's token endpoint.
    fn check_response_issuer(
        &self,
        iss: Option<&str>,
        required: bool,
    ) -> Result<(), ProviderError> {
        match iss {
            Some(iss) if iss != self.settings.issuer => Err(ProviderError::rejected(
                RejectReason::Issuer,
                format!(
                    "the authorization response has iss {iss:?} instead of the configured issuer"
                ),
            )),
            None if required => Err(ProviderError::rejected(
                RejectReason::Issuer,
                "the authorization response has no iss, although the metadata of the provider announces it",
            )),
            Some(_) | None => Ok(()),
        }
    }

    async fn redeemed(
        &self,
        begun: PendingSignIn,
        metadata: &Metadata,
        code: SecretText,
    ) -> Result<VerifiedSignIn, ProviderError> {
        let exchange = CodeExchange {
            endpoint: &metadata.token_endpoint,
            redirect_uri: &self.settings.redirect_uri,
            code: &code,
            code_verifier: &SecretText::new(begun.code_verifier),
            client_secret: self.settings.client_secret.as_ref(),
        };
        let now = self.clock.now();
        let credentials = Credentials::for_request(&self.settings, metadata, now, &*self.entropy)?;
        let tokens = exchange.redeem(&self.http, &credentials).await?;
        let token = UnverifiedIdToken::parse(tokens.id_token.expose(), &self.settings.algorithms)?;
        let token = token.signed_by(self.provider_keys(metadata)).await?;
        let expected = Expected {
            settings: &self.settings,
            nonce: &begun.nonce,
            access_token: tokens.access_token.expose(),
            fresh_since: begun.fresh.then_some(begun.at),
            now: self.clock.now(),
        };
        let (verified, mut all_claims) = token.verified(&expected)?;
        let mut overage = claims::groups_overage(&all_claims, &self.settings);
        // Userinfo does not have the groups either.
        if overage.is_none()
            && self.settings.userinfo == UserinfoUse::WhenNeeded
            && let Some(missing) = MissingClaims::of(&all_claims, &self.settings)
            && let Some(endpoint) = &metadata.userinfo_endpoint
        {
            let request = userinfo::UserinfoRequest {
                endpoint,
                access_token: &tokens.access_token,
                subject: &verified.subject,
                missing: &missing,
            };
            let userinfo = request.fetch(&self.http).await?;
            overage = claims::groups_overage(&userinfo, &self.settings);
            merge::add_missing(&mut all_claims, &userinfo, &self.settings.claims);
        }
        let id_token = tokens.id_token;
        let mut signed_in =
            claims::identity(&self.settings, verified, &all_claims, id_token, overage)?;
        if begun.second_factor {
            claims::record_unconfirmed_mfa(&mut signed_in.identity);
        }
        Ok(signed_in)
    }
}

/// `logout_hint` (RP-Initiated Logout 1.0, 2): the e-mail address, as in `login_hint`, or else the subject.
fn logout_hint(identity: &Identity) -> &str {
    let email = identity.email.as_ref().map(EmailAddress::as_str);
    email.unwrap_or(identity.subject.as_str())
}

#[async_trait]
impl IdentityProvider for OidcProvider {
    fn id(&self) -> &ProviderId {
        &self.settings.id
    }

    fn title(&self) -> &str {
        &self.settings.title
    }

    fn domains(&self) -> &[EmailDomain] {
        &self.domains
    }

    async fn begin(
        &self,
        state: &State,
        requirements: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let begun = PendingSignIn {
            nonce: random_token(&*self.entropy),
            code_verifier: random_token(&*self.entropy),
            fresh: self.settings.step_up.reauthenticates(requirements),
            // What a silent sign-in does not confirm is not reported: the person requested nothing.
            second_factor: requirements.second_factor && !requirements.silent,
            at: self.clock.now(),
        };
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(
            begun.code_verifier.clone(),
        ));
        let (state, nonce) = (state.expose().to_owned(), begun.nonce.clone());
        let scopes = self
            .settings
            .scopes
            .iter()
            .filter(|scope| *scope != "openid");
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(scopes.cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if let Some(hint) = &requirements.login_hint {
            request = request.set_login_hint(LoginHint::new(EmailAddress::as_str(hint).to_owned()));
        }
        if let Some(domain) = &self.settings.hosted_domain {
            request = request.add_extra_param("hd", domain.as_str());
        }
        for context in self.settings.step_up.contexts(requirements) {
            let context = AuthenticationContextClass::new(context.clone());
            request = request.add_auth_context_value(context);
        }
        if let Some(claims) = auth_time::claims(&metadata) {
            request = request.add_extra_param("claims", claims);
        }
        if requirements.silent {
            request = request.add_prompt(CoreAuthPrompt::None);
        }
        if begun.fresh {
            request = request.add_prompt(CoreAuthPrompt::Login);
            request = request.set_max_age(auth_time::FRESH_MAX_AGE);
        }
        let (url, _, _) = request.url();
        let correlation = serde_json::to_value(&begun)
            .map_err(|error| ProviderError::Unavailable(Box::new(error)))?;
        Ok((Challenge::Redirect(url), Correlation(correlation)))
    }

    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<VerifiedSignIn, ProviderError> {
        let begun: PendingSignIn = serde_json::from_value(correlation.0).map_err(|_| {
            ProviderError::rejected(
                RejectReason::Nonce,
                "the sign-in was not started by this gateway",
            )
        })?;
        match callback {
            Callback::Error {
                error,
                description,
                iss,
            } => {
                self.check_response_issuer(iss.as_deref(), false)?;
                let refused = refusal(&error, description.as_deref());
                Err(self.redactor.error(refused))
            }
            Callback::Code { code, iss } => {
                self.check_response_issuer(iss.as_deref(), false)?;
                let metadata = self.metadata().await?;
                self.check_response_issuer(iss.as_deref(), metadata.iss_parameter_required)?;
                let redeemed = self.redeemed(begun, &metadata, code).await;
                redeemed.map_err(|error| self.redactor.error(error))
            }
            Callback::Saml(_) => Err(ProviderError::rejected(
                RejectReason::Malformed,
                "received a SAML response for an OpenID Connect provider",
            )),
        }
    }

    fn saml(&self) -> Option<&dyn SamlServiceProvider> {
        None
    }

    async fn begin_sign_out(
        &self,
        identity: &Identity,
        _: &State,
    ) -> Option<(Challenge, Option<Correlation>)> {
        let mut url = self.metadata().await.ok()?.end_session_endpoint.clone()?;
        let mut query = url.query_pairs_mut();
        let hint = identity.evidence.id_token();
        match hint.filter(|token| token.expose().len() <= ID_TOKEN_HINT_BYTES_MAX) {
            Some(token) => query.append_pair("id_token_hint", token.expose()),
            // Not every token may be sent: the provider recognizes the person by name.
            None => query.append_pair("logout_hint", logout_hint(identity)),
        };
        query.append_pair("client_id", &self.settings.client_id);
        if let Some(place) = &self.settings.post_logout_redirect_uri {
            query.append_pair("post_logout_redirect_uri", place.as_str());
        }
        drop(query);
        Some((Challenge::Redirect(url), None))
    }
}
