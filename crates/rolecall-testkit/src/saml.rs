//! A SAML 2.0 identity provider on loopback: honest by default, hostile on demand.
//!
//! Metadata, sign-in by Redirect and POST, answers by POST, started by either side, single logout both ways. [`Fault`]
//! makes it lie, one lie per variant. Any password is right: nobody real signs in here. It signs without any SAML or XML
//! Signature library, so that it is a second opinion on whoever verifies.

mod cases;
mod draft;
pub mod encryption;
pub mod fault;
mod logout;
mod message;
mod metadata;
pub mod names;
mod plan;
mod request;
mod response;
mod service_provider;
mod sign_in;
pub mod signature;
mod sso;
mod state;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::Result;

pub use cases::{ALL, Case};
pub use fault::{ExpectedOutcome, Fault};
pub use message::{Binding, Message, OutgoingMessage};
pub use service_provider::ServiceProvider;

use crate::canary::{Canary, CanaryFile};
use crate::clock::{self, Clock};
use crate::keys::Algorithm;
use crate::lock;
use crate::oidc::Person;
use crate::serve::LocalServer;
use encryption::Encryption;
use state::ProviderState;

/// Which elements the provider signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedElements {
    /// The response: Keycloak, Okta.
    Response,
    /// The assertion: ADFS, Entra ID, Google.
    Assertion,
    /// Both.
    Both,
}

/// What the provider calls the attributes that it tells.
#[derive(Clone, Debug)]
pub struct AttributeNames {
    /// Of the e-mail address.
    pub email: String,
    /// Of the full name.
    pub name: String,
    /// Of the groups.
    pub groups: String,
}

/// How a provider is set up.
#[derive(Clone)]
pub struct SamlSettings {
    /// The name on its sign-in page.
    pub title: String,
    /// The host in its own addresses: `127.0.0.1`, or `localhost` for another site than the gateway's.
    pub host: String,
    /// 0 picks a free one.
    pub port: u16,
    /// Who may ask for sign-ins; more may be registered later.
    pub service_providers: Vec<ServiceProvider>,
    /// Who can sign in.
    pub people: Vec<Person>,
    /// What the provider takes for the time.
    pub clock: Clock,
    /// One key per entry; the first signs, all are in the metadata.
    pub keys: Vec<Algorithm>,
    /// What is signed.
    pub signed: SignedElements,
    /// How assertions are encrypted, for service providers that have a certificate for it.
    pub encryption: Option<Encryption>,
    /// The `Format` of what the subject is called.
    pub name_id_format: String,
    /// What attributes are called.
    pub attributes: AttributeNames,
    /// How long an assertion is good.
    pub lifetime: Duration,
    /// `SessionNotOnOrAfter`, counted from the sign-in.
    pub session_lifetime: Option<Duration>,
    /// Whether requests have to be signed (`WantAuthnRequestsSigned`). Signatures that come are checked in any case.
    pub wants_requests_signed: bool,
    /// How logout requests go, where the service provider has a place for it; else as it likes best.
    pub logout_binding: Option<Binding>,
    /// What it does wrong from its first answer on.
    pub faults: Vec<Fault>,
}

impl Default for SamlSettings {
    /// The people of the demo, one RSA key that signs assertions, five minutes, the wall clock, no service provider yet.
    fn default() -> Self {
        Self {
            title: "Example SAML".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 0,
            service_providers: Vec::new(),
            people: Person::samples(),
            clock: clock::system(),
            keys: vec![Algorithm::Rs256],
            signed: SignedElements::Assertion,
            encryption: None,
            name_id_format: names::PERSISTENT.to_owned(),
            attributes: AttributeNames {
                email: "email".to_owned(),
                name: "name".to_owned(),
                groups: "groups".to_owned(),
            },
            lifetime: Duration::from_secs(300),
            session_lifetime: None,
            wants_requests_signed: false,
            logout_binding: None,
            faults: Vec::new(),
        }
    }
}

/// A running provider. Ends when dropped.
pub struct SamlProvider {
    server: LocalServer,
    idp: Arc<ProviderState>,
}

impl SamlProvider {
    /// Starts listening; it answers before this returns.
    pub fn start(settings: SamlSettings) -> Result<Self> {
        let port = settings.port;
        let idp = Arc::new(ProviderState::new(settings)?);
        let data = web::Data::from(Arc::clone(&idp));
        let server = LocalServer::start(port, move |routes| {
            routes
                .app_data(data.clone())
                .app_data(web::PayloadConfig::default().limit(512 * 1024))
                .app_data(web::FormConfig::default().limit(512 * 1024))
                .route("/metadata", web::get().to(metadata::metadata))
                .route("/sso", web::get().to(sso::by_redirect))
                .route("/sso", web::post().to(sso::by_post))
                .route("/start", web::get().to(sso::idp_initiated))
                .route("/sign-in", web::post().to(sso::submit_form))
                .route("/slo", web::get().to(logout::by_redirect))
                .route("/slo", web::post().to(logout::by_post))
                .route("/sign-out", web::get().to(logout::sign_out));
        })?;
        idp.settle(server.address().port());
        Ok(Self { server, idp })
    }

    /// Its entity ID, which is also where its metadata is.
    pub fn entity_id(&self) -> String {
        self.idp.entity_id()
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        self.idp.url()
    }

    /// Where it listens, whatever its host is called.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Its metadata, as it serves them.
    pub fn metadata(&self) -> Result<String> {
        metadata::document(&self.idp)
    }

    /// Where a person goes to be signed in at a service provider that asked for nothing (Profiles 4.1.5).
    pub fn idp_initiated_url(&self, service_provider: &str, relay_state: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("sp", service_provider);
        if let Some(relay_state) = relay_state {
            query.append_pair("RelayState", relay_state);
        }
        format!("{}/start?{}", self.url(), query.finish())
    }

    /// Where a person goes to sign out here, and by that at the service provider (Profiles 4.4).
    pub fn sign_out_url(&self) -> String {
        self.idp.at("/sign-out")
    }

    /// Whether somebody by this name is signed in here, in any browser.
    pub fn is_signed_in(&self, username: &str) -> bool {
        self.idp.read(|state| {
            let mut sessions = state.sessions.values();
            sessions.any(|session| session.username == username)
        })
    }

    /// Lets a service provider ask for sign-ins from now on; one of the same entity ID is replaced.
    pub fn register(&self, service_provider: ServiceProvider) {
        self.idp.change(|state| {
            state
                .service_providers
                .retain(|known| known.entity_id != service_provider.entity_id);
            state.service_providers.push(service_provider);
        });
    }

    /// Adds a person, or changes the one of the same username.
    pub fn put_person(&self, person: Person) {
        self.idp.change(|state| {
            state
                .people
                .retain(|known| known.username != person.username);
            state.people.push(person);
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

    /// How many answers a fault has changed so far: a hostile test that reads 0 here has tested nothing.
    pub fn faulty_responses(&self) -> usize {
        self.idp.read(|state| state.faulty_responses)
    }

    /// Signs with a new key of the same kind. With `announce`, the old one stays in the metadata (Metadata 2.4.1.1).
    pub fn rotate_keys(&self, announce: bool) -> Result<()> {
        self.idp.rotate_keys(announce)
    }

    /// How often an endpoint was requested, by its path: `/metadata`, `/sso`, `/slo`.
    pub fn hits(&self, path: &str) -> usize {
        lock(&self.idp.hits).get(path).copied().unwrap_or_default()
    }

    /// The listener that faults point at: whoever follows a reference, an entity or a schema location is counted here.
    pub fn canary(&self) -> &Canary {
        &self.idp.canary
    }

    /// The file that faults point at: whoever opens it waits there for ever.
    pub fn canary_file(&self) -> &CanaryFile {
        &self.idp.canary_file
    }
}
