//! Messages that a browser transports: by HTTP-Redirect, deflated with a detached signature (SAML Bindings 3.4), or in
//! a form with an embedded signature (3.5).
//!
//! Received logout messages require the signature of the provider, and only signed content is accessible.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rolecall_core::sign_in::{Challenge, LogoutMessage, ProviderError};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::guard::{GuardedXml, Shape, decoded};
use super::keys::SigningKeys;
use super::own_keys::OwnKey;
use super::redirect::{Message, RedirectMessage};
use super::signature::{XmlSignature as _, Xmlsec};
use super::trust::{Binding, Endpoint};

const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

/// The error for a message that cannot be built or signed.
pub fn unavailable(error: impl Into<rolecall_core::base::BoxError>) -> ProviderError {
    ProviderError::Unavailable(error.into())
}

/// A message before it is sent.
pub struct OutgoingMessage<'a> {
    /// The kind of message.
    pub message: Message,
    /// `RelayState`, which the receiver returns with its response.
    pub relay_state: Option<&'a str>,
    /// The signing key; `None` for unsigned messages.
    pub key: Option<&'a OwnKey>,
}

impl OutgoingMessage<'_> {
    /// Encodes the message for an endpoint. `written` builds it, and signs it if requested.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`], if it cannot be built or signed.
    pub fn to(
        &self,
        binding: Binding,
        to: &Url,
        written: impl FnOnce(Option<&OwnKey>) -> Result<String, ProviderError>,
    ) -> Result<Challenge, ProviderError> {
        match binding {
            Binding::Redirect => Ok(Challenge::Redirect(self.redirect(to, &written(None)?)?)),
            Binding::Post => {
                let message = STANDARD.encode(written(self.key)?);
                let mut fields = vec![(parameter(self.message), message)];
                fields.extend(
                    self.relay_state
                        .map(|state| ("RelayState", state.to_owned())),
                );
                Ok(Challenge::PostForm {
                    action: to.clone(),
                    fields,
                })
            }
        }
    }

    /// The DEFLATE encoding with a signature over the query string (3.4.4.1).
    fn redirect(&self, to: &Url, message: &str) -> Result<Url, ProviderError> {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        deflated
            .write_all(message.as_bytes())
            .map_err(unavailable)?;
        let deflated = deflated.finish().map_err(unavailable)?;
        let pair = |name: &str, value: &str| {
            let value: String = byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        };
        let mut query = pair(parameter(self.message), &STANDARD.encode(deflated));
        if let Some(state) = self.relay_state {
            query = format!("{query}&{}", pair("RelayState", state));
        }
        if let Some(key) = self.key {
            query = format!("{query}&{}", pair("SigAlg", RSA_SHA256));
            let signature = key.rsa_sha256(query.as_bytes()).map_err(unavailable)?;
            query = format!("{query}&{}", pair("Signature", &STANDARD.encode(signature)));
        }
        let mut url = to.clone();
        url.set_query(Some(&match to.query().filter(|old| !old.is_empty()) {
            Some(old) => format!("{old}&{query}"),
            None => query,
        }));
        Ok(url)
    }
}

/// The parameter name of the message.
fn parameter(message: Message) -> &'static str {
    match message {
        Message::Request => "SAMLRequest",
        Message::Response => "SAMLResponse",
    }
}

/// The URL for responses: the separate one, if present, or the one for requests.
pub fn response_url(endpoint: &Endpoint) -> &Url {
    endpoint
        .response_location
        .as_ref()
        .unwrap_or(&endpoint.location)
}

/// A logout message with a valid signature of the provider.
#[derive(Debug)]
pub struct IncomingMessage {
    /// The signed XML.
    pub xml: String,
    /// `RelayState` as received.
    pub relay_state: Option<String>,
}

impl IncomingMessage {
    /// Verifies the signature of a message.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`].
    pub fn verified(message: &LogoutMessage, keys: &SigningKeys) -> Result<Self, ProviderError> {
        match message {
            LogoutMessage::Redirect(query) => {
                let message = RedirectMessage::verified(query.expose(), keys)?;
                GuardedXml::parse(&message.xml, Shape::Logout)?;
                Ok(Self {
                    xml: message.xml,
                    relay_state: message.relay_state,
                })
            }
            LogoutMessage::Post {
                message,
                relay_state,
            } => {
                let text = decoded(message.expose())?;
                let guarded = GuardedXml::parse(&text, Shape::Logout)?;
                let verified = Xmlsec.verified(&guarded, keys)?;
                // Whether the root was signed is checked when the document is parsed.
                verified.document()?;
                Ok(Self {
                    xml: verified.text().to_owned(),
                    relay_state: relay_state.clone(),
                })
            }
        }
    }
}
