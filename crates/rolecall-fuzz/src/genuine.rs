//! Genuine responses of the testkit's provider, and what was signed in them. They are made once in a process, with keys of
//! its own: a finding shows the document and the metadata, and needs nothing else.

use std::collections::HashMap;
use std::sync::OnceLock;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::encryption::{Content, Encryption};
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{SamlProvider, SamlSettings, ServiceProvider, Signed};
use rolecalld::idp::saml::{
    DecryptionKeys, Expected, SamlPolicy, SamlTrust, TrustOptions, VerifiedAssertion, verify,
};

const CONSUMER: &str = "https://sso.example/sign-in/adfs/acs";
const ENTITY: &str = "https://sso.example/sign-in/adfs/metadata";
const REQUEST: &str = "_0123456789abcdef0123456789abcdef";

/// Genuine responses, of several providers.
pub struct Genuine {
    /// As XML: two of each provider, one after the other.
    pub documents: Vec<String>,
    providers: Vec<Provider>,
}

/// One that signs, and perhaps encrypts, in its own way.
pub struct Provider {
    /// Its metadata.
    pub metadata: String,
    trust: SamlTrust,
    now: DateTime<Utc>,
    /// What each of its assertions says, by ID.
    said: HashMap<String, String>,
}

/// The people whom each provider has signed in.
const PEOPLE: [&str; 2] = ["alice", "bob"];

/// The genuine ones of this process.
///
/// # Panics
/// When there are none: nothing can be fuzzed then.
#[expect(clippy::panic, reason = "fuzzing without them would prove nothing")]
pub fn genuine() -> &'static Genuine {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    GENUINE.get_or_init(|| match Genuine::new() {
        Ok(genuine) => genuine,
        Err(error) => panic!("no genuine responses: {error:#}"),
    })
}

impl Genuine {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let plain = |signed| (signed, None);
        let sealed = |signed, content| (signed, Some(Encryption::with(content)));
        let kinds = [
            plain(Signed::Response),
            plain(Signed::Assertion),
            plain(Signed::Both),
            sealed(Signed::Response, Content::Aes128Cbc),
            sealed(Signed::Assertion, Content::Aes256Gcm),
        ];
        let own = Credential::generate(Algorithm::Rs256)?;
        let mut all = Self {
            documents: Vec::new(),
            providers: Vec::new(),
        };
        for (signed, encryption) in kinds {
            runtime.block_on(all.add(signed, encryption, &own))?;
        }
        Ok(all)
    }

    async fn add(
        &mut self,
        signed: Signed,
        encryption: Option<Encryption>,
        own: &Credential,
    ) -> Result<()> {
        let clock = ManualClock::starting_now();
        let upstream = SamlProvider::start(SamlSettings {
            clock: clock.clock(),
            service_providers: vec![ServiceProvider {
                encryption: Some(own.certificate().clone()),
                ..ServiceProvider::new(ENTITY, CONSUMER)
            }],
            signed,
            encryption,
            ..SamlSettings::default()
        })?;
        let key = own.key().private_pem()?;
        let options = TrustOptions {
            policy: SamlPolicy {
                decryption_keys: DecryptionKeys::from_pem([key.as_slice()])?,
                ..SamlPolicy::default()
            },
            ..TrustOptions::default()
        };
        let metadata = upstream.metadata()?;
        let mut provider = Provider {
            trust: SamlTrust::parse(&metadata, &options)?,
            metadata,
            now: clock.now(),
            said: HashMap::new(),
        };
        for person in PEOPLE {
            let response = upstream.response_for(ENTITY, REQUEST, person).await?;
            let verified = provider.verify(&response)?;
            provider
                .said
                .insert(verified.assertion_id.clone(), all_of(&verified));
            self.documents
                .push(String::from_utf8(STANDARD.decode(response)?)?);
        }
        self.providers.push(provider);
        Ok(())
    }

    /// Whose document this is.
    ///
    /// # Panics
    /// Never: there are as many.
    pub fn provider_of(&self, document: usize) -> &Provider {
        &self.providers[document / PEOPLE.len() % self.providers.len()]
    }
}

impl Provider {
    /// Verifies a response as if it had been posted.
    ///
    /// # Errors
    /// Those of `verify`.
    pub fn verify(&self, response: &str) -> Result<VerifiedAssertion, ProviderError> {
        let expected = Expected {
            recipients: &[CONSUMER],
            audiences: &[ENTITY],
            in_response_to: Some(REQUEST),
            fresh_since: None,
        };
        verify(response, &self.trust, self.now, &expected)
    }

    /// Whether this is what the provider has said.
    pub fn has_said(&self, verified: &VerifiedAssertion) -> bool {
        self.said.get(&verified.assertion_id) == Some(&all_of(verified))
    }
}

/// All that an assertion says. Which elements are signed is not of it: whoever takes one of two signatures away does no harm.
fn all_of(verified: &VerifiedAssertion) -> String {
    let all = VerifiedAssertion {
        signed: rolecalld::idp::saml::Signed::Assertion,
        ..verified.clone()
    };
    format!("{all:?}")
}
