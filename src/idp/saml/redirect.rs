//! Messages by HTTP-Redirect (SAML Bindings 3.4): inflated within limits, and verified by the signature over the raw
//! query string.
//!
//! A [`RedirectMessage`] always has a valid signature.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;
use rolecall_core::base::limits;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use url::form_urlencoded;

use super::keys::SigningKeys;
use super::xml::malformed;

/// Maximum size of an inflated message in bytes; requests and logout messages have a few KiB.
const INFLATED_MAX: u64 = 256 * 1024;
/// Maximum ratio between inflated and deflated size; XML does not compress better.
const RATIO_MAX: u64 = 20;

/// The kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// `SAMLRequest`
    Request,
    /// `SAMLResponse`
    Response,
}

/// A message signed by a key of the provider. Its structure is unchecked.
#[derive(Debug)]
pub struct RedirectMessage {
    /// The kind of message.
    pub message: Message,
    /// The XML document.
    pub xml: String,
    /// `RelayState` as received, covered by the signature.
    pub relay_state: Option<String>,
}

impl RedirectMessage {
    /// Parses the raw query string of a request and verifies its signature (3.4.4.1).
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], [`RejectReason::Unsigned`], [`RejectReason::Algorithm`],
    /// [`RejectReason::Signature`].
    pub fn verified(query: &str, keys: &SigningKeys) -> Result<Self, ProviderError> {
        if query.len() > limits::SAML_MESSAGE_BYTES_MAX {
            return Err(malformed("the query is too large"));
        }
        let (request, response) = (raw(query, "SAMLRequest")?, raw(query, "SAMLResponse")?);
        let (message, name, sent) = match (request, response) {
            (Some(sent), None) => (Message::Request, "SAMLRequest", sent),
            (None, Some(sent)) => (Message::Response, "SAMLResponse", sent),
            (Some(_), Some(_)) | (None, None) => {
                return Err(malformed("the query must contain exactly one message"));
            }
        };
        let relay_state = raw(query, "RelayState")?;
        let (algorithm, signature) = (raw(query, "SigAlg")?, raw(query, "Signature")?);
        let (Some(algorithm), Some(signature)) = (algorithm, signature) else {
            return Err(ProviderError::rejected(
                RejectReason::Unsigned,
                "the query is not signed",
            ));
        };
        let relayed = relay_state.map_or_else(String::new, |value| format!("&RelayState={value}"));
        let signed = format!("{name}={sent}{relayed}&SigAlg={algorithm}");
        Detached::of(&decoded(algorithm), keys)?.verify(
            signed.as_bytes(),
            &bytes(signature)?,
            keys,
        )?;
        let encoding = raw(query, "SAMLEncoding")?.map(decoded);
        if encoding
            .is_some_and(|how| how != "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE")
        {
            return Err(malformed("SAMLEncoding is not DEFLATE"));
        }
        Ok(Self {
            message,
            xml: inflated(&bytes(sent)?)?,
            relay_state: relay_state.map(decoded),
        })
    }
}

/// The raw value of a parameter, which must not be repeated.
fn raw<'a>(query: &'a str, name: &str) -> Result<Option<&'a str>, ProviderError> {
    let mut found = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| decoded(key) == name)
        .map(|(_, value)| value);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(malformed(format!(
            "duplicate parameter {name} in the query"
        ))),
    }
}

fn decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(whole, _)| whole.into_owned())
        .unwrap_or_default()
}

fn bytes(value: &str) -> Result<Vec<u8>, ProviderError> {
    let text: String = form_urlencoded::parse(format!("v={value}").as_bytes())
        .map(|(_, text)| text.replace(['\r', '\n'], ""))
        .collect();
    STANDARD
        .decode(text)
        .map_err(|_| malformed("a parameter of the query is not base64"))
}

/// Inflates (RFC 1951) up to the size limit.
fn inflated(bytes: &[u8]) -> Result<String, ProviderError> {
    let max = INFLATED_MAX.min(bytes.len() as u64 * RATIO_MAX + 1024);
    let mut text = Vec::new();
    let mut reader = DeflateDecoder::new(bytes).take(max + 1);
    reader
        .read_to_end(&mut text)
        .map_err(|_| malformed("the message is not valid DEFLATE"))?;
    if text.len() as u64 > max {
        return Err(malformed("the inflated message is too large"));
    }
    String::from_utf8(text).map_err(|_| malformed("the message is not UTF-8"))
}

/// The detached signature of a query.
struct Detached {
    kind: Id,
    digest: MessageDigest,
}

impl Detached {
    fn of(uri: &str, keys: &SigningKeys) -> Result<Self, ProviderError> {
        let name = uri.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#");
        let sha1 = uri == "http://www.w3.org/2000/09/xmldsig#rsa-sha1" && keys.allow_sha1();
        let (kind, digest) = match name.unwrap_or_default() {
            "rsa-sha256" => (Id::RSA, MessageDigest::sha256()),
            "rsa-sha384" => (Id::RSA, MessageDigest::sha384()),
            "rsa-sha512" => (Id::RSA, MessageDigest::sha512()),
            "ecdsa-sha256" => (Id::EC, MessageDigest::sha256()),
            "ecdsa-sha384" => (Id::EC, MessageDigest::sha384()),
            "ecdsa-sha512" => (Id::EC, MessageDigest::sha512()),
            _ if sha1 => (Id::RSA, MessageDigest::sha1()),
            _ => {
                return Err(ProviderError::rejected(
                    RejectReason::Algorithm,
                    "the signature algorithm of the query is not supported",
                ));
            }
        };
        Ok(Self { kind, digest })
    }

    fn verify(
        &self,
        signed: &[u8],
        signature: &[u8],
        keys: &SigningKeys,
    ) -> Result<(), ProviderError> {
        let good = keys
            .of_type(self.kind)
            .any(|key| self.fits(&key.public, signed, signature).unwrap_or(false));
        if good {
            return Ok(());
        }
        Err(ProviderError::rejected(
            RejectReason::Signature,
            "the signature of the query does not match a certificate in the metadata of the provider",
        ))
    }

    /// An ECDSA signature is r and s (RFC 4050), or DER as sent by some providers.
    fn fits(
        &self,
        key: &PKey<Public>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, ErrorStack> {
        let half = usize::try_from(key.bits().div_ceil(8)).unwrap_or_default();
        let plain = self.kind == Id::EC && signature.len() == 2 * half;
        let der = match plain.then(|| signature.split_at(half)) {
            Some((r, s)) => {
                let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
                EcdsaSig::from_private_components(r, s)?.to_der()?
            }
            None => signature.to_vec(),
        };
        let mut verifier = Verifier::new(self.digest, key)?;
        verifier.update(signed)?;
        verifier.verify(&der)
    }
}

#[cfg(test)]
mod tests;
