//! A SAML 2.0 identity provider on loopback, with faults that can be injected.
//!
//! Supports metadata, requests by Redirect and POST, responses by POST, IdP-initiated sign-in, and single logout started by
//! either side. A [`Fault`] makes one part of its messages wrong. Any password is accepted. It signs without a SAML or XML
//! Signature library, so that it is independent of the implementation under test.

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

/// The elements that a provider signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedElements {
    /// The response: Keycloak, Okta.
    Response,
    /// The assertion: ADFS, Entra ID, Google.
    Assertion,
    /// Response and assertion.
    Both,
}

/// Names of the attributes in assertions.
#[derive(Clone, Debug)]
pub struct AttributeNames {
    /// Attribute with the email address.
    pub email: String,
    /// Attribute with the display name.
    pub name: String,
    /// Attribute with the groups.
    pub groups: String,
}

/// Settings of a [`SamlProvider`].
#[derive(Clone)]
pub struct SamlSettings {
    /// Name on the sign-in page.
    pub title: String,
    /// Host of its URLs: `127.0.0.1`, or `localhost` for another site than the gateway's.
    pub host: String,
    /// Loopback port; 0 selects any free port.
    pub port: u16,
    /// Registered service providers; [`SamlProvider::register`] adds more.
    pub service_providers: Vec<ServiceProvider>,
    /// Users of the provider.
    pub people: Vec<Person>,
    /// Clock of the provider.
    pub clock: Clock,
    /// Algorithms of the keys in the metadata. The first key signs.
    pub keys: Vec<Algorithm>,
    /// The elements that it signs.
    pub signed: SignedElements,
    /// How assertions are encrypted for service providers with an encryption certificate.
    pub encryption: Option<Encryption>,
    /// `Format` of the `NameID`.
    pub name_id_format: String,
    /// Names of the attributes.
    pub attributes: AttributeNames,
    /// Lifetime of assertions.
    pub lifetime: Duration,
    /// Time from the sign-in until `SessionNotOnOrAfter`.
    pub session_lifetime: Option<Duration>,
    /// Whether requests must be signed (`WantAuthnRequestsSigned`). Signatures are always verified if present.
    pub wants_requests_signed: bool,
    /// Preferred binding of logout requests, if the service provider supports it.
    pub logout_binding: Option<Binding>,
    /// Faults that are active from the start.
    pub faults: Vec<Fault>,
}

impl Default for SamlSettings {
    /// [`Person::samples`], one RSA key that signs assertions, assertions for five minutes, system clock, no service providers.
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

/// A running provider. Dropping it stops the server.
pub struct SamlProvider {
    server: LocalServer,
    idp: Arc<ProviderState>,
}

impl SamlProvider {
    /// Starts the provider. It serves requests when this returns.
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

    /// Entity ID, which is also the URL of the metadata.
    pub fn entity_id(&self) -> String {
        self.idp.entity_id()
    }

    /// Origin: `http://HOST:PORT`.
    pub fn url(&self) -> String {
        self.idp.url()
    }

    /// Address of the listener.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Metadata of the provider (SAML Metadata 2.4.3): XML.
    pub fn metadata(&self) -> Result<String> {
        metadata::document(&self.idp)
    }

    /// URL that starts an IdP-initiated sign-in at a service provider (Profiles 4.1.5).
    pub fn idp_initiated_url(&self, service_provider: &str, relay_state: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("sp", service_provider);
        if let Some(relay_state) = relay_state {
            query.append_pair("RelayState", relay_state);
        }
        format!("{}/start?{}", self.url(), query.finish())
    }

    /// URL that signs the user out at the provider and at the service provider (Profiles 4.4).
    pub fn sign_out_url(&self) -> String {
        self.idp.at("/sign-out")
    }

    /// Whether the user has a session at the provider in any browser.
    pub fn is_signed_in(&self, username: &str) -> bool {
        self.idp.read(|state| {
            let mut sessions = state.sessions.values();
            sessions.any(|session| session.username == username)
        })
    }

    /// Registers a service provider or replaces the one with the same entity ID.
    pub fn register(&self, service_provider: ServiceProvider) {
        self.idp.change(|state| {
            state
                .service_providers
                .retain(|known| known.entity_id != service_provider.entity_id);
            state.service_providers.push(service_provider);
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

    /// Adds a fault to the active faults.
    pub fn inject_fault(&self, fault: Fault) {
        self.idp.change(|state| state.faults.push(fault));
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.idp.change(|state| state.faults.clear());
    }

    /// Number of responses that a fault has changed. If it is 0, a test of the fault has tested nothing.
    pub fn faulty_responses(&self) -> usize {
        self.idp.read(|state| state.faulty_responses)
    }

    /// Signs with a new key of the same type. With `announce`, the previous key remains in the metadata (Metadata 2.4.1.1).
    pub fn rotate_keys(&self, announce: bool) -> Result<()> {
        self.idp.rotate_keys(announce)
    }

    /// Number of requests to an endpoint, by its path: `/metadata`, `/sso`, `/slo`.
    pub fn hits(&self, path: &str) -> usize {
        lock(&self.idp.hits).get(path).copied().unwrap_or_default()
    }

    /// The canary that faults refer to. It counts clients that follow a reference, an entity or a schema location.
    pub fn canary(&self) -> &Canary {
        &self.idp.canary
    }

    /// The canary file that faults refer to. A process that opens it blocks.
    pub fn canary_file(&self) -> &CanaryFile {
        &self.idp.canary_file
    }
}
