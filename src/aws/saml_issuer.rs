//! The gateway as SAML provider of IAM: responses for `AssumeRoleWithSAML` and for the AWS sign-in endpoint, and the
//! metadata for IAM.
//!
//! A response is valid for one role, one account and one sign-in endpoint, for five minutes. Without a key for SAML,
//! there are neither metadata nor responses; tokens are not affected.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use askama::Template;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use rolecall_core::aws::{MintedSaml, Recipient, SamlClaims, SamlIssuer, saml_entity_id};
use rolecall_core::base::limits::{LEEWAY, SAML_RESPONSE_CHARS_MAX, SAML_RESPONSE_LIFE};
use rolecall_core::base::secret::SamlResponse;
use rolecall_core::base::{BoxError, Clock, Entropy};

use super::keys::{KeyDirectory, KeyError, KeySet, KeyUse, SigningKey};
use super::{AwsSettings, IssuerDocument};

pub use document::{DocumentError, ResponseContent, SamlAttribute};

mod document;

/// Prefix of the names of AWS attributes.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// Why a response could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// There is no active key.
    #[error("no active key for SAML responses: run `rolecalld keys generate --saml`")]
    NoKey,
    /// The response is larger than AWS accepts: there are too many session tags, or their values are too long.
    #[error(
        "the SAML response has {0} characters, AWS accepts {SAML_RESPONSE_CHARS_MAX}: configure fewer or shorter session tags"
    )]
    TooLong(usize),
    /// The Region does not form a valid URL.
    #[error("the Region has no sign-in endpoint")]
    NoRecipient,
}

/// Signs responses with the active key for SAML.
pub struct ResponseIssuer {
    /// The origin of the gateway, without a trailing slash.
    origin: String,
    directory: KeyDirectory,
    aws: AwsSettings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    current: ArcSwapOption<Current>,
}

/// The state after reading the directory.
struct Current {
    key: Arc<SigningKey>,
    /// The certificate of the active key, base64 of DER.
    certificate: String,
    metadata: IssuerDocument,
}

#[derive(Template)]
#[template(path = "saml/metadata.xml")]
struct MetadataXml<'a> {
    entity_id: &'a str,
    certificates: &'a [String],
    portal: &'a str,
}

impl ResponseIssuer {
    /// An issuer with the keys of the directory, which need not contain one for SAML. `origin` is `public_url` without
    /// a trailing slash.
    ///
    /// # Errors
    /// If the directory or a key cannot be read.
    pub fn open(
        origin: impl Into<String>,
        directory: KeyDirectory,
        aws: AwsSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeyError> {
        let issuer = Self {
            origin: origin.into(),
            directory: directory.used_for(KeyUse::Saml),
            aws,
            clock,
            entropy,
            current: ArcSwapOption::empty(),
        };
        issuer.reload()?;
        Ok(issuer)
    }

    /// Reads the directory again: after a rotation, and regularly, so that expired certificates are removed from the
    /// metadata. On an error, the previous keys stay in use. Blocks on file access.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reload(&self) -> Result<(), KeyError> {
        let current = match self.directory.load(self.clock.now()) {
            Ok(keys) => Some(Arc::new(self.read(&keys)?)),
            Err(KeyError::NoneActive(_)) => None,
            Err(error) => return Err(error),
        };
        self.current.store(current);
        Ok(())
    }

    fn read(&self, keys: &KeySet) -> Result<Current, KeyError> {
        let certificates = keys
            .published
            .iter()
            .map(|key| Ok(STANDARD.encode(key.certificate_der()?)))
            .collect::<Result<Vec<String>, KeyError>>()?;
        let metadata = MetadataXml {
            entity_id: &self.entity_id(),
            certificates: &certificates,
            portal: &format!("{}/", self.origin),
        };
        let metadata = metadata.to_string();
        Ok(Current {
            key: Arc::clone(&keys.active),
            certificate: certificates.into_iter().next().unwrap_or_default(),
            metadata: IssuerDocument::of(metadata),
        })
    }

    /// `entityID`, and `Issuer` of every response: the URL of the metadata.
    pub fn entity_id(&self) -> String {
        saml_entity_id(&self.origin)
    }

    /// Checks that there is an active key.
    ///
    /// # Errors
    /// [`KeyError::NoneActive`].
    pub fn ready(&self) -> Result<(), KeyError> {
        match self.current.load().as_ref() {
            Some(_) => Ok(()),
            None => Err(KeyError::NoneActive(KeyUse::Saml)),
        }
    }

    /// `/saml/metadata` (SAML Metadata 2.0) with all published certificates, the active one first; `None` without a
    /// key.
    pub fn metadata(&self) -> Option<IssuerDocument> {
        let current = self.current.load();
        current.as_ref().map(|current| current.metadata.clone())
    }

    fn recipient(&self, claims: &SamlClaims) -> Result<Recipient, RespondError> {
        let region = claims.region.as_ref().unwrap_or(&self.aws.sts_region);
        let (own, endpoint) = (claims.recipient.as_ref(), self.aws.signin_endpoint.as_ref());
        Recipient::for_account(own, endpoint, self.aws.partition, region)
            .ok_or(RespondError::NoRecipient)
    }

    fn content(&self, claims: &SamlClaims, recipient: &Recipient) -> ResponseContent {
        let now = self.clock.now();
        ResponseContent {
            response_id: self.id(),
            assertion_id: self.id(),
            issuer: self.entity_id(),
            issued_at: instant(now),
            // The clock of AWS may be behind.
            valid_from: instant(now - LEEWAY),
            expires_at: instant(now + SAML_RESPONSE_LIFE),
            authenticated_at: instant(claims.authenticated_at),
            recipient: recipient.to_string(),
            audience: claims.audience.clone(),
            subject: claims.subject.as_str().to_owned(),
            attributes: attributes(claims),
        }
    }

    /// 128 random bits as an NCName (SAML Core 1.3.4).
    fn id(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        format!("_{:032x}", u128::from_be_bytes(bytes))
    }
}

/// `xs:dateTime` in UTC (SAML Core 1.3.3).
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The attributes for AWS (IAM User Guide, "Configure SAML assertions for the authentication response").
/// `SessionNotOnOrAfter` is omitted: `SessionDuration` has the same purpose and does not depend on clocks.
fn attributes(claims: &SamlClaims) -> Vec<SamlAttribute> {
    let mut attributes = Vec::with_capacity(5 + claims.tags.len());
    let mut set = |name: &str, values: Vec<String>| {
        attributes.push(SamlAttribute {
            name: format!("{ATTRIBUTES}{name}"),
            values,
        });
    };
    set("Role", vec![format!("{},{}", claims.role, claims.provider)]);
    set(
        "RoleSessionName",
        vec![claims.session_name.as_str().to_owned()],
    );
    set(
        "SessionDuration",
        vec![claims.duration.seconds().to_string()],
    );
    if let Some(source_identity) = &claims.source_identity {
        set("SourceIdentity", vec![source_identity.to_string()]);
    }
    for (key, value) in claims.tags.iter() {
        set(&format!("PrincipalTag:{key}"), vec![value.to_owned()]);
    }
    let transitive: Vec<String> = claims.tags.transitive().map(str::to_owned).collect();
    if !transitive.is_empty() {
        set("TransitiveTagKeys", transitive);
    }
    attributes
}

#[async_trait]
impl SamlIssuer for ResponseIssuer {
    async fn respond(&self, claims: &SamlClaims) -> Result<MintedSaml, BoxError> {
        let current = self.current.load_full().ok_or(RespondError::NoKey)?;
        let recipient = self.recipient(claims)?;
        let content = self.content(claims, &recipient);
        let assertion = content.assertion_id.clone();
        // Two signatures of a millisecond each: use a blocking thread.
        let document =
            tokio::task::spawn_blocking(move || content.signed(&current.key, &current.certificate));
        let response = STANDARD.encode(document.await??);
        if response.len() > SAML_RESPONSE_CHARS_MAX {
            return Err(RespondError::TooLong(response.len()).into());
        }
        Ok(MintedSaml {
            response: SamlResponse::new(response),
            assertion,
            recipient,
            expires_at: self.clock.now() + SAML_RESPONSE_LIFE,
        })
    }
}
