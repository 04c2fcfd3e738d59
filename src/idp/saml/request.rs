//! Messages to a provider: `AuthnRequest` (SAML Core 3.4.1), `LogoutRequest` (3.7.1) and `LogoutResponse`; and our
//! metadata (SAML Metadata 2.4.4).

use askama::Template;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rolecall_core::base::Entropy;
use rolecall_core::identity::NameId;
use rolecall_core::sign_in::ProviderError;

use super::message::unavailable;
use super::own_keys::OwnKey;
use super::settings::SamlSettings;
use crate::canonical_xml::{EnvelopedSignature, is_xml};

/// A new `ID` (Core 1.3.4): an NCName with 128 random bits.
pub fn fresh_id(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    format!("_{:032x}", u128::from_be_bytes(bytes))
}

/// `xs:dateTime` in UTC (Core 1.3.3).
pub fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `samlp:AuthnRequest`
pub struct AuthnRequest {
    /// `ID`
    pub id: String,
    /// `IssueInstant`
    pub issued_at: String,
    /// `Destination`
    pub destination: String,
    /// `AssertionConsumerServiceURL`
    pub consumer: String,
    /// `Issuer`
    pub issuer: String,
    /// `ForceAuthn`: the provider must authenticate the person again.
    pub force_authn: bool,
    /// `NameIDPolicy/@Format`
    pub name_id_format: Option<String>,
    /// `RequestedAuthnContext`, exact comparison; omitted if empty.
    pub contexts: Vec<String>,
}

/// `samlp:LogoutRequest`
pub struct LogoutRequest<'a> {
    /// `ID`
    pub id: String,
    /// `IssueInstant`
    pub issued_at: String,
    /// `NotOnOrAfter`
    pub expires_at: String,
    /// `Destination`
    pub destination: String,
    /// `Issuer`
    pub issuer: String,
    /// `NameID` of the session, as sent by the provider.
    pub name_id: &'a NameId,
    /// `SessionIndex` of the sessions.
    pub session_index: Option<&'a str>,
}

/// `samlp:LogoutResponse` with status success.
pub struct LogoutResponse<'a> {
    /// `ID`
    pub id: String,
    /// `InResponseTo`: the `ID` of the provider's request.
    pub in_response_to: &'a str,
    /// `IssueInstant`
    pub issued_at: String,
    /// `Destination`
    pub destination: String,
    /// `Issuer`
    pub issuer: String,
}

#[derive(Template)]
#[template(path = "saml/authn_request.xml")]
struct AuthnRequestXml<'a> {
    request: &'a AuthnRequest,
    signature: Option<&'a EnvelopedSignature<'a>>,
}

#[derive(Template)]
#[template(path = "saml/logout_request.xml")]
struct LogoutRequestXml<'a> {
    request: &'a LogoutRequest<'a>,
    signature: Option<&'a EnvelopedSignature<'a>>,
}

#[derive(Template)]
#[template(path = "saml/logout_response.xml")]
struct LogoutResponseXml<'a> {
    response: &'a LogoutResponse<'a>,
    signature: Option<&'a EnvelopedSignature<'a>>,
}

impl AuthnRequest {
    /// Builds the message, signed if there is a key.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub fn written(&self, key: Option<&OwnKey>) -> Result<String, ProviderError> {
        written(&self.id, key, |signature| {
            let request = self;
            AuthnRequestXml { request, signature }.render()
        })
    }
}

impl LogoutRequest<'_> {
    /// As [`AuthnRequest::written`].
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub fn written(&self, key: Option<&OwnKey>) -> Result<String, ProviderError> {
        written(&self.id, key, |signature| {
            let request = self;
            LogoutRequestXml { request, signature }.render()
        })
    }
}

impl LogoutResponse<'_> {
    /// As [`AuthnRequest::written`].
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub fn written(&self, key: Option<&OwnKey>) -> Result<String, ProviderError> {
        written(&self.id, key, |signature| {
            let response = self;
            LogoutResponseXml {
                response,
                signature,
            }
            .render()
        })
    }
}

/// Why a message could not be built.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error(transparent)]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Signature(#[from] openssl::error::ErrorStack),
    #[error("a character that XML does not allow")]
    NotXml,
}

fn written(
    id: &str,
    key: Option<&OwnKey>,
    render: impl Fn(Option<&EnvelopedSignature<'_>>) -> Result<String, askama::Error>,
) -> Result<String, ProviderError> {
    let document = || -> Result<String, BuildError> {
        let plain = render(None)?;
        if !plain.chars().all(is_xml) {
            return Err(BuildError::NotXml);
        }
        let Some(key) = key else {
            return Ok(plain);
        };
        let sign = |octets: &[u8]| Ok::<_, BuildError>(key.rsa_sha256(octets)?);
        let signature = EnvelopedSignature::of(&plain, id, key.certificate(), sign)?;
        Ok(render(Some(&signature))?)
    };
    document().map_err(unavailable)
}

/// Validity of our metadata. It changes only with the configuration, and providers with a cached copy must not lose it
/// overnight.
const METADATA_LIFE: TimeDelta = TimeDelta::days(366);

#[derive(Template)]
#[template(path = "saml/service_provider.xml")]
struct ServiceProviderXml<'a> {
    entity_id: &'a str,
    valid_until: String,
    requests_signed: bool,
    wants_assertions_signed: bool,
    signing: Vec<&'a str>,
    encryption: Vec<&'a str>,
    name_id_format: Option<&'a str>,
    consumer: &'a str,
    logout: &'a str,
}

/// Our metadata for a provider.
///
/// # Errors
/// [`ProviderError::Unavailable`], if the template fails.
pub fn metadata(settings: &SamlSettings, now: DateTime<Utc>) -> Result<String, ProviderError> {
    ServiceProviderXml {
        entity_id: &settings.addresses.entity_id,
        valid_until: moment(now + METADATA_LIFE),
        requests_signed: settings.sign_requests,
        wants_assertions_signed: !settings.options.policy.require_signed_response,
        signing: certificates(&settings.signing_keys),
        encryption: certificates(&settings.encryption_keys),
        name_id_format: settings.name_id_format.as_deref(),
        consumer: settings.addresses.consumer.as_str(),
        logout: settings.addresses.logout.as_str(),
    }
    .render()
    .map_err(unavailable)
}

fn certificates(keys: &[OwnKey]) -> Vec<&str> {
    keys.iter().map(OwnKey::certificate).collect()
}

#[cfg(test)]
mod tests {
    use super::super::guard::{GuardedXml, Shape};
    use super::super::message::{IncomingMessage, OutgoingMessage};
    use super::super::own_keys::tests::{Sevens, pem};
    use super::super::redirect::Message;
    use super::super::settings::tests::settings;
    use super::super::signature::{XmlSignature as _, Xmlsec};
    use super::super::xml::attribute;
    use super::super::{SigningKeys, trust::Binding};
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rolecall_core::base::secret::SecretText;
    use rolecall_core::sign_in::{Challenge, LogoutMessage, RejectReason};

    const HOSTILE: &str = "a&b<c>\"d'\té</saml:NameID>";

    fn name_id() -> NameId {
        NameId {
            value: HOSTILE.to_owned(),
            format: Some(HOSTILE.to_owned()),
            name_qualifier: Some("q".to_owned()),
            sp_name_qualifier: None,
        }
    }

    fn logout_request(name_id: &NameId) -> LogoutRequest<'_> {
        LogoutRequest {
            id: fresh_id(&Sevens),
            issued_at: moment(DateTime::UNIX_EPOCH),
            expires_at: moment(DateTime::UNIX_EPOCH),
            destination: "https://idp.example/slo?a=b&c=d".to_owned(),
            issuer: "https://sso.example/sign-in/adfs/metadata".to_owned(),
            name_id,
            session_index: Some(HOSTILE),
        }
    }

    fn keys(key: &OwnKey) -> SigningKeys {
        SigningKeys::from_der([STANDARD.decode(key.certificate()).unwrap()]).unwrap()
    }

    fn key() -> OwnKey {
        OwnKey::from_pem(&pem(0)).unwrap()
    }

    #[test]
    fn signed_messages_are_canonical_and_complete() {
        let (key, name_id) = (key(), name_id());
        let xml = logout_request(&name_id).written(Some(&key)).unwrap();
        let guarded = GuardedXml::parse(&xml, Shape::Logout).unwrap();
        let verified = Xmlsec.verified(&guarded, &keys(&key)).unwrap();
        let document = verified.document().unwrap();
        let name = document
            .descendants()
            .find(|node| node.has_tag_name("NameID") || node.tag_name().name() == "NameID")
            .unwrap();
        assert_eq!(name.text(), Some(HOSTILE));
        assert_eq!(attribute(name, "Format"), Some(HOSTILE));
    }

    #[test]
    fn redirect_message_round_trips_with_signature() {
        let (key, name_id) = (key(), name_id());
        let outgoing = OutgoingMessage {
            message: Message::Request,
            relay_state: Some("a b+c&d"),
            key: Some(&key),
        };
        let to = "https://idp.example/slo?tenant=x".parse().unwrap();
        let request = logout_request(&name_id);
        let challenge = outgoing
            .to(Binding::Redirect, &to, |key| request.written(key))
            .unwrap();
        let Challenge::Redirect(url) = challenge else {
            panic!("{challenge:?}");
        };
        let query = url.query().unwrap();
        assert!(query.starts_with("tenant=x&SAMLRequest="));
        let read = |query: &str| {
            let message = LogoutMessage::Redirect(SecretText::new(query));
            IncomingMessage::verified(&message, &keys(&key))
        };
        let incoming = read(query).unwrap();
        assert_eq!(incoming.relay_state.as_deref(), Some("a b+c&d"));
        assert_eq!(incoming.xml, request.written(None).unwrap());

        let reason = |ended: Result<IncomingMessage, ProviderError>| match ended.unwrap_err() {
            ProviderError::Rejected { reason, .. } => reason,
            error @ (ProviderError::Refused { .. }
            | ProviderError::Misconfigured(_)
            | ProviderError::Unavailable(_)) => panic!("{error}"),
        };
        let unsigned = query.split("&SigAlg").next().unwrap();
        assert_eq!(reason(read(unsigned)), RejectReason::Unsigned);
        let twice = format!("{query}&SAMLRequest=x");
        assert_eq!(reason(read(&twice)), RejectReason::Malformed);
        let other = query.replace("a+b", "a+c");
        assert_eq!(reason(read(&other)), RejectReason::Signature);
        let weak = query.replace("rsa-sha256", "rsa-sha1");
        assert_eq!(reason(read(&weak)), RejectReason::Algorithm);
        let strange = LogoutMessage::Redirect(SecretText::new(query));
        let stranger = keys(&OwnKey::from_pem(&pem(1)).unwrap());
        let ended = IncomingMessage::verified(&strange, &stranger);
        assert_eq!(reason(ended), RejectReason::Signature);
    }

    #[test]
    fn posted_authn_request_has_embedded_signature() {
        let key = key();
        let request = AuthnRequest {
            id: "_1".to_owned(),
            issued_at: moment(DateTime::UNIX_EPOCH),
            destination: "https://idp.example/sso".to_owned(),
            consumer: "https://sso.example/acs".to_owned(),
            issuer: HOSTILE.to_owned(),
            force_authn: true,
            name_id_format: Some("f".to_owned()),
            contexts: vec![HOSTILE.to_owned(), "b".to_owned()],
        };
        let xml = request.written(Some(&key)).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let root = document.root_element();
        let force = root.attributes().find(|one| one.name() == "ForceAuthn");
        assert_eq!(force.map(|one| one.value()), Some("true"));
        let children: Vec<&str> = root
            .children()
            .map(|child| child.tag_name().name())
            .collect();
        assert_eq!(
            children,
            [
                "Issuer",
                "Signature",
                "NameIDPolicy",
                "RequestedAuthnContext"
            ],
            "in the order of the schema"
        );
        assert_eq!(root.first_element_child().unwrap().text(), Some(HOSTILE));
    }

    #[test]
    fn metadata_contains_all_keys_and_is_valid_xml() {
        let mut settings = settings();
        let parsed = |settings: &SamlSettings| metadata(settings, DateTime::UNIX_EPOCH).unwrap();
        assert!(!parsed(&settings).contains("SingleLogoutService"));
        settings.signing_keys = vec![key(), OwnKey::from_pem(&pem(1)).unwrap()];
        settings.encryption_keys = vec![key()];
        settings.addresses.entity_id = "https://sso.example/\"&<".to_owned();
        let xml = parsed(&settings);
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(
            attribute(document.root_element(), "entityID"),
            Some("https://sso.example/\"&<")
        );
        let until = attribute(document.root_element(), "validUntil");
        assert_eq!(until, Some("1971-01-02T00:00:00Z"));
        let uses: Vec<_> = document
            .descendants()
            .filter(|node| node.tag_name().name() == "KeyDescriptor")
            .map(|node| attribute(node, "use").unwrap())
            .collect();
        assert_eq!(uses, ["signing", "signing", "encryption"]);
        assert!(xml.contains("https://sso.example/sign-in/adfs/slo"));
    }
}
