//! A response of the provider, which faults and variations change before it is sent.

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

/// Kinds of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseKind {
    Discovery,
    Jwks,
    /// The parameters of the redirect to the client.
    Callback,
    /// The claims in the ID token.
    IdToken,
    /// The token response.
    Token,
    Userinfo,
}

/// A fault of an endpoint that does not depend on the content of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointFault {
    /// 200 with an HTML page, like a captive portal.
    Html,
    /// Status 500 instead of the response.
    ServerError,
    /// 200 with an empty body.
    Empty,
    /// 200 with a body of one gigabyte that starts like JSON.
    Endless,
    /// The correct body with the content type `text/html`.
    WrongContentType,
    /// 302 to the canary.
    Redirect,
    /// The correct response after this delay.
    Slow(Duration),
    /// The connection is closed during the response.
    DropConnection,
    /// 200 with JSON that is nested 100,000 levels deep.
    DeepJson,
}

/// How an ID token is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// By the provider's key.
    Valid,
    /// By a key that is not published, of the same type and, unless the header differs, with the same `kid`.
    UnpublishedKey,
    /// HMAC-SHA256 with this secret.
    Hmac(Vec<u8>),
    /// Empty.
    Missing,
    /// 64 bytes of zero: r = s = 0.
    Zeros,
    /// By the provider's key, with one bit flipped.
    BitFlipped,
    /// By the provider's key, over other claims.
    OverOtherClaims,
}

/// Serialization of an ID token.
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
    /// Not a token.
    Garbage,
}

/// A response before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResponseDraft {
    pub(super) kind: ResponseKind,
    pub(super) body: Map<String, Value>,
    /// Members that are written a second time, before the others.
    pub(super) duplicates: Vec<(&'static str, Value)>,
    /// Protected header of an ID token.
    pub(super) header: Map<String, Value>,
    pub(super) signature: Signature,
    pub(super) format: TokenFormat,
    pub(super) endpoint_fault: Option<EndpointFault>,
    /// Replaces the whole response.
    pub(super) raw: Option<RawResponse>,
    /// Content type, if it is not `application/json`.
    pub(super) content_type: Option<String>,
}

impl ResponseDraft {
    /// Creates a response. `body` must be a JSON object.
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
            format: TokenFormat::Compact,
            endpoint_fault: None,
            raw: None,
            content_type: None,
        }
    }

    /// Sets the protected header.
    pub(super) fn with_header(self, header: Map<String, Value>) -> Self {
        Self { header, ..self }
    }

    /// Sets a member if the response is of this kind.
    pub(super) fn put(&mut self, kind: ResponseKind, name: &str, value: impl Into<Value>) {
        if self.kind == kind {
            self.body.insert(name.to_owned(), value.into());
        }
    }

    /// Removes a member if the response is of this kind.
    pub(super) fn remove(&mut self, kind: ResponseKind, name: &str) {
        if self.kind == kind {
            self.body.remove(name);
        }
    }

    /// Adds a duplicate member with another value if the response is of this kind.
    pub(super) fn duplicate(&mut self, kind: ResponseKind, name: &'static str, value: &str) {
        if self.kind == kind {
            self.duplicates.push((name, value.into()));
        }
    }

    /// Sets the endpoint fault if the response is of this kind.
    pub(super) fn set_endpoint_fault(&mut self, kind: ResponseKind, endpoint_fault: EndpointFault) {
        if self.kind == kind {
            self.endpoint_fault = Some(endpoint_fault);
        }
    }

    /// Sets a claim of the ID token.
    pub(super) fn set_claim(&mut self, name: &str, value: impl Into<Value>) {
        self.put(ResponseKind::IdToken, name, value);
    }

    /// Sets a header parameter of the ID token.
    pub(super) fn set_header(&mut self, name: &str, value: impl Into<Value>) {
        if self.kind == ResponseKind::IdToken {
            self.header.insert(name.to_owned(), value.into());
        }
    }

    /// Removes a header parameter of the ID token.
    pub(super) fn remove_header(&mut self, name: &str) {
        if self.kind == ResponseKind::IdToken {
            self.header.remove(name);
        }
    }

    /// Sets how the ID token is signed.
    pub(super) fn set_signature(&mut self, signature: Signature) {
        if self.kind == ResponseKind::IdToken {
            self.signature = signature;
        }
    }

    /// Sets the serialization of the ID token.
    pub(super) fn set_format(&mut self, format: TokenFormat) {
        if self.kind == ResponseKind::IdToken {
            self.format = format;
        }
    }

    /// The body as JSON, duplicate members first.
    fn json(&self) -> Result<String> {
        let members = serde_json::to_string(&self.body)?;
        let mut text = String::from("{");
        for (name, value) in &self.duplicates {
            text.push_str(&format!("\"{name}\":{value},"));
        }
        Ok(text + members.trim_start_matches('{'))
    }

    /// The body as parameters, duplicates last.
    pub(super) fn parameters(&self) -> Vec<(&str, &str)> {
        let members = self.body.iter().map(|(name, value)| (name.as_str(), value));
        let duplicates = self.duplicates.iter().map(|(name, value)| (*name, value));
        members
            .chain(duplicates)
            .filter_map(|(name, value)| Some((name, value.as_str()?)))
            .collect()
    }

    /// Signs and serializes the ID token.
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
        Ok(match self.format {
            TokenFormat::Compact => token,
            TokenFormat::Jwe => format!("{token}.{}.{}", base64url("ciphertext"), base64url("tag")),
            TokenFormat::ExtraDots => format!("{token}."),
            TokenFormat::Padded => format!("{token}=="),
            TokenFormat::Garbage => "not.a-token".to_owned(),
        })
    }

    /// The HTTP response. `redirect_url` is the target of [`EndpointFault::Redirect`].
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
                .body("<!doctype html><title>Wi-Fi sign-in</title>"),
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

/// A body of white space, which may precede any JSON text, until `left` bytes are sent.
pub(crate) struct Endless {
    pub(crate) left: usize,
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

/// A body that announces `size` bytes and fails, so that the connection is closed.
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
