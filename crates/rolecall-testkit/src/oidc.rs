//! An OpenID provider on loopback: honest by default, hostile on demand.
//!
//! Discovery, JWK set, code flow with PKCE, userinfo, RP-initiated logout and the `iss` response parameter, as Okta, Entra
//! or Google would answer. [`Fault`] makes it lie, one lie per variant. Any password is right: nobody real signs in here.

mod answer;
mod authorize;
mod cases;
mod client;
mod fault;
mod metadata;
mod person;
mod sign_out;
mod token;
pub mod variation;
mod world;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::Result;

pub use answer::Conduct;
pub use cases::{ALL, Case};
pub use fault::{Fault, Verdict};
pub use person::{ClientMethod, OidcClient, Person};

use crate::canary::Canary;
use crate::clock::{self, Clock};
use crate::keys::Algorithm;
use crate::lock;
use crate::serve::LocalServer;
use world::World;

/// Where the `groups` claim is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsIn {
    /// In the ID token and at userinfo: Okta, Keycloak.
    IdToken,
    /// At userinfo only.
    Userinfo,
    /// Nowhere: Google.
    Nowhere,
}

/// When an ID token has `auth_time` (OpenID Connect Core 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthTime {
    /// Always: Okta, Keycloak.
    Always,
    /// Where it must (Core 3.1.2.1, 5.5.1): after `max_age`, or when the `claims` parameter asks for it: Google. Discovery
    /// says that the parameter is known.
    WhenAsked,
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
    pub groups: GroupsIn,
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
            people: Person::cast(),
            clock: clock::system(),
            keys: vec![Algorithm::Es256],
            groups: GroupsIn::IdToken,
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
    world: Arc<World>,
}

impl OidcProvider {
    /// Starts listening; it answers before this returns.
    pub fn start(settings: OidcSettings) -> Result<Self> {
        let canary = Canary::start()?;
        let (port, path) = (settings.port, settings.path.clone());
        let world = Arc::new(World::new(settings, canary.url())?);
        let data = web::Data::from(Arc::clone(&world));
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
                    .route("/authorize", web::get().to(authorize::ask))
                    .route("/authorize", web::post().to(authorize::answer))
                    .route("/token", web::post().to(token::token))
                    .route("/userinfo", web::get().to(token::userinfo))
                    .route("/userinfo", web::post().to(token::userinfo))
                    .route("/end_session", web::get().to(sign_out::by_link))
                    .route("/end_session", web::post().to(sign_out::by_form)),
            );
        })?;
        world.settle(&server.url());
        Ok(Self {
            server,
            canary,
            world,
        })
    }

    /// The issuer, as discovery and ID tokens spell it.
    pub fn issuer(&self) -> String {
        self.world.issuer()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Lets `client` ask for sign-ins from now on; one of the same id is replaced.
    pub fn register(&self, client: OidcClient) {
        self.world.change(|state| {
            state.clients.retain(|known| known.id != client.id);
            state.clients.push(client);
        });
    }

    /// Adds a person, or changes the one of the same username: a new group, another address.
    pub fn put_person(&self, person: Person) {
        self.world.change(|state| {
            state
                .people
                .retain(|known| known.username != person.username);
            state.people.push(person);
        });
    }

    /// Removes a person, who cannot sign in any more.
    pub fn remove_person(&self, username: &str) {
        self.world.change(|state| {
            state.people.retain(|known| known.username != username);
            state
                .sessions
                .retain(|_, session| session.username != username);
        });
    }

    /// Does this wrong from now on, beside what it does wrong already.
    pub fn fault(&self, fault: Fault) {
        self.world.change(|state| state.faults.push(fault));
    }

    /// Is honest again.
    pub fn clear_faults(&self) {
        self.world.change(|state| state.faults.clear());
    }

    /// Speaks in this way of its own from now on.
    pub fn vary(&self, variation: variation::Variation) {
        self.world.change(|state| state.variation = variation);
    }

    /// How many answers a fault has changed so far: a hostile test that reads 0 here has tested nothing.
    pub fn faulty_answers(&self) -> usize {
        self.world.read(|state| state.faulty_answers)
    }

    /// Replaces every key by a new one; the old ones are gone from the JWK set at once.
    pub fn rotate_keys(&self) -> Result<()> {
        self.world.rotate_keys()
    }

    /// How often an endpoint was asked, by its path after the issuer: `/jwks`, `/token`, `/.well-known/openid-configuration`.
    pub fn hits(&self, path: &str) -> usize {
        lock(&self.world.hits)
            .get(path)
            .copied()
            .unwrap_or_default()
    }

    /// The listener that faults point at: whoever follows `jku`, `x5u`, a redirect or a distributed claim is counted here.
    pub fn canary(&self) -> &Canary {
        &self.canary
    }
}
