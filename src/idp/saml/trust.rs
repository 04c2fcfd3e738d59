//! Trust in a provider from its metadata (SAML Metadata 2.3, 2.4): entity ID, keys and URLs.
//!
//! Trust requires a signing certificate: [`SamlTrust::parse`] is the only constructor. Metadata is parsed by namespace;
//! other content is ignored.

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::limits;
use rolecall_core::sign_in::ProviderError;
use roxmltree::Node;
use url::Url;

use super::guard::{GuardedXml, Shape, strict};
use super::keys::{DecryptionKeys, InvalidKey, SigningKeys, base64_text};
use super::signature::{VerifiedXml, XmlSignature as _, Xmlsec};
use super::xml::{DSIG, METADATA, PROTOCOL, attribute, children, instant, is, text, trimmed};
use crate::idp::http::callable;

/// Certificates that expire within this time cause a warning.
const SOON: TimeDelta = TimeDelta::days(30);

/// The binding of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// HTTP-Redirect (Bindings 3.4).
    Redirect,
    /// HTTP-POST (Bindings 3.5).
    Post,
}

impl Binding {
    /// The URI in metadata.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Redirect => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            Self::Post => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        }
    }
}

/// An endpoint (Metadata 2.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How messages are sent to it.
    pub binding: Binding,
    /// URL for requests.
    pub location: Url,
    /// URL for responses, if different.
    pub response_location: Option<Url>,
}

/// Options for the messages of a provider.
#[derive(Clone, Debug)]
pub struct SamlPolicy {
    /// Accept signatures and digests with SHA-1.
    pub allow_sha1: bool,
    /// Decrypt AES-CBC outside of a verified signature.
    pub allow_cbc: bool,
    /// Require a signed `Response`.
    pub require_signed_response: bool,
    /// Require a signed `Assertion`.
    pub require_signed_assertion: bool,
    /// The attribute that contains the subject, instead of `NameID`.
    pub subject_attribute: Option<String>,
    /// Decryption keys; without keys, encrypted assertions are rejected.
    pub decryption_keys: DecryptionKeys,
    /// Tolerated clock difference.
    pub leeway: TimeDelta,
}

impl Default for SamlPolicy {
    fn default() -> Self {
        Self {
            allow_sha1: false,
            allow_cbc: false,
            require_signed_response: false,
            require_signed_assertion: false,
            subject_attribute: None,
            decryption_keys: DecryptionKeys::default(),
            leeway: limits::SAML_LEEWAY,
        }
    }
}

/// How metadata is read.
#[derive(Clone, Debug, Default)]
pub struct TrustOptions {
    /// The expected entity. If `None`, the metadata must describe exactly one identity provider.
    pub entity_id: Option<String>,
    /// The keys that must have signed the metadata.
    pub metadata_keys: Option<SigningKeys>,
    /// Options for the messages of the provider.
    pub policy: SamlPolicy,
}

/// Why metadata cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid metadata of the identity provider: {0}")]
pub struct InvalidMetadata(pub(super) String);

impl InvalidMetadata {
    fn of(error: ProviderError) -> Self {
        match error {
            ProviderError::Rejected { detail, .. } => Self(detail),
            ProviderError::Refused { .. }
            | ProviderError::Misconfigured(_)
            | ProviderError::Unavailable(_) => Self(error.to_string()),
        }
    }
}

impl From<InvalidKey> for InvalidMetadata {
    fn from(error: InvalidKey) -> Self {
        Self(format!("no usable signing certificate: {error}"))
    }
}

/// A provider whose messages can be verified.
#[derive(Clone, Debug)]
pub struct SamlTrust {
    entity_id: String,
    keys: SigningKeys,
    single_sign_on: Vec<Endpoint>,
    single_logout: Vec<Endpoint>,
    wants_signed_requests: bool,
    valid_until: Option<DateTime<Utc>>,
    policy: SamlPolicy,
}

impl SamlTrust {
    /// Parses metadata: an `EntityDescriptor`, or an `EntitiesDescriptor` that contains the entity.
    ///
    /// # Errors
    /// [`InvalidMetadata`]: another document, no signing certificate, no SingleSignOnService, another entity, or no
    /// signature by the configured certificate.
    pub fn parse(metadata: &str, options: &TrustOptions) -> Result<Self, InvalidMetadata> {
        let metadata = metadata.trim_start_matches('\u{feff}').trim_start();
        if is_html(metadata) {
            return Err(InvalidMetadata(
                "this is an HTML page, such as a sign-in or error page, instead of metadata"
                    .to_owned(),
            ));
        }
        let verified = match &options.metadata_keys {
            Some(keys) => Some(signed(metadata, keys)?),
            None => None,
        };
        let document = match &verified {
            Some(verified) => verified.document(),
            None => strict(metadata, Shape::Metadata),
        };
        let document = document.map_err(InvalidMetadata::of)?;
        let (entity, role) = identity_provider(document.root_element(), options)?;
        let entity_id = attribute(entity, "entityID")
            .map(trimmed)
            .filter(|id| !id.is_empty() && id.len() <= 1024)
            .ok_or_else(|| InvalidMetadata("entityID is missing".to_owned()))?;
        let keys = SigningKeys::from_der(signing_certificates(role))?;
        let single_sign_on = endpoints(role, "SingleSignOnService");
        if single_sign_on.is_empty() {
            return Err(InvalidMetadata(
                "a SingleSignOnService with an https URL and HTTP-Redirect or HTTP-POST is missing"
                    .to_owned(),
            ));
        }
        Ok(Self {
            entity_id: entity_id.to_owned(),
            keys: keys.allowing_sha1(options.policy.allow_sha1),
            single_sign_on,
            single_logout: endpoints(role, "SingleLogoutService"),
            wants_signed_requests: matches!(
                attribute(role, "WantAuthnRequestsSigned").map(trimmed),
                Some("true" | "1")
            ),
            valid_until: valid_until(role)?,
            policy: options.policy.clone(),
        })
    }

    /// `entityID` of the provider, which `Issuer` must equal.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// The keys that can sign for the provider.
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// Options for the messages of the provider.
    pub fn policy(&self) -> &SamlPolicy {
        &self.policy
    }

    /// The `SingleSignOnService` with this binding.
    pub fn single_sign_on(&self, binding: Binding) -> Option<&Endpoint> {
        self.single_sign_on
            .iter()
            .find(|one| one.binding == binding)
    }

    /// The `SingleLogoutService` with this binding.
    pub fn single_logout(&self, binding: Binding) -> Option<&Endpoint> {
        self.single_logout.iter().find(|one| one.binding == binding)
    }

    /// `WantAuthnRequestsSigned`
    pub fn wants_signed_requests(&self) -> bool {
        self.wants_signed_requests
    }

    /// Checks that the metadata has not expired.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`] after `validUntil`.
    pub fn still_valid(&self, now: DateTime<Utc>) -> Result<(), ProviderError> {
        match self.valid_until {
            Some(until) if now >= until => {
                let expired = InvalidMetadata(format!("it was valid until {until}"));
                Err(ProviderError::Misconfigured(Box::new(expired)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Warnings about expired metadata, and about certificates that have expired or will expire soon.
    pub fn warnings(&self, now: DateTime<Utc>) -> Vec<String> {
        let expired = self.valid_until.filter(|until| now >= *until).map(|until| {
            format!("the metadata was valid until {until}: all sign-ins fail; update the metadata from the provider")
        });
        let ends = self.keys.not_after().filter(|end| now + SOON >= *end);
        let ends = ends.map(|end| {
            let tense = if now >= end { "expired" } else { "expires" };
            format!("the last signing certificate of the provider {tense} on {end}: update the metadata when the provider has a new certificate")
        });
        expired.into_iter().chain(ends).collect()
    }

    /// `validUntil`, after which the metadata is invalid (Metadata 2.3.2).
    pub fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.valid_until
    }
}

/// The text of metadata, which must be UTF-8.
///
/// # Errors
/// [`InvalidMetadata`], with the detected encoding.
pub fn metadata_text(document: Vec<u8>) -> Result<String, InvalidMetadata> {
    let utf16 = matches!(
        document.as_slice(),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..]
    );
    let not_utf8 = |found: &str| {
        InvalidMetadata(format!(
            "the encoding is {found}, but must be UTF-8: save the file as UTF-8"
        ))
    };
    if utf16 {
        return Err(not_utf8("UTF-16"));
    }
    String::from_utf8(document).map_err(|_| not_utf8("another encoding"))
}

fn is_html(text: &str) -> bool {
    let begins = |with: &str| {
        let start = text.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    begins("<!doctype html") || begins("<html")
}

/// The metadata as covered by the signature of the configured certificate.
fn signed(metadata: &str, keys: &SigningKeys) -> Result<VerifiedXml, InvalidMetadata> {
    GuardedXml::parse(metadata, Shape::Metadata)
        .and_then(|guarded| Xmlsec.verified(&guarded, keys))
        .map_err(InvalidMetadata::of)
}

/// The entity with its role as identity provider.
fn identity_provider<'a, 'i>(
    root: Node<'a, 'i>,
    options: &TrustOptions,
) -> Result<(Node<'a, 'i>, Node<'a, 'i>), InvalidMetadata> {
    if !is(root, METADATA, "EntityDescriptor") && !is(root, METADATA, "EntitiesDescriptor") {
        return Err(InvalidMetadata(
            "the root element is neither EntityDescriptor nor EntitiesDescriptor".to_owned(),
        ));
    }
    let wanted = options.entity_id.as_deref();
    let mut found = root
        .descendants()
        .filter(|node| is(*node, METADATA, "EntityDescriptor") && is_in_place(*node))
        .filter(|node| wanted.is_none() || attribute(*node, "entityID").map(trimmed) == wanted)
        .flat_map(|entity| {
            let roles = children(entity, METADATA, "IDPSSODescriptor");
            roles.map(move |role| (entity, role))
        })
        .filter(|(_, role)| {
            let protocols = attribute(*role, "protocolSupportEnumeration");
            protocols.is_some_and(|list| list.split_ascii_whitespace().any(|one| one == PROTOCOL))
        });
    match (found.next(), found.next(), wanted) {
        (Some(one), None, _) => Ok(one),
        (None, _, Some(wanted)) => Err(InvalidMetadata(format!(
            "no SAML 2.0 identity provider has the entityID {wanted:?}"
        ))),
        (None, _, None) => Err(InvalidMetadata(
            "it contains no SAML 2.0 identity provider (IDPSSODescriptor)".to_owned(),
        )),
        (Some(_), Some(_), _) => Err(InvalidMetadata(
            "it contains several identity providers; set entity_id".to_owned(),
        )),
    }
}

/// Whether an entity is only inside `EntitiesDescriptor`s (Metadata 2.3.1). Extensions (2.2.1) can contain arbitrary
/// elements, which are ignored.
fn is_in_place(entity: Node<'_, '_>) -> bool {
    let mut around = entity.ancestors().skip(1).filter(Node::is_element);
    around.all(|node| is(node, METADATA, "EntitiesDescriptor"))
}

/// The certificates of key descriptors for signing, or without `use` (Metadata 2.4.1.1).
fn signing_certificates(role: Node<'_, '_>) -> Vec<Vec<u8>> {
    children(role, METADATA, "KeyDescriptor")
        .filter(|key| {
            matches!(
                attribute(*key, "use").map(trimmed),
                None | Some("" | "signing")
            )
        })
        .flat_map(|key| children(key, DSIG, "KeyInfo"))
        .flat_map(|info| children(info, DSIG, "X509Data"))
        .flat_map(|data| children(data, DSIG, "X509Certificate"))
        .filter_map(|node| text(node).as_deref().and_then(base64_text))
        .collect()
}

/// The services of this kind with an allowed URL.
fn endpoints(role: Node<'_, '_>, name: &str) -> Vec<Endpoint> {
    let address = |node: Node<'_, '_>, name: &str| {
        let url = Url::parse(trimmed(attribute(node, name)?)).ok()?;
        (callable(&url) && url.fragment().is_none()).then_some(url)
    };
    children(role, METADATA, name)
        .filter_map(|node| {
            let binding = attribute(node, "Binding").map(trimmed);
            let known = [Binding::Redirect, Binding::Post];
            Some(Endpoint {
                binding: known.into_iter().find(|one| Some(one.uri()) == binding)?,
                location: address(node, "Location")?,
                response_location: address(node, "ResponseLocation"),
            })
        })
        .collect()
}

/// The earliest `validUntil` of the role and its ancestors.
fn valid_until(role: Node<'_, '_>) -> Result<Option<DateTime<Utc>>, InvalidMetadata> {
    let mut earliest: Option<DateTime<Utc>> = None;
    for node in role.ancestors().filter(Node::is_element) {
        let until = instant(node, "validUntil")
            .map_err(|_| InvalidMetadata("validUntil is not a valid time".to_owned()))?;
        earliest = match (earliest, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok(earliest)
}

#[cfg(test)]
mod tests;
