//! An identity provider whose codes say whose they are, and which can be told to misbehave.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rolecall_core::base::Clock as _;
use rolecall_core::base::secret::{SecretText, State};
use rolecall_core::identity::{
    AuthTime, Claims, EmailAddress, EmailDomain, Evidence, Identity, ProviderId, Subject,
};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, Challenge, Correlation, IdentityProvider, ProviderError,
    SamlServiceProvider, Turn, VerifiedSignIn,
};
use serde_json::json;
use url::Url;

use super::{Journal, ManualClock};

type Trouble = Box<dyn FnOnce() -> ProviderError + Send>;

pub struct Provider {
    id: ProviderId,
    clock: Arc<ManualClock>,
    journal: Journal,
    domains: Vec<EmailDomain>,
    trouble: Mutex<Option<Trouble>>,
    /// How many SAML messages were verified.
    pub(super) verified: AtomicUsize,
    /// How many of them in turn.
    pub(super) in_turn: AtomicUsize,
    people: Mutex<BTreeMap<String, Identity>>,
}

impl Provider {
    pub fn new(id: &str, clock: Arc<ManualClock>, journal: Journal) -> Self {
        let id = ProviderId::parse(id).unwrap();
        let alice = person(&id, "alice", &["payments-dev"]);
        let bob = person(&id, "bob", &[]);
        Self {
            domains: vec![EmailDomain::parse(&format!("{id}.example")).unwrap()],
            id,
            clock,
            journal,
            trouble: Mutex::default(),
            verified: AtomicUsize::default(),
            in_turn: AtomicUsize::default(),
            people: Mutex::new(BTreeMap::from([
                ("alice".to_owned(), alice),
                ("bob".to_owned(), bob),
            ])),
        }
    }

    /// The next call ends in this.
    pub fn fail_once(&self, error: impl FnOnce() -> ProviderError + Send + 'static) {
        *self.trouble.lock().unwrap() = Some(Box::new(error));
    }

    /// Changes what it says of somebody, or makes it know them.
    pub fn describe(&self, name: &str, change: impl FnOnce(&mut Identity)) {
        let mut people = self.people.lock().unwrap();
        let entry = people.entry(name.to_owned());
        change(entry.or_insert_with(|| person(&self.id, name, &[])));
    }

    /// What it says of somebody, with a new authentication.
    pub(super) fn knows(&self, name: &str) -> Identity {
        let mut identity = self.people.lock().unwrap()[name].clone();
        identity.asserted_at = self.clock.now();
        identity
    }

    pub(super) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    pub(super) fn failing(&self) -> Result<(), ProviderError> {
        let trouble = self.trouble.lock().unwrap().take();
        trouble.map_or(Ok(()), |error| Err(error()))
    }
}

fn person(provider: &ProviderId, name: &str, groups: &[&str]) -> Identity {
    let claims = BTreeMap::from([("department".to_owned(), vec!["payments".to_owned()])]);
    Identity {
        provider: provider.clone(),
        subject: Subject::parse(&format!("subject-{name}")).unwrap(),
        email: EmailAddress::parse(&format!("{name}@example.com")).ok(),
        name: Some(name.to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        claims: Claims::parse(claims).unwrap(),
        unread_claims: Default::default(),
        untrusted_email: None,
        mfa: false,
        asserted_at: DateTime::<Utc>::UNIX_EPOCH,
        auth_time: AuthTime::Stated,
        evidence: Evidence::IdToken {
            token: SecretText::new(format!("canary-id-token-of-{name}")),
            sid: None,
        },
    }
}

#[async_trait]
impl IdentityProvider for Provider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn title(&self) -> &str {
        "Scripted"
    }

    fn domains(&self) -> &[EmailDomain] {
        &self.domains
    }

    async fn begin(
        &self,
        state: &State,
        _: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError> {
        self.failing()?;
        let mut url = Url::parse("https://idp.example/authorize").unwrap();
        url.query_pairs_mut().append_pair("state", state.expose());
        let correlation = json!({ "of": self.id, "nonce": "canary-nonce" });
        Ok((Challenge::Redirect(url), Correlation(correlation)))
    }

    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<VerifiedSignIn, ProviderError> {
        self.journal.note(format!("complete at {}", self.id));
        tokio::task::yield_now().await;
        self.failing()?;
        assert_eq!(
            correlation.0,
            json!({ "of": self.id, "nonce": "canary-nonce" }),
            "what was remembered for somebody else"
        );
        match callback {
            Callback::Code { code, .. } => Ok(self.knows(code.expose()).into()),
            Callback::Saml(response) => self.saml_said(&Turn::Ours, &response).await,
            Callback::Error { .. } => Err(ProviderError::Refused {
                error: "access_denied",
                explanation: None,
            }),
        }
    }

    async fn begin_sign_out(
        &self,
        identity: &Identity,
        state: &State,
    ) -> Option<(Challenge, Option<Correlation>)> {
        let mut url = Url::parse("https://idp.example/end").unwrap();
        url.query_pairs_mut()
            .append_pair("who", identity.subject.as_str())
            .append_pair("state", state.expose());
        let remembered = matches!(identity.evidence, Evidence::SamlAssertion { .. })
            .then(|| Correlation(json!("canary-logout-request")));
        Some((Challenge::Redirect(url), remembered))
    }

    fn saml(&self) -> Option<&dyn SamlServiceProvider> {
        // One of the two speaks SAML.
        (self.id.as_str() == "okta").then_some(self)
    }
}
