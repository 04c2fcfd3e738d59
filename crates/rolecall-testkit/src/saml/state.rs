//! State of the provider: keys, users, service providers and sessions.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};

use super::request::SignInRequest;
use super::signature::Credential;
use super::{Fault, SamlSettings, ServiceProvider};
use crate::canary::{Canary, CanaryFile};
use crate::keys::{Algorithm, random_text};
use crate::lock;
use crate::oidc::Person;

/// State of a provider, shared by its handlers.
pub(super) struct ProviderState {
    pub(super) settings: SamlSettings,
    pub(super) hits: Mutex<HashMap<&'static str, usize>>,
    pub(super) canary: Canary,
    pub(super) canary_file: CanaryFile,
    state: Mutex<Records>,
}

/// The mutable part of the state.
#[derive(Default)]
pub(super) struct Records {
    port: u16,
    pub(super) service_providers: Vec<ServiceProvider>,
    pub(super) people: Vec<Person>,
    pub(super) faults: Vec<Fault>,
    pub(super) faulty_responses: usize,
    /// By the value of the session cookie.
    pub(super) sessions: HashMap<String, Session>,
    /// Requests that wait for their form, by the hidden field `request` of the form.
    pub(super) requests: HashMap<String, SignInRequest>,
    /// IDs of logout requests that wait for a response.
    pub(super) pending_logouts: Vec<String>,
    /// The first one signs.
    pub(super) credentials: Vec<Credential>,
}

/// A session at the provider.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) username: String,
    pub(super) since: DateTime<Utc>,
    pub(super) index: String,
    /// Entity ID of the service provider that received the last assertion.
    pub(super) at: Option<String>,
}

impl ProviderState {
    pub(super) fn new(settings: SamlSettings) -> Result<Self> {
        let credentials = settings.keys.iter().copied().map(Credential::generate);
        let state = Records {
            service_providers: settings.service_providers.clone(),
            people: settings.people.clone(),
            faults: settings.faults.clone(),
            credentials: credentials.collect::<Result<_>>()?,
            ..Records::default()
        };
        Ok(Self {
            settings,
            hits: Mutex::default(),
            canary: Canary::start()?,
            canary_file: CanaryFile::create()?,
            state: Mutex::new(state),
        })
    }

    /// Sets the port once it is known.
    pub(super) fn settle(&self, port: u16) {
        self.change(|state| state.port = port);
    }

    pub(super) fn title(&self) -> &str {
        &self.settings.title
    }

    pub(super) fn url(&self) -> String {
        let port = self.read(|state| state.port);
        format!("http://{}:{port}", self.settings.host)
    }

    /// The absolute URL of a path.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    pub(super) fn entity_id(&self) -> String {
        self.at("/metadata")
    }

    /// The name of the session cookie. It contains the port, because cookies are shared between ports (RFC 6265 8.5).
    pub(super) fn cookie_name(&self) -> String {
        format!("testkit_idp_{}", self.read(|state| state.port))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.settings.clock)()
    }

    /// The lifetime of assertions.
    pub(super) fn lifetime(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings.lifetime).unwrap_or(TimeDelta::MAX)
    }

    pub(super) fn hit(&self, path: &'static str) {
        *lock(&self.hits).entry(path).or_default() += 1;
    }

    pub(super) fn read<T>(&self, f: impl FnOnce(&Records) -> T) -> T {
        f(&lock(&self.state))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        change(&mut lock(&self.state))
    }

    pub(super) fn service_provider(&self, entity_id: &str) -> Option<ServiceProvider> {
        self.read(|state| {
            let mut known = state.service_providers.iter();
            known.find(|known| known.entity_id == entity_id).cloned()
        })
    }

    pub(super) fn person(&self, username: &str) -> Option<Person> {
        self.read(|state| {
            let mut known = state.people.iter();
            known.find(|person| person.username == username).cloned()
        })
    }

    /// Usernames, for the sign-in form.
    pub(super) fn usernames(&self) -> Vec<String> {
        self.read(|state| {
            let people = state.people.iter();
            people.map(|person| person.username.clone()).collect()
        })
    }

    /// The signing key.
    pub(super) fn credential(&self) -> Result<Credential> {
        let credential = self.read(|state| state.credentials.first().cloned());
        credential.context("a provider must have a key")
    }

    /// A key of the same type that is not in the metadata. It is shared by all providers, because generating an RSA key is slow.
    pub(super) fn unknown_key(&self) -> Result<Credential> {
        static RSA: OnceLock<Credential> = OnceLock::new();
        static EC: OnceLock<Credential> = OnceLock::new();
        let algorithm = self.algorithm();
        let known = match algorithm {
            Algorithm::Rs256 => &RSA,
            Algorithm::Es256 => &EC,
        };
        if known.get().is_none() {
            drop(known.set(Credential::generate(algorithm)?));
        }
        known.get().cloned().context("the key was just generated")
    }

    fn algorithm(&self) -> Algorithm {
        let first = self.settings.keys.first().copied();
        first.unwrap_or(Algorithm::Rs256)
    }

    pub(super) fn rotate_keys(&self, announce: bool) -> Result<()> {
        let fresh = Credential::generate(self.algorithm())?;
        self.change(|state| {
            if !announce {
                state.credentials.clear();
            }
            state.credentials.insert(0, fresh);
        });
        Ok(())
    }

    /// A random ID (SAML Core 1.3.4): an NCName with 128 random bits.
    pub(super) fn id(&self) -> Result<String> {
        Ok(format!("_{}", random_text(16)?))
    }
}
