//! One answer of the provider, before it leaves: what a fault changes, and how the result is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use anyhow::Result;
use serde_json::{Map, Value};

use super::variation::RawResponse;
use crate::keys::{SigningKey, base64url, hs256, signing_input};

/// Which answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseKind {
    /// The discovery document.
    Discovery,
    /// The JWK set.
    Jwks,
    /// The parameters that the browser carries back.
    Callback,
    /// The claims inside the ID token.
    IdToken,
    /// The token response around it.
    Token,
    /// Userinfo.
    Userinfo,
}

/// How an endpoint misbehaves, whatever it has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointFault {
    /// 200 with an HTML page, as a captive portal sends.
    Html,
    /// 500.
    ServerError,
    /// 200 with nothing.
    Empty,
    /// 200 with a gigabyte that begins like an answer.
    Endless,
    /// The right response, called `text/html`.
    WrongContentType,
    /// 302 to somewhere else.
    Redirect,
    /// The right answer, this much later.
    Slow(Duration),
    /// The connection ends in the middle of the answer.
    DropConnection,
    /// 200 with JSON that is nested 100,000 deep.
    DeepJson,
}

/// Who signs an ID token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// The provider's key.
    Valid,
    /// A key the provider never published, of the same kind and, unless the header says otherwise, the same `kid`.
    UnpublishedKey,
    /// HMAC-SHA256 under this secret.
    Hmac(Vec<u8>),
    /// An empty third part.
    Missing,
    /// 64 bytes of zero: r = s = 0.
    Zeros,
    /// The honest one with one bit turned.
    BitFlipped,
    /// The honest one, over other claims than those sent.
    OverOtherClaims,
}

/// How an ID token is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFormat {
    /// Three parts (RFC 7515 7.1).
    Compact,
    /// Five parts, like a JWE.
    Jwe,
    /// A fourth part.
    ExtraDots,
    /// With base64 padding.
    Padded,
    /// No token at all.
    Garbage,
}

/// An answer on its way out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResponseDraft {
    pub(super) kind: ResponseKind,
    pub(super) body: Map<String, Value>,
    /// Members that are said once more, before the others.
    pub(super) duplicates: Vec<(&'static str, Value)>,
    /// The protected header of an ID token.
    pub(super) header: Map<String, Value>,
    pub(super) signature: Signature,
    pub(super) shape: TokenFormat,
    pub(super) endpoint_fault: Option<EndpointFault>,
    /// Sent instead of the body.
    pub(super) raw: Option<RawResponse>,
    /// What the body is called, where it is not `application/json`.
    pub(super) content_type: Option<String>,
}

impl ResponseDraft {
    /// `body` is a JSON object.
    pub(super) fn new(kind: ResponseKind, body: Value) -> Self {
        let body = if let Value::Object(body) = body {
            body
        } else {
            Map::new()
        };
        Self {
            kind,
            body,
            duplicates: Vec::new(),
            header: Map::new(),
            signature: Signature::Valid,
            shape: TokenFormat::Compact,
            endpoint_fault: None,
            raw: None,
            content_type: None,
        }
    }

    /// With this protected header.
    pub(super) fn with_header(self, header: Map<String, Value>) -> Self {
        Self { header, ..self }
    }

    /// Says `value` in kind of what an response of this kind would say.
    pub(super) fn put(&mut self, kind: ResponseKind, name: &str, value: impl Into<Value>) {
        if self.kind == kind {
            self.body.insert(name.to_owned(), value.into());
        }
    }

    /// Leaves a member out.
    pub(super) fn remove(&mut self, kind: ResponseKind, name: &str) {
        if self.kind == kind {
            self.body.remove(name);
        }
    }

    /// Says a member once more, with another value.
    pub(super) fn duplicate(&mut self, kind: ResponseKind, name: &'static str, value: &str) {
        if self.kind == kind {
            self.duplicates.push((name, value.into()));
        }
    }

    /// Misbehaves.
    pub(super) fn set_endpoint_fault(&mut self, kind: ResponseKind, endpoint_fault: EndpointFault) {
        if self.kind == kind {
            self.endpoint_fault = Some(endpoint_fault);
        }
    }

    /// A claim of the ID token.
    pub(super) fn set_claim(&mut self, name: &str, value: impl Into<Value>) {
        self.put(ResponseKind::IdToken, name, value);
    }

    /// A header parameter of the ID token.
    pub(super) fn set_header(&mut self, name: &str, value: impl Into<Value>) {
        if self.kind == ResponseKind::IdToken {
            self.header.insert(name.to_owned(), value.into());
        }
    }

    /// Leaves a header parameter of the ID token out.
    pub(super) fn remove_header(&mut self, name: &str) {
        if self.kind == ResponseKind::IdToken {
            self.header.remove(name);
        }
    }

    /// How the ID token is signed.
    pub(super) fn set_signature(&mut self, signature: Signature) {
        if self.kind == ResponseKind::IdToken {
            self.signature = signature;
        }
    }

    /// How the ID token is written.
    pub(super) fn set_format(&mut self, shape: TokenFormat) {
        if self.kind == ResponseKind::IdToken {
            self.shape = shape;
        }
    }

    /// The body as JSON text, repeated members first.
    fn json(&self) -> Result<String> {
        let members = serde_json::to_string(&self.body)?;
        let mut text = String::from("{");
        for (name, value) in &self.duplicates {
            text.push_str(&format!("\"{name}\":{value},"));
        }
        Ok(text + members.trim_start_matches('{'))
    }

    /// The body as parameters, repeated ones last.
    pub(super) fn parameters(&self) -> Vec<(&str, &str)> {
        let members = self.body.iter().map(|(name, value)| (name.as_str(), value));
        let duplicates = self.duplicates.iter().map(|(name, value)| (*name, value));
        members
            .chain(duplicates)
            .filter_map(|(name, value)| Some((name, value.as_str()?)))
            .collect()
    }

    /// The ID token.
    pub(super) fn into_jws(self, key: &SigningKey, unpublished_key: &SigningKey) -> Result<String> {
        let input = signing_input(&self.header, self.json()?.as_bytes())?;
        let signature = match self.signature {
            Signature::Valid => key.sign(input.as_bytes())?,
            Signature::UnpublishedKey => unpublished_key.sign(input.as_bytes())?,
            Signature::Hmac(secret) => hs256(&secret, input.as_bytes())?,
            Signature::Missing => Vec::new(),
            Signature::Zeros => vec![0; 64],
            Signature::BitFlipped => {
                let mut signature = key.sign(input.as_bytes())?;
                if let Some(byte) = signature.first_mut() {
                    *byte ^= 1;
                }
                signature
            }
            Signature::OverOtherClaims => {
                key.sign(signing_input(&self.header, b"{}")?.as_bytes())?
            }
        };
        let token = format!("{input}.{}", base64url(signature));
        Ok(match self.shape {
            TokenFormat::Compact => token,
            TokenFormat::Jwe => format!("{token}.{}.{}", base64url("ciphertext"), base64url("tag")),
            TokenFormat::ExtraDots => format!("{token}."),
            TokenFormat::Padded => format!("{token}=="),
            TokenFormat::Garbage => "not.a-token".to_owned(),
        })
    }

    /// The answer as HTTP.
    pub(super) async fn respond(self, redirect_url: &str) -> HttpResponse {
        if let Some(raw) = &self.raw {
            return raw.respond();
        }
        let json = match self.json() {
            Ok(json) => json,
            Err(error) => return HttpResponse::InternalServerError().body(error.to_string()),
        };
        let mut ok = HttpResponse::Ok();
        ok.insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type(self.content_type.as_deref().unwrap_or("application/json"));
        let Some(endpoint_fault) = self.endpoint_fault else {
            return ok.body(json);
        };
        match endpoint_fault {
            EndpointFault::Html => ok
                .content_type("text/html")
                .body("<!doctype html><title>Please log in to the Wi-Fi</title>"),
            EndpointFault::ServerError => HttpResponse::InternalServerError().json(Value::Null),
            EndpointFault::Empty => ok.finish(),
            EndpointFault::Endless => ok.body(Endless { left: 1 << 30 }),
            EndpointFault::WrongContentType => ok.content_type("text/html").body(json),
            EndpointFault::Redirect => HttpResponse::Found()
                .insert_header((header::LOCATION, redirect_url))
                .finish(),
            EndpointFault::Slow(delay) => {
                actix_web::rt::time::sleep(delay).await;
                ok.body(json)
            }
            EndpointFault::DropConnection => ok.body(Broken {
                size: json.len() as u64 + 1,
            }),
            EndpointFault::DeepJson => ok.body("[".repeat(100_000) + &"]".repeat(100_000)),
        }
    }
}

impl RawResponse {
    pub(super) fn respond(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::IM_A_TEAPOT);
        let mut response = HttpResponse::build(status);
        if let Some(challenge) = &self.challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge.as_str()));
        }
        response
            .content_type(self.content_type.as_str())
            .body(self.body.clone())
    }
}

/// White space, which may precede every JSON text, until `left` bytes are sent. Holds one piece at a time.
struct Endless {
    left: usize,
}

impl MessageBody for Endless {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        static PIECE: [u8; 64 * 1024] = [b' '; 64 * 1024];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left = self.left.saturating_sub(PIECE.len());
        Poll::Ready(Some(Ok(Bytes::from_static(&PIECE))))
    }
}

/// Promises `size` bytes and fails: the connection closes in the middle.
struct Broken {
    size: u64,
}

impl MessageBody for Broken {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
}
