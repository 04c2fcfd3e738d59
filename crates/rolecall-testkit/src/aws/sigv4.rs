//! Verification of Signature Version 4: identifies the session that signed a request.
//!
//! The canonical request is built from the request as received (with the port in `host`). Only signatures in headers are
//! supported; a presigned URL is treated as unsigned.

use actix_web::HttpRequest;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::error::{AwsError, ErrorCode};
use super::signer::{Credentials, Signer};
use super::state::AwsState;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SKEW: TimeDelta = TimeDelta::minutes(15);

/// A parsed `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    /// `date/region/service/aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            fields
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key_id, scope) = field("Credential")?.split_once('/')?;
        Some(Authorization {
            access_key_id,
            scope,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}

/// The user or session that signed the request.
pub(super) fn signer(
    state: &AwsState,
    request: &HttpRequest,
    body: &[u8],
    expected_service: &str,
) -> Result<Signer, AwsError> {
    let Some(header) = header(request, "authorization") else {
        return Err(AwsError::new(
            ErrorCode::MissingAuthenticationToken,
            "Request is missing Authentication Token",
        ));
    };
    let incomplete = |what: &str| {
        AwsError::new(
            ErrorCode::IncompleteSignature,
            format!("Authorization header requires {what}."),
        )
    };
    let authorization = Authorization::parse(&header)
        .ok_or_else(|| incomplete("'Credential', 'SignedHeaders' and 'Signature' parameters of the algorithm AWS4-HMAC-SHA256"))?;
    let timestamp = self::header(request, "x-amz-date")
        .ok_or_else(|| incomplete("existence of either a 'X-Amz-Date' or a 'Date' header"))?;
    let (date, [region, service]) = scope(authorization.scope)
        .ok_or_else(|| incomplete("a 'Credential' of date/region/service/aws4_request"))?;
    let mismatch = |message: String| AwsError::new(ErrorCode::SignatureDoesNotMatch, message);
    if service != expected_service {
        return Err(mismatch(format!(
            "Credential should be scoped to correct service: '{expected_service}'."
        )));
    }
    if !state.partition.has_region(region) {
        return Err(mismatch(
            "Credential should be scoped to a valid region.".into(),
        ));
    }
    let time = NaiveDateTime::parse_from_str(&timestamp, "%Y%m%dT%H%M%SZ")
        .map_err(|_| incomplete("a valid 'X-Amz-Date'"))?
        .and_utc();
    if !timestamp.starts_with(date) {
        return Err(mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.".into()));
    }
    let now = state.now();
    in_time(time, now)?;
    let signer = Signer {
        credentials: known(state, &authorization, request, now)?,
        region: region.to_owned(),
    };
    if !authorization
        .signed_headers
        .split(';')
        .any(|name| name == "host")
    {
        return Err(mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ));
    }
    let canonical = canonical_request(request, authorization.signed_headers, body);
    let to_sign = format!(
        "{ALGORITHM}\n{timestamp}\n{}\n{}",
        authorization.scope,
        hex(&Sha256::digest(canonical))
    );
    let expected = [date, region, service, "aws4_request", &to_sign]
        .iter()
        .try_fold(
            format!("AWS4{}", signer.secret_access_key()).into_bytes(),
            |key, part| mac(&key, part),
        )
        .ok_or_else(AwsError::internal)?;
    let expected = hex(&expected);
    if expected.len() != authorization.signature.len()
        || !openssl::memcmp::eq(expected.as_bytes(), authorization.signature.as_bytes())
    {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details."
                .into(),
        ));
    }
    Ok(signer)
}

/// Checks the skew of 15 minutes in either direction.
fn in_time(time: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), AwsError> {
    let shown = |t: DateTime<Utc>| t.format("%Y%m%dT%H%M%SZ").to_string();
    let message = if time < now - SKEW {
        format!(
            "Signature expired: {} is now earlier than {} ({} - 15 min.)",
            shown(time),
            shown(now - SKEW),
            shown(now)
        )
    } else if time > now + SKEW {
        format!(
            "Signature not yet current: {} is still later than {} ({} + 15 min.)",
            shown(time),
            shown(now + SKEW),
            shown(now)
        )
    } else {
        return Ok(());
    };
    Err(AwsError::new(ErrorCode::SignatureDoesNotMatch, message))
}

/// The user of the key; or its session, when the session token with it is the right one and it has not ended.
fn known(
    state: &AwsState,
    authorization: &Authorization<'_>,
    request: &HttpRequest,
    now: DateTime<Utc>,
) -> Result<Credentials, AwsError> {
    if header(request, "x-amz-security-token").is_none()
        && let Some(user) = state.user(authorization.access_key_id)
    {
        return Ok(Credentials::User(user));
    }
    let token = header(request, "x-amz-security-token").unwrap_or_default();
    let session = state
        .session(authorization.access_key_id)
        .filter(|session| session.session_token == token)
        .ok_or_else(|| {
            AwsError::new(
                ErrorCode::InvalidClientTokenId,
                "The security token included in the request is invalid.",
            )
        })?;
    if session.expiration <= now {
        return Err(AwsError::new(
            ErrorCode::ExpiredToken,
            "The security token included in the request is expired",
        ));
    }
    Ok(Credentials::Session(session))
}

fn scope(text: &str) -> Option<(&str, [&str; 2])> {
    let mut parts = text.split('/');
    let (date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next() == Some("aws4_request") && parts.next().is_none())
        .then_some((date, [region, service]))
}

fn canonical_request(request: &HttpRequest, signed_headers: &str, body: &[u8]) -> String {
    let mut query: Vec<String> = url::form_urlencoded::parse(request.query_string().as_bytes())
        .map(|(key, value)| format!("{}={}", encode(&key), encode(&value)))
        .collect();
    query.sort_unstable();
    let headers: String = signed_headers
        .split(';')
        .map(|name| format!("{name}:{}\n", header(request, name).unwrap_or_default()))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{}",
        request.method(),
        request.uri().path(),
        query.join("&"),
        hex(&Sha256::digest(body))
    )
}

/// All values of a header, joined by commas, with consecutive spaces collapsed.
fn header(request: &HttpRequest, name: &str) -> Option<String> {
    let values: Vec<String> = request
        .headers()
        .get_all(name)
        .map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split_ascii_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_key_matches_documented_example() {
        // Example of the signing key derivation in the AWS General Reference.
        let key = ["20150830", "us-east-1", "iam", "aws4_request"]
            .iter()
            .try_fold(
                b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec(),
                |key, part| mac(&key, part),
            )
            .expect("a key");
        assert_eq!(
            hex(&key),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    #[test]
    fn malformed_authorization_header_is_rejected() {
        let header = "AWS4-HMAC-SHA256 Credential=ASIAX/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date,Signature=00ff";
        let read = Authorization::parse(header).expect("well formed");
        assert_eq!(
            (read.access_key_id, read.signed_headers, read.signature),
            ("ASIAX", "host;x-amz-date", "00ff")
        );
        assert!(scope(read.scope).is_some());
        for bad in [
            "",
            "Bearer x",
            "AWS4-HMAC-SHA256 Credential=ASIAX, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256",
        ] {
            assert!(Authorization::parse(bad).is_none(), "{bad}");
        }
        assert!(scope("20261121/eu-west-1/sts").is_none());
    }
}
