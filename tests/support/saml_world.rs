//! A SAML provider that misbehaves as it is told, and a verifier that believes its metadata.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{SamlProvider, SamlSettings, ServiceProvider};
use rolecalld::idp::saml::{
    DecryptionKeys, Expected, SamlPolicy, SamlTrust, TrustOptions, VerifiedAssertion, verify,
};

/// Where the provider's responses are sent, for whom, and in answer to what.
pub const CONSUMER: &str = "https://sso.example/sign-in/adfs/acs";
pub const ENTITY: &str = "https://sso.example/sign-in/adfs/metadata";
pub const REQUEST: &str = "_0123456789abcdef0123456789abcdef";

/// What is expected of such a response.
pub const EXPECTED: Expected<'_> = Expected {
    recipients: &[CONSUMER],
    audiences: &[ENTITY],
    in_response_to: Some(REQUEST),
    fresh_since: None,
};

/// What the gateway decrypts with. There is one for all tests of a program: making one takes a while.
fn decryption() -> Result<&'static Credential> {
    static KEY: OnceLock<Credential> = OnceLock::new();
    if KEY.get().is_none() {
        drop(KEY.set(Credential::generate(Algorithm::Rs256)?));
    }
    KEY.get().context("it was just made")
}

/// A provider, and what is known of it.
pub struct World {
    pub clock: ManualClock,
    pub upstream: SamlProvider,
    pub trust: SamlTrust,
}

impl World {
    /// A provider that knows the key to encrypt with; `change` says what else it does.
    pub fn new(change: impl FnOnce(&mut SamlSettings)) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let own = decryption()?;
        let mut settings = SamlSettings {
            clock: clock.clock(),
            service_providers: vec![ServiceProvider {
                encryption: Some(own.certificate().clone()),
                ..ServiceProvider::new(ENTITY, CONSUMER)
            }],
            ..SamlSettings::default()
        };
        change(&mut settings);
        let upstream = SamlProvider::start(settings)?;
        let key = own.key().private_pem()?;
        let options = TrustOptions {
            policy: SamlPolicy {
                decryption_keys: DecryptionKeys::from_pem([key.as_slice()])?,
                ..SamlPolicy::default()
            },
            ..TrustOptions::default()
        };
        let trust = SamlTrust::parse(&upstream.metadata()?, &options)?;
        Ok(Self {
            clock,
            upstream,
            trust,
        })
    }

    /// Signs `alice` in; the response that arrives at the consumer.
    pub async fn response(&self) -> Result<String> {
        self.upstream.response_for(ENTITY, REQUEST, "alice").await
    }

    /// What the gateway makes of a response.
    pub fn verify(&self, response: &str) -> Result<VerifiedAssertion, ProviderError> {
        verify(response, &self.trust, self.clock.now(), &EXPECTED)
    }
}
