//! What we know of a provider from its metadata (SAML Metadata 2.3, 2.4): its name, keys and addresses.
//!
//! There is no trust without a signing certificate: [`SamlTrust::parse`] is the only way to one. Metadata is read by
//! namespace; what it says beyond that is not looked at.

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

/// Certificates that expire within this time are told of.
const SOON: TimeDelta = TimeDelta::days(30);

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// HTTP-Redirect (Bindings 3.4).
    Redirect,
    /// HTTP-POST (Bindings 3.5).
    Post,
}

impl Binding {
    /// Its name in metadata.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Redirect => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            Self::Post => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        }
    }
}

/// Where a message goes (Metadata 2.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How.
    pub binding: Binding,
    /// Where requests go.
    pub location: Url,
    /// Where responses go, if elsewhere.
    pub response_location: Option<Url>,
}

/// What is taken from a provider beyond the defaults.
#[derive(Clone, Debug)]
pub struct SamlPolicy {
    /// Signatures and digests with SHA-1 count.
    pub allow_sha1: bool,
    /// AES-CBC is decrypted outside a verified signature too.
    pub allow_cbc: bool,
    /// The `Response` must be signed.
    pub require_signed_response: bool,
    /// The `Assertion` must be signed.
    pub require_signed_assertion: bool,
    /// The attribute that names the person, instead of `NameID`.
    pub subject_attribute: Option<String>,
    /// What decrypts assertions; none are taken encrypted without.
    pub decryption_keys: DecryptionKeys,
    /// How far the provider's clock may differ from ours.
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
    /// The entity it must describe; where there is none, it must describe one identity provider alone.
    pub entity_id: Option<String>,
    /// Whose signature it must carry.
    pub metadata_keys: Option<SigningKeys>,
    /// What is taken from the provider.
    pub policy: SamlPolicy,
}

/// Why metadata is no ground for trust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the metadata of the identity provider: {0}")]
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

/// A provider whose word can be verified.
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
    /// Reads metadata: an `EntityDescriptor`, or an `EntitiesDescriptor` with the entity in it.
    ///
    /// # Errors
    /// [`InvalidMetadata`]: not such a document, no signing certificate, no address to send anybody to, another entity,
    /// or no signature by the configured certificate.
    pub fn parse(metadata: &str, options: &TrustOptions) -> Result<Self, InvalidMetadata> {
        let metadata = metadata.trim_start_matches('\u{feff}').trim_start();
        if is_html(metadata) {
            return Err(InvalidMetadata(
                "it is an HTML page, perhaps a sign-in or error page, and not metadata".to_owned(),
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
            .ok_or_else(|| InvalidMetadata("there is no entityID".to_owned()))?;
        let keys = SigningKeys::from_der(signing_certificates(role))?;
        let single_sign_on = endpoints(role, "SingleSignOnService");
        if single_sign_on.is_empty() {
            return Err(InvalidMetadata(
                "there is no SingleSignOnService at an https address, by HTTP-Redirect or HTTP-POST"
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

    /// `entityID`: what the provider calls itself, and what `Issuer` must say.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// The keys that may sign for it.
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// What is taken from it.
    pub fn policy(&self) -> &SamlPolicy {
        &self.policy
    }

    /// `SingleSignOnService`, by this binding.
    pub fn single_sign_on(&self, binding: Binding) -> Option<&Endpoint> {
        self.single_sign_on
            .iter()
            .find(|one| one.binding == binding)
    }

    /// `SingleLogoutService`, by this binding.
    pub fn single_logout(&self, binding: Binding) -> Option<&Endpoint> {
        self.single_logout.iter().find(|one| one.binding == binding)
    }

    /// `WantAuthnRequestsSigned`
    pub fn wants_signed_requests(&self) -> bool {
        self.wants_signed_requests
    }

    /// Whether the metadata still counts.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`] from `validUntil` on.
    pub fn still_valid(&self, now: DateTime<Utc>) -> Result<(), ProviderError> {
        match self.valid_until {
            Some(until) if now >= until => {
                let expired = InvalidMetadata(format!("it was valid until {until}"));
                Err(ProviderError::Misconfigured(Box::new(expired)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What an operator should know before people do: metadata that has expired, certificates that have or soon will.
    pub fn remarks(&self, now: DateTime<Utc>) -> Vec<String> {
        let expired = self.valid_until.filter(|until| now >= *until).map(|until| {
            format!("the metadata was valid until {until}: nobody can sign in; get it anew from the provider")
        });
        let ends = self.keys.not_after().filter(|end| now + SOON >= *end);
        let ends = ends.map(|end| {
            let tense = if now >= end { "expired" } else { "expires" };
            format!("the provider's last signing certificate {tense} on {end}: get its metadata anew when it has another")
        });
        expired.into_iter().chain(ends).collect()
    }

    /// `validUntil`: from then on the metadata is worth nothing (Metadata 2.3.2).
    pub fn valid_until(&self) -> Option<DateTime<Utc>> {
        self.valid_until
    }
}

/// The text of metadata: XML in UTF-8.
///
/// # Errors
/// [`InvalidMetadata`], with the encoding that it seems to have.
pub fn metadata_text(document: Vec<u8>) -> Result<String, InvalidMetadata> {
    let utf16 = matches!(
        document.as_slice(),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..]
    );
    let not_utf8 = |found: &str| {
        InvalidMetadata(format!(
            "it is in {found}, and must be in UTF-8: save it as UTF-8"
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

/// What the configured certificate has signed of the metadata: all of it.
fn signed(metadata: &str, keys: &SigningKeys) -> Result<VerifiedXml, InvalidMetadata> {
    GuardedXml::parse(metadata, Shape::Metadata)
        .and_then(|guarded| Xmlsec.verified(&guarded, keys))
        .map_err(InvalidMetadata::of)
}

/// The entity and its role as an identity provider.
fn identity_provider<'a, 'i>(
    root: Node<'a, 'i>,
    options: &TrustOptions,
) -> Result<(Node<'a, 'i>, Node<'a, 'i>), InvalidMetadata> {
    if !is(root, METADATA, "EntityDescriptor") && !is(root, METADATA, "EntitiesDescriptor") {
        return Err(InvalidMetadata(
            "it is neither an EntityDescriptor nor an EntitiesDescriptor".to_owned(),
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
            "it describes no SAML 2.0 identity provider with entityID {wanted:?}"
        ))),
        (None, _, None) => Err(InvalidMetadata(
            "it describes no SAML 2.0 identity provider (IDPSSODescriptor)".to_owned(),
        )),
        (Some(_), Some(_), _) => Err(InvalidMetadata(
            "it describes several identity providers; name one with entity_id".to_owned(),
        )),
    }
}

/// Whether an entity has nothing but `EntitiesDescriptor`s around it (Metadata 2.3.1). Within extensions (2.2.1) anything may
/// stand, and it speaks for nobody.
fn is_in_place(entity: Node<'_, '_>) -> bool {
    let mut around = entity.ancestors().skip(1).filter(Node::is_element);
    around.all(|node| is(node, METADATA, "EntitiesDescriptor"))
}

/// The certificates of key descriptors for signing, or for nothing in particular (Metadata 2.4.1.1).
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

/// The services of this kind at addresses we may send somebody to.
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

/// The earliest `validUntil` of the role and of everything around it.
fn valid_until(role: Node<'_, '_>) -> Result<Option<DateTime<Utc>>, InvalidMetadata> {
    let mut earliest: Option<DateTime<Utc>> = None;
    for node in role.ancestors().filter(Node::is_element) {
        let until = instant(node, "validUntil")
            .map_err(|_| InvalidMetadata("validUntil is no time".to_owned()))?;
        earliest = match (earliest, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok(earliest)
}

#[cfg(test)]
mod tests;
