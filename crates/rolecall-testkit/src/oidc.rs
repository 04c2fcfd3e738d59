//! An OpenID provider on loopback, with faults that can be injected.
//!
//! Supports discovery, JWK set, authorization code flow with PKCE, UserInfo, RP-initiated logout and the response parameter
//! `iss`, like Okta, Entra ID and Google. A [`Fault`] makes one part of its responses wrong. Any password is accepted.

mod authorize;
mod cases;
mod client;
mod fault;
mod metadata;
mod person;
mod response;
mod sign_out;
mod state;
mod token;
pub mod variation;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::Result;

pub use cases::{ALL, Case};
pub use fault::{ExpectedOutcome, Fault};
pub use person::{ClientMethod, OidcClient, Person};
pub(crate) use response::Endless;
pub use response::EndpointFault;

use crate::canary::Canary;
use crate::clock::{self, Clock};
use crate::keys::Algorithm;
use crate::lock;
use crate::serve::LocalServer;
use state::ProviderState;

/// Where the `groups` claim is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsClaim {
    /// In the ID token and from UserInfo: Okta, Keycloak.
    IdToken,
    /// From UserInfo only.
    Userinfo,
    /// Not at all: Google.
    Omitted,
}

/// When an ID token has `auth_time` (OpenID Connect Core 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthTime {
    /// Always: Okta, Keycloak.
    Always,
    /// If required (Core 3.1.2.1, 5.5.1): with `max_age`, or if the `claims` parameter requests it: Google. Discovery
    /// advertises the parameter.
    WhenRequested,
    /// Never, even if requested.
    Never,
}

/// Settings of an [`OidcProvider`].
#[derive(Clone)]
pub struct OidcSettings {
    /// Name on the sign-in page.
    pub title: String,
    /// Path of the issuer: empty, or for example `/oauth2/default`.
    pub path: String,
    /// Loopback port; 0 selects any free port.
    pub port: u16,
    /// Registered clients; [`OidcProvider::register`] adds more.
    pub clients: Vec<OidcClient>,
    /// Users of the provider.
    pub people: Vec<Person>,
    /// Clock of the provider.
    pub clock: Clock,
    /// Algorithms of the keys in the JWK set. The first key signs.
    pub keys: Vec<Algorithm>,
    /// Where the `groups` claim is returned.
    pub groups: GroupsClaim,
    /// When ID tokens have `auth_time`, and what discovery advertises.
    pub auth_time: AuthTime,
    /// Values of `acr_values` for which the form asks for a second factor: the ID token has the value as `acr`, and `mfa` in
    /// `amr`. Other values are ignored (Core 3.1.2.1).
    pub contexts: Vec<String>,
    /// Lifetime of ID tokens.
    pub token_lifetime: Duration,
    /// Faults that are active from the start.
    pub faults: Vec<Fault>,
}

impl Default for OidcSettings {
    /// [`Person::samples`], one ES256 key, groups in the ID token, tokens for five minutes, system clock, no clients.
    fn default() -> Self {
        Self {
            title: "Example ID".to_owned(),
            path: String::new(),
            port: 0,
            clients: Vec::new(),
            people: Person::samples(),
            clock: clock::system(),
            keys: vec![Algorithm::Es256],
            groups: GroupsClaim::IdToken,
            auth_time: AuthTime::Always,
            contexts: Vec::new(),
            token_lifetime: Duration::from_secs(300),
            faults: Vec::new(),
        }
    }
}

/// A running provider. Dropping it stops the server.
pub struct OidcProvider {
    server: LocalServer,
    canary: Canary,
    idp: Arc<ProviderState>,
}

impl OidcProvider {
    /// Starts the provider. It serves requests when this returns.
    pub fn start(settings: OidcSettings) -> Result<Self> {
        let canary = Canary::start()?;
        let (port, path) = (settings.port, settings.path.clone());
        let idp = Arc::new(ProviderState::new(settings, canary.url())?);
        let data = web::Data::from(Arc::clone(&idp));
        let server = LocalServer::start(port, move |routes| {
            routes.service(
                web::scope(&path)
                    .app_data(data.clone())
                    .app_data(web::FormConfig::default().limit(256 * 1024))
                    .route(
                        "/.well-known/openid-configuration",
                        web::get().to(metadata::discovery),
                    )
                    .route("/jwks", web::get().to(metadata::jwks))
                    .route("/authorize", web::get().to(authorize::show_form))
                    .route("/authorize", web::post().to(authorize::submit_form))
                    .route("/token", web::post().to(token::token))
                    .route("/userinfo", web::get().to(token::userinfo))
                    .route("/userinfo", web::post().to(token::userinfo))
                    .route("/end_session", web::get().to(sign_out::get))
                    .route("/end_session", web::post().to(sign_out::post)),
            );
        })?;
        idp.settle(&server.url());
        Ok(Self {
            server,
            canary,
            idp,
        })
    }

    /// The issuer, as in discovery and ID tokens.
    pub fn issuer(&self) -> String {
        self.idp.issuer()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Address of the listener.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Registers a client or replaces the client with the same ID.
    pub fn register(&self, client: OidcClient) {
        self.idp.change(|state| {
            state.clients.retain(|known| known.id != client.id);
            state.clients.push(client);
        });
    }

    /// Adds a user or replaces the user with the same username.
    pub fn put_person(&self, person: Person) {
        self.idp.change(|state| {
            state
                .people
                .retain(|known| known.username != person.username);
            state.people.push(person);
        });
    }

    /// Removes a user.
    pub fn remove_person(&self, username: &str) {
        self.idp.change(|state| {
            state.people.retain(|known| known.username != username);
            state
                .sessions
                .retain(|_, session| session.username != username);
        });
    }

    /// Adds a fault to the active faults.
    pub fn inject_fault(&self, fault: Fault) {
        self.idp.change(|state| state.faults.push(fault));
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.idp.change(|state| state.faults.clear());
    }

    /// Replaces the variation of the responses.
    pub fn set_variation(&self, variation: variation::Variation) {
        self.idp.change(|state| state.variation = variation);
    }

    /// Number of responses that a fault has changed. If it is 0, a test of the fault has tested nothing.
    pub fn faulty_responses(&self) -> usize {
        self.idp.read(|state| state.faulty_responses)
    }

    /// Replaces all keys. The JWK set no longer has the previous keys.
    pub fn rotate_keys(&self) -> Result<()> {
        self.idp.rotate_keys()
    }

    /// Number of requests to an endpoint, by its path after the issuer: `/jwks`, `/token`, `/.well-known/openid-configuration`.
    pub fn hits(&self, path: &str) -> usize {
        lock(&self.idp.hits).get(path).copied().unwrap_or_default()
    }

    /// The canary that faults refer to. It counts clients that follow `jku`, `x5u`, a redirect or a distributed claim.
    pub fn canary(&self) -> &Canary {
        &self.canary
    }
}
