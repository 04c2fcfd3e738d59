//! Protocol messages by Redirect and POST (SAML Bindings 3.4 and 3.5).

use std::io::{Read, Write};

use actix_web::HttpResponse;
use actix_web::http::header;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use openssl::x509::X509;
use url::form_urlencoded::{self, Serializer, byte_serialize};

use super::signature::{self, Credential};
use crate::page;
use crate::xml::Element;

/// Maximum size of an inflated message, in bytes.
const MESSAGE_MAX: u64 = 256 * 1024;

/// How a browser carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Deflated in the query, with the signature in another parameter.
    Redirect,
    /// In a form, with the signature in the document.
    Post,
}

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The XML document as received.
    pub document: Element,
    /// Whether the parameter is `SAMLRequest`, not `SAMLResponse`.
    pub is_request: bool,
    /// `RelayState`.
    pub relay_state: Option<String>,
    signature: MessageSignature,
}

#[derive(Clone, Debug)]
enum MessageSignature {
    /// In the document, or missing.
    Embedded,
    /// In a parameter: the signed text, the method and the value.
    Detached(String, String, String),
}

impl Message {
    /// Parses the encoded parameters of `GET` or `POST`: `name=value&…`.
    pub fn read(binding: Binding, encoded: &str) -> Result<Self> {
        let field = |name: &str| {
            let mut raw = encoded.split('&').filter_map(|pair| pair.split_once('='));
            let found = raw.clone().filter(|(known, _)| *known == name).count();
            ensure!(found <= 1, "`{name}` came {found} times");
            Ok(raw
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value))
        };
        let decoded = |raw: &str| -> String {
            let pairs = form_urlencoded::parse(raw.as_bytes());
            pairs.map(|(value, _)| value.into_owned()).collect()
        };
        let (name, raw) = match (field("SAMLRequest")?, field("SAMLResponse")?) {
            (Some(raw), None) => ("SAMLRequest", raw),
            (None, Some(raw)) => ("SAMLResponse", raw),
            (Some(_), Some(_)) | (None, None) => bail!("expected one SAMLRequest or SAMLResponse"),
        };
        let text: String = decoded(raw).split_whitespace().collect();
        let bytes = STANDARD.decode(text).context("the message is not base64")?;
        let relay_state = field("RelayState")?;
        let (document, signature) = match binding {
            Binding::Post => (String::from_utf8(bytes)?, MessageSignature::Embedded),
            Binding::Redirect => {
                let mut document = String::new();
                DeflateDecoder::new(bytes.as_slice())
                    .take(MESSAGE_MAX)
                    .read_to_string(&mut document)?;
                let signature = match (field("SigAlg")?, field("Signature")?) {
                    (Some(method), Some(value)) => {
                        let relay = relay_state.map(|state| format!("&RelayState={state}"));
                        let signed =
                            format!("{name}={raw}{}&SigAlg={method}", relay.unwrap_or_default());
                        MessageSignature::Detached(signed, decoded(method), decoded(value))
                    }
                    (None, None) => MessageSignature::Embedded,
                    (Some(_), None) | (None, Some(_)) => bail!("SigAlg or Signature is missing"),
                };
                (document, signature)
            }
        };
        Ok(Self {
            document: Element::parse(&document)?,
            is_request: name == "SAMLRequest",
            relay_state: relay_state.map(decoded),
            signature,
        })
    }

    /// Whether it has a signature.
    pub fn is_signed(&self) -> bool {
        match &self.signature {
            MessageSignature::Embedded => self.document.find("Signature").is_some(),
            MessageSignature::Detached(..) => true,
        }
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// If it is not signed, or not with the key of one of these certificates.
    pub fn verify(&self, certificates: &[X509]) -> Result<()> {
        match &self.signature {
            MessageSignature::Embedded => signature::verify(&self.document, &[], certificates),
            MessageSignature::Detached(signed, method, value) => {
                signature::verify_query(signed, method, value, certificates)
            }
        }
    }
}

/// A message to send.
pub struct OutgoingMessage<'a> {
    /// The unsigned document.
    pub document: Element,
    /// Whether the parameter is `SAMLRequest`, not `SAMLResponse`.
    pub is_request: bool,
    /// `RelayState`.
    pub relay_state: Option<&'a str>,
    /// The signing key; `None` to send the message unsigned.
    pub credential: Option<&'a Credential>,
}

impl OutgoingMessage<'_> {
    /// The URL that sends the message to `endpoint` by Redirect.
    pub fn redirect(&self, endpoint: &str) -> Result<String> {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(self.document.write().as_bytes())?;
        let mut query = Serializer::new(String::new());
        query.append_pair(self.field(), &STANDARD.encode(deflated.finish()?));
        if let Some(relay_state) = self.relay_state {
            query.append_pair("RelayState", relay_state);
        }
        let query = match self.credential {
            None => query.finish(),
            Some(credential) => {
                query.append_pair("SigAlg", credential.method().uri());
                let query = query.finish();
                let signature = credential.sign_query(&query)?;
                let signature: String = byte_serialize(signature.as_bytes()).collect();
                format!("{query}&Signature={signature}")
            }
        };
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{query}"))
    }

    /// The form fields that send the message by POST.
    pub fn fields(&self) -> Result<Vec<(String, String)>> {
        let mut document = self.document.clone();
        if let Some(credential) = self.credential {
            signature::sign(&mut document, credential)?;
        }
        let message = (self.field().to_owned(), STANDARD.encode(document.write()));
        let relay_state = self
            .relay_state
            .map(|state| ("RelayState".to_owned(), state.to_owned()));
        Ok([message].into_iter().chain(relay_state).collect())
    }

    /// The response that sends the browser to `endpoint`. `title` is the title of the page.
    pub(super) fn send(
        &self,
        binding: Binding,
        endpoint: &str,
        title: &str,
    ) -> Result<HttpResponse> {
        Ok(match binding {
            Binding::Redirect => HttpResponse::SeeOther()
                .insert_header((header::LOCATION, self.redirect(endpoint)?))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish(),
            Binding::Post => page::auto_post(title, endpoint, "post", &self.fields()?),
        })
    }

    fn field(&self) -> &'static str {
        if self.is_request {
            "SAMLRequest"
        } else {
            "SAMLResponse"
        }
    }
}
