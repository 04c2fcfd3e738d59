//! Genuine responses of the testkit's provider, and what was signed in them. They are made once in a process, with keys of
//! its own: a finding shows the document and the metadata, and needs nothing else.

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
    verifier: SamlVerifier,
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
            plain(SignedElements::Response),
            plain(SignedElements::Assertion),
            plain(SignedElements::Both),
            sealed(SignedElements::Response, Content::Aes128Cbc),
            sealed(SignedElements::Assertion, Content::Aes256Gcm),
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
        let mut said = HashMap::new();
        for person in PEOPLE {
            let response = fixture.response_for(person).await?;
            let verified = fixture.verifier.verify(&response)?;
            said.insert(verified.assertion_id.clone(), all_of(&verified));
            self.documents
                .push(String::from_utf8(STANDARD.decode(response)?)?);
        }
        self.providers.push(Provider {
            metadata: fixture.metadata,
            verifier: fixture.verifier,
            said,
        });
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
        self.verifier.verify(response)
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
