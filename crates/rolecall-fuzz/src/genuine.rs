//! Genuine responses of the testkit's provider, and their signed content. They are created once per process with new keys, so a
//! finding reports the document and the metadata.

use std::collections::HashMap;
use std::sync::OnceLock;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::sign_in::ProviderError;
use rolecall_harness::saml_verifier::{SamlVerifier, SamlVerifierFixture};
use rolecall_testkit::saml::SignedElements;
use rolecall_testkit::saml::encryption::{Content, Encryption};
use rolecalld::idp::saml::VerifiedAssertion;

/// Genuine responses of several providers.
pub struct Genuine {
    /// The XML documents: two of each provider in turn.
    pub documents: Vec<String>,
    providers: Vec<Provider>,
}

/// A provider with its own settings for signatures and encryption.
pub struct Provider {
    /// Metadata of the provider.
    pub metadata: String,
    verifier: SamlVerifier,
    /// Content of each of its assertions, by ID.
    assertions: HashMap<String, String>,
}

/// The users whom each provider has signed in.
const PEOPLE: [&str; 2] = ["alice", "bob"];

/// The genuine responses of this process.
///
/// # Panics
/// If they cannot be created, because fuzzing is not possible without them.
#[expect(clippy::panic, reason = "fuzzing is not possible without them")]
pub fn genuine() -> &'static Genuine {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    GENUINE.get_or_init(|| match Genuine::new() {
        Ok(genuine) => genuine,
        Err(error) => panic!("genuine responses cannot be created: {error:#}"),
    })
}

impl Genuine {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let plain = |signed| (signed, None);
        let encrypted = |signed, content| (signed, Some(Encryption::with(content)));
        let kinds = [
            plain(SignedElements::Response),
            plain(SignedElements::Assertion),
            plain(SignedElements::Both),
            encrypted(SignedElements::Response, Content::Aes128Cbc),
            encrypted(SignedElements::Assertion, Content::Aes256Gcm),
        ];
        let mut all = Self {
            documents: Vec::new(),
            providers: Vec::new(),
        };
        for (signed, encryption) in kinds {
            runtime.block_on(all.add(signed, encryption))?;
        }
        Ok(all)
    }

    async fn add(&mut self, signed: SignedElements, encryption: Option<Encryption>) -> Result<()> {
        let fixture = SamlVerifierFixture::start(|settings| {
            settings.signed = signed;
            settings.encryption = encryption;
        })?;
        let mut assertions = HashMap::new();
        for person in PEOPLE {
            let response = fixture.response_for(person).await?;
            let verified = fixture.verifier.verify(&response)?;
            assertions.insert(verified.assertion_id.clone(), content(&verified));
            self.documents
                .push(String::from_utf8(STANDARD.decode(response)?)?);
        }
        self.providers.push(Provider {
            metadata: fixture.metadata,
            verifier: fixture.verifier,
            assertions,
        });
        Ok(())
    }

    /// The provider of a document.
    ///
    /// # Panics
    /// Never: each document has a provider.
    pub fn provider_of(&self, document: usize) -> &Provider {
        &self.providers[document / PEOPLE.len() % self.providers.len()]
    }
}

impl Provider {
    /// Verifies a response.
    ///
    /// # Errors
    /// As for `SamlVerifier::verify`.
    pub fn verify(&self, response: &str) -> Result<VerifiedAssertion, ProviderError> {
        self.verifier.verify(response)
    }

    /// Whether this is the content of an assertion of the provider.
    pub fn has_signed(&self, verified: &VerifiedAssertion) -> bool {
        self.assertions.get(&verified.assertion_id) == Some(&content(verified))
    }
}

/// The content of an assertion. It does not include which elements are signed, because removing one of two signatures is
/// harmless.
fn content(verified: &VerifiedAssertion) -> String {
    let all = VerifiedAssertion {
        signed: rolecalld::idp::saml::Signed::Assertion,
        ..verified.clone()
    };
    format!("{all:?}")
}
