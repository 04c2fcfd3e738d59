//! A SAML provider and the gateway's verifier for its responses, without a running gateway.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{Fault, SamlProvider, SamlSettings, ServiceProvider};
use rolecalld::idp::saml::{
    DecryptionKeys, Expected, SamlPolicy, SamlTrust, TrustOptions, VerifiedAssertion, verify,
};

/// URL of the gateway's assertion consumer service.
pub const ACS_URL: &str = "https://sso.example/sign-in/adfs/acs";
/// Entity ID of the gateway at the provider.
pub const ENTITY_ID: &str = "https://sso.example/sign-in/adfs/metadata";
/// `ID` of the request, which is the `InResponseTo` of responses.
pub const REQUEST_ID: &str = "_0123456789abcdef0123456789abcdef";

/// What the verifier expects of responses.
pub const EXPECTED: Expected<'_> = Expected {
    recipients: &[ACS_URL],
    audiences: &[ENTITY_ID],
    in_response_to: Some(REQUEST_ID),
    fresh_since: None,
};

/// A provider and a verifier that trusts its metadata.
pub struct SamlVerifierFixture {
    /// The emulated identity provider, which signs the responses.
    pub provider: SamlProvider,
    /// The provider's metadata.
    pub metadata: String,
    /// The verification of the gateway, with this metadata.
    pub verifier: SamlVerifier,
}

impl SamlVerifierFixture {
    /// Starts a provider that has the encryption certificate of the verifier. `change` adjusts the settings.
    ///
    /// # Errors
    /// If the provider cannot be started or its metadata is not trusted.
    pub fn start(change: impl FnOnce(&mut SamlSettings)) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let own = decryption_credential()?;
        let mut settings = SamlSettings {
            clock: clock.clock(),
            service_providers: vec![ServiceProvider {
                encryption: Some(own.certificate().clone()),
                ..ServiceProvider::new(ENTITY_ID, ACS_URL)
            }],
            ..SamlSettings::default()
        };
        change(&mut settings);
        let provider = SamlProvider::start(settings)?;
        let key = own.key().private_pem()?;
        let options = TrustOptions {
            policy: SamlPolicy {
                decryption_keys: DecryptionKeys::from_pem([key.as_slice()])?,
                ..SamlPolicy::default()
            },
            ..TrustOptions::default()
        };
        let metadata = provider.metadata()?;
        let verifier = SamlVerifier {
            trust: SamlTrust::parse(&metadata, &options)?,
            now: clock.now(),
        };
        Ok(Self {
            provider,
            metadata,
            verifier,
        })
    }

    /// Starts a provider with this fault.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn with_fault(fault: Fault) -> Result<Self> {
        Self::start(|settings| {
            // Generating an RSA key is slow, and only faults of signatures and of encryption need one.
            if !matches!(fault, Fault::Forgery(_) | Fault::EncryptedAssertion(_)) {
                settings.keys = vec![Algorithm::Es256];
            }
            settings.faults.push(fault);
        })
    }

    /// Signs `alice` in and returns the base64 of the response that a browser would post.
    ///
    /// # Errors
    /// If the provider does not respond.
    pub async fn response(&self) -> Result<String> {
        self.response_for("alice").await
    }

    /// As [`Self::response`], for this user.
    ///
    /// # Errors
    /// If the provider does not respond.
    pub async fn response_for(&self, username: &str) -> Result<String> {
        self.provider
            .response_for(ENTITY_ID, REQUEST_ID, username)
            .await
    }
}

/// Verifies responses of one provider. The time is that of the start of the fixture.
pub struct SamlVerifier {
    /// Trust in the provider.
    pub trust: SamlTrust,
    /// Time of verification.
    pub now: DateTime<Utc>,
}

impl SamlVerifier {
    /// Verifies a response as the gateway does when a browser posts it.
    ///
    /// # Errors
    /// As for [`verify`].
    pub fn verify(&self, response: &str) -> Result<VerifiedAssertion, ProviderError> {
        verify(response, &self.trust, self.now, &EXPECTED)
    }
}

/// The gateway's decryption key. Generating an RSA key is slow, so all fixtures of a process share one.
fn decryption_credential() -> Result<&'static Credential> {
    static CREDENTIAL: OnceLock<Credential> = OnceLock::new();
    if CREDENTIAL.get().is_none() {
        drop(CREDENTIAL.set(Credential::generate(Algorithm::Rs256)?));
    }
    CREDENTIAL.get().context("it was just set")
}
