//! State of the provider: keys, users, sessions and codes. Also applies faults to responses.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use actix_web::HttpResponse;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::fault::FaultContext;
use super::response::{ResponseDraft, ResponseKind};
use super::variation::Variation;
use super::{AuthTime, Fault, GroupsClaim, OidcClient, OidcSettings, Person};
use crate::clock::Clock;
use crate::keys::{Algorithm, SigningKey, random_text};
use crate::lock;

/// Lifetime of codes (RFC 6749 4.1.2), in seconds.
const CODE_LIFETIME: i64 = 60;

/// State of a provider, shared by its handlers.
pub(super) struct ProviderState {
    pub(super) title: String,
    pub(super) clock: Clock,
    pub(super) groups: GroupsClaim,
    pub(super) auth_time: AuthTime,
    pub(super) contexts: Vec<String>,
    pub(super) token_lifetime: i64,
    pub(super) hits: Mutex<HashMap<&'static str, usize>>,
    algorithms: Vec<Algorithm>,
    path: String,
    canary: String,
    unpublished_key: SigningKey,
    state: Mutex<Records>,
}

/// The mutable part of the state.
#[derive(Default)]
pub(super) struct Records {
    pub(super) issuer: String,
    pub(super) clients: Vec<OidcClient>,
    pub(super) people: Vec<Person>,
    pub(super) faults: Vec<Fault>,
    pub(super) faulty_responses: usize,
    pub(super) variation: Variation,
    /// Used `jti`s of client assertions.
    pub(super) assertions: HashSet<String>,
    /// By the value of the session cookie.
    pub(super) sessions: HashMap<String, Session>,
    /// Requests that wait for their form, by the hidden field `request` of the form.
    pub(super) requests: HashMap<String, Request>,
    pub(super) codes: HashMap<String, Code>,
    /// Usernames by access token.
    pub(super) access_tokens: HashMap<String, String>,
    pub(super) keys: Vec<SigningKey>,
}

/// A session at the provider.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) username: String,
    /// Seconds since the epoch.
    pub(super) auth_time: i64,
    /// The context of the authentication, if it was requested.
    pub(super) acr: Option<String>,
}

/// A validated authorization request.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: String,
    /// Whether `max_age` or the `claims` parameter requests `auth_time`.
    pub(super) requests_auth_time: bool,
    /// The first of `acr_values` that the provider honors.
    pub(super) acr: Option<String>,
}

/// The request and the session of a code.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) request: Request,
    pub(super) session: Session,
    pub(super) expires_at: i64,
}

impl ProviderState {
    pub(super) fn new(settings: OidcSettings, canary: String) -> Result<Self> {
        let keys = generate(&settings.keys)?;
        let first = keys.first().context("a provider needs a key")?;
        let unpublished_key = SigningKey::generate(first.algorithm())?.with_kid(first.kid());
        let state = Records {
            clients: settings.clients,
            people: settings.people,
            faults: settings.faults,
            keys,
            ..Records::default()
        };
        Ok(Self {
            title: settings.title,
            clock: settings.clock,
            groups: settings.groups,
            auth_time: settings.auth_time,
            contexts: settings.contexts,
            token_lifetime: settings.token_lifetime.as_secs().try_into()?,
            hits: Mutex::default(),
            algorithms: settings.keys,
            path: settings.path,
            canary,
            unpublished_key,
            state: Mutex::new(state),
        })
    }

    /// Sets the issuer once the address is known.
    pub(super) fn settle(&self, url: &str) {
        self.change(|state| state.issuer = format!("{url}{}", self.path));
    }

    pub(super) fn issuer(&self) -> String {
        self.read(|state| state.issuer.clone())
    }

    /// The path of cookies: that of the issuer, with a trailing slash.
    pub(super) fn cookie_path(&self) -> String {
        format!("{}/", self.path)
    }

    /// The name of the session cookie. It contains the port, because cookies are shared between ports (RFC 6265 8.5).
    pub(super) fn cookie_name(&self) -> String {
        let port = self
            .issuer()
            .rsplit(':')
            .next()
            .map(|rest| rest.replace('/', "-"));
        format!("testkit_op_{}", port.unwrap_or_default())
    }

    pub(super) fn now(&self) -> i64 {
        (self.clock)().timestamp()
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

    pub(super) fn client(&self, id: &str) -> Option<OidcClient> {
        self.read(|state| state.clients.iter().find(|client| client.id == id).cloned())
    }

    pub(super) fn person(&self, username: &str) -> Option<Person> {
        self.read(|state| {
            state
                .people
                .iter()
                .find(|person| person.username == username)
                .cloned()
        })
    }

    /// Usernames, for the sign-in form.
    pub(super) fn usernames(&self) -> Vec<String> {
        self.read(|state| {
            let people = state.people.iter();
            people.map(|person| person.username.clone()).collect()
        })
    }

    pub(super) fn rotate_keys(&self) -> Result<()> {
        let keys = generate(&self.algorithms)?;
        self.change(|state| state.keys = keys);
        Ok(())
    }

    /// Issues a code.
    pub(super) fn code(&self, request: Request, session: Session) -> Result<String> {
        let code = random_text(32)?;
        let expires_at = self.now() + CODE_LIFETIME;
        self.change(|state| {
            state.codes.insert(
                code.clone(),
                Code {
                    request,
                    session,
                    expires_at,
                },
            )
        });
        Ok(code)
    }

    /// Claims of a user for UserInfo and the ID token.
    pub(super) fn claims(&self, person: &Person, groups: bool) -> Map<String, Value> {
        let mut claims = Map::from_iter([
            ("sub".to_owned(), json!(person.subject)),
            ("email".to_owned(), json!(person.email)),
            ("email_verified".to_owned(), json!(person.email_verified)),
            ("name".to_owned(), json!(person.name)),
            ("preferred_username".to_owned(), json!(person.username)),
        ]);
        if groups {
            claims.insert("groups".to_owned(), json!(person.groups));
        }
        if let Some(domain) = &person.hosted_domain {
            claims.insert("hd".to_owned(), json!(domain));
        }
        claims.extend(person.claims.clone());
        claims
    }

    /// Applies the variation and all faults to a response.
    pub(super) fn apply_faults(
        &self,
        mut response: ResponseDraft,
        client_id: &str,
    ) -> Result<ResponseDraft> {
        let client = self.client(client_id);
        let now = self.now();
        self.change(|state| {
            let context = FaultContext {
                key: state.keys.first().context("a provider has a key")?,
                unpublished_key: &self.unpublished_key,
                canary: &self.canary,
                client_secret: client.as_ref().and_then(|client| client.secret.as_deref()),
                now,
            };
            state.variation.apply(&mut response);
            for fault in &state.faults {
                let before = response.clone();
                fault.apply(&mut response, &context)?;
                if response != before {
                    state.faulty_responses += 1;
                }
            }
            Ok(response)
        })
    }

    /// Responds with JSON, after variation and faults.
    pub(super) async fn respond(
        &self,
        kind: ResponseKind,
        body: Value,
        client_id: &str,
    ) -> HttpResponse {
        match self.apply_faults(ResponseDraft::new(kind, body), client_id) {
            Ok(response) => response.respond(&self.canary).await,
            Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
        }
    }

    /// The signed ID token, after variation and faults.
    pub(super) fn id_token(&self, claims: Value, client_id: &str) -> Result<String> {
        let key = self
            .read(|state| state.keys.first().cloned())
            .context("a provider has a key")?;
        let response = ResponseDraft::new(ResponseKind::IdToken, claims).with_header(key.header());
        self.apply_faults(response, client_id)?
            .into_jws(&key, &self.unpublished_key)
    }
}

fn generate(algorithms: &[Algorithm]) -> Result<Vec<SigningKey>> {
    algorithms
        .iter()
        .map(|algorithm| SigningKey::generate(*algorithm))
        .collect()
}
