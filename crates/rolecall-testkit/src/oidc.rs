//! An OpenID provider on loopback: honest by default, hostile on demand.
//!
//! Discovery, JWK set, code flow with PKCE, userinfo, RP-initiated logout and the `iss` response parameter, as Okta, Entra
//! or Google would response. [`Fault`] makes it lie, one lie per variant. Any password is right: nobody real signs in here.

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
pub use response::EndpointFault;

use crate::canary::Canary;
use crate::clock::{self, Clock};
use crate::keys::Algorithm;
use crate::lock;
use crate::serve::LocalServer;
use state::ProviderState;

/// Where the `groups` claim is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsClaim {
    /// In the ID token and at userinfo: Okta, Keycloak.
    IdToken,
    /// At userinfo only.
    Userinfo,
    /// Omitted: Google.
    Omitted,
}

/// When an ID token has `auth_time` (OpenID Connect Core 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthTime {
    /// Always: Okta, Keycloak.
    Always,
    /// Where it must (Core 3.1.2.1, 5.5.1): after `max_age`, or when the `claims` parameter asks for it: Google. Discovery
    /// says that the parameter is known.
    WhenRequested,
    /// Never, whatever was asked.
    Never,
}

/// How a provider is set up.
#[derive(Clone)]
pub struct OidcSettings {
    /// The name on its sign-in page.
    pub title: String,
    /// What comes after the origin in the issuer: empty, or for example `/oauth2/default`.
    pub path: String,
    /// 0 picks a free one.
    pub port: u16,
    /// Who may ask for sign-ins; more may be registered later.
    pub clients: Vec<OidcClient>,
    /// Who can sign in.
    pub people: Vec<Person>,
    /// What the provider takes for the time.
    pub clock: Clock,
    /// One key per entry; the first signs.
    pub keys: Vec<Algorithm>,
    /// Where groups are told.
    pub groups: GroupsClaim,
    /// Whether ID tokens have `auth_time`, and discovery says so.
    pub auth_time: AuthTime,
    /// How long an ID token is good.
    pub token_lifetime: Duration,
    /// What it does wrong from its first answer on.
    pub faults: Vec<Fault>,
}

impl Default for OidcSettings {
    /// The people of the demo, one ES256 key, groups in the ID token, five minutes, the wall clock, no client yet.
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
            token_lifetime: Duration::from_secs(300),
            faults: Vec::new(),
        }
    }
}

/// A running provider. Ends when dropped.
pub struct OidcProvider {
    server: LocalServer,
    canary: Canary,
    idp: Arc<ProviderState>,
}

impl OidcProvider {
    /// Starts listening; it answers before this returns.
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

    /// The issuer, as discovery and ID tokens spell it.
    pub fn issuer(&self) -> String {
        self.idp.issuer()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Lets `client` ask for sign-ins from now on; one of the same id is replaced.
    pub fn register(&self, client: OidcClient) {
        self.idp.change(|state| {
            state.clients.retain(|known| known.id != client.id);
            state.clients.push(client);
        });
    }

    /// Adds a person, or changes the one of the same username: a new group, another address.
    pub fn put_person(&self, person: Person) {
        self.idp.change(|state| {
            state
                .people
                .retain(|known| known.username != person.username);
            state.people.push(person);
        });
    }

    /// Removes a person, who cannot sign in any more.
    pub fn remove_person(&self, username: &str) {
        self.idp.change(|state| {
            state.people.retain(|known| known.username != username);
            state
                .sessions
                .retain(|_, session| session.username != username);
        });
    }

    /// Does this wrong from now on, beside what it does wrong already.
    pub fn inject_fault(&self, fault: Fault) {
        self.idp.change(|state| state.faults.push(fault));
    }

    /// Is honest again.
    pub fn clear_faults(&self) {
        self.idp.change(|state| state.faults.clear());
    }

    /// Speaks in this way of its own from now on.
    pub fn set_variation(&self, variation: variation::Variation) {
        self.idp.change(|state| state.variation = variation);
    }

    /// How many answers a fault has changed so far: a hostile test that reads 0 here has tested nothing.
    pub fn faulty_responses(&self) -> usize {
        self.idp.read(|state| state.faulty_responses)
    }

    /// Replaces every key by a new one; the old ones are gone from the JWK set at once.
    pub fn rotate_keys(&self) -> Result<()> {
        self.idp.rotate_keys()
    }

    /// How often an endpoint was asked, by its path after the issuer: `/jwks`, `/token`, `/.well-known/openid-configuration`.
    pub fn hits(&self, path: &str) -> usize {
        lock(&self.idp.hits).get(path).copied().unwrap_or_default()
    }

    /// The listener that faults point at: whoever follows `jku`, `x5u`, a redirect or a distributed claim is counted here.
    pub fn canary(&self) -> &Canary {
        &self.canary
    }
}
