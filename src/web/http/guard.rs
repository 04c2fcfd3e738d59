//! The outermost layer of every request. It assigns the reference ID, checks the host, the size limits and the origin of
//! state-changing requests, renders errors in the format of the surface, and adds the security headers and the log line.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;
use rolecall_core::audit::ReferenceId;
use rolecall_core::base::text;
use rolecall_core::record::rate_limit::LimitName;

use super::address;
use super::extract::RenewedSecret;
use super::reply::FormTarget;
use crate::web::assets;
use crate::web::errors::error_text::{ErrorText, Fault};
use crate::web::errors::request::RequestError;
use crate::web::errors::surface::{ErrorResponse, Surface};
use crate::web::site::Site;

const URI_BYTES_MAX: usize = 8 * 1024;
const COOKIE_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
/// Maximum number of characters of an unknown host in the log.
const HOST_CHARS_MAX: usize = 300;

/// Wraps a request; see the module documentation.
///
/// # Errors
/// If a handler panicked: the error contains the complete response. Errors of handlers are converted to responses.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let Some(site) = request.app_data::<Data<Site>>().cloned() else {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    };
    let reference = site.gateway.reference();
    let client = site.settings.client_addresses.of(request.request());
    request.extensions_mut().insert(reference.clone());
    request.extensions_mut().insert(client);
    let surface = Surface::of(request.request());
    // The router needs exclusive access to the request, so nothing may hold a reference to it until it responds.
    let responded = match check_request(&site, request.request()) {
        Ok(()) => match AssertUnwindSafe(next.call(request)).catch_unwind().await {
            Ok(response) => response?.map_into_boxed_body(),
            Err(_) => return Err(panicked(&site, surface, &reference, started)),
        },
        // `into_response` would discard the error.
        Err(error) => request.error_response(error),
    };
    let (http, mut response) = responded.into_parts();
    let mut error_text = None;
    if let Some(error) = error_response_of(surface, &response, &reference) {
        let allow = response.headers_mut().remove(header::ALLOW).next();
        response = error.response;
        error_text = Some(error.error_text);
        // RFC 9110 15.5.6: a 405 response has an `Allow` header.
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    renew(&site, &http, &mut response);
    let target = response.extensions_mut().remove::<FormTarget>();
    add_security_headers(&site, response.headers_mut(), &reference);
    if let Some(FormTarget(origin)) = target {
        let headers = response.headers_mut();
        let policy = site.policy_with_form_to(&origin);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    surface.add_request_id(response.headers_mut(), &reference);
    if http.method() == Method::HEAD {
        response.headers_mut().remove(header::TRANSFER_ENCODING);
    }
    if http
        .peer_addr()
        .is_some_and(|peer| (site.settings.is_crowded)(peer.ip()))
    {
        let head = response.head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    log(
        &site,
        &http,
        response.status(),
        error_text.as_ref(),
        &reference,
        started,
    );
    Ok(ServiceResponse::new(http, response))
}

/// Rejects requests that no handler should receive.
fn check_request(site: &Site, request: &HttpRequest) -> Result<(), RequestError> {
    let headers = request.headers();
    let cookies: usize = headers.get_all(header::COOKIE).map(HeaderValue::len).sum();
    if headers.len() > HEADERS_MAX || cookies > COOKIE_BYTES_MAX {
        return Err(RequestError::HeadersTooLarge);
    }
    let uri = request.uri();
    let host_bytes = uri.authority().map_or(0, |host| host.as_str().len());
    let place_bytes = uri.path_and_query().map_or(0, |place| place.as_str().len());
    if host_bytes + place_bytes > URI_BYTES_MAX {
        return Err(RequestError::Status(StatusCode::URI_TOO_LONG));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(RequestError::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    // The error page uses the stylesheet too.
    if !is_for_this_host(site, request) && !is_asset(request) {
        // A misconfigured proxy may be the cause, so the page has no link to the portal.
        return Err(RequestError::WrongHost(describe_host(site, request)));
    }
    if is_unsafe_method(request.method())
        && !is_same_origin(site, headers)
        && !accepts_cross_site_posts(request.path())
    {
        return Err(RequestError::CrossSite);
    }
    Ok(())
}

/// The host that was received, for the log.
fn describe_host(site: &Site, request: &HttpRequest) -> String {
    let hosts = request.headers().get_all(header::HOST);
    let hosts: Vec<String> = hosts
        .take(2)
        .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
        .collect();
    let received = match request.uri().authority() {
        Some(target) => format!(
            "{} in the request line, Host {}",
            target,
            hosts.join(" and ")
        ),
        None => format!("Host {}", hosts.join(" and ")),
    };
    text::one_line(
        &format!(
            "{received}; public_url is {}. A reverse proxy must forward the Host header of the browser",
            site.origin()
        ),
        HOST_CHARS_MAX,
    )
}

/// Whether the request is for an asset. Assets are the same for all installations and contain no user data.
fn is_asset(request: &HttpRequest) -> bool {
    !is_unsafe_method(request.method()) && assets::asset(request.path()).is_some()
}

/// Whether there is exactly one `Host` and it matches `public_url`. An absolute request target must match too (RFC 9112
/// 3.2.2).
fn is_for_this_host(site: &Site, request: &HttpRequest) -> bool {
    let mut hosts = request.headers().get_all(header::HOST);
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let target = request.uri().authority();
    host.is_some_and(|host| site.serves_host(host))
        && hosts.next().is_none()
        && target.is_none_or(|target| site.serves_host(target.as_str()))
}

/// Whether the method is not safe (RFC 9110 9.2.1).
fn is_unsafe_method(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether pages of other sites may post forms to this path, as SAML identity providers do (SAML Bindings 3.5). These handlers
/// rely on the signature of the message and never on cookies.
fn accepts_cross_site_posts(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    matches!(segments[..], ["", "sign-in", _, "acs" | "slo" | "aws-acs"])
}

/// Whether the browser reports that the request comes from a page of this origin (Fetch Metadata, RFC 6454 `Origin`).
/// `Origin` is `null` for forms of pages that send no referrer, which includes the pages of the gateway. Programs send neither
/// header; the CSRF token of the forms protects against them.
fn is_same_origin(site: &Site, headers: &HeaderMap) -> bool {
    let is = |name: HeaderName, allowed: &[&str]| {
        headers
            .get_all(name)
            .all(|value| value.to_str().is_ok_and(|value| allowed.contains(&value)))
    };
    is(
        HeaderName::from_static("sec-fetch-site"),
        &["same-origin", "none"],
    ) && is(header::ORIGIN, &[site.origin(), "null"])
}

/// The response for an error of a handler or of the framework.
fn error_response_of(
    surface: Surface,
    response: &HttpResponse,
    reference: &ReferenceId,
) -> Option<ErrorResponse> {
    if let Some(error) = response.error() {
        return Some(surface.respond(error, reference));
    }
    let status = response.status();
    let bare = matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) && !response.headers().contains_key(header::CONTENT_TYPE);
    bare.then(|| surface.reject(RequestError::Status(status), reference))
}

/// The response for a handler that panicked and dropped the request. The panic message is on stderr.
fn panicked(site: &Site, surface: Surface, reference: &ReferenceId, started: Instant) -> Error {
    let error = RequestError::Status(StatusCode::INTERNAL_SERVER_ERROR);
    let ErrorResponse {
        mut response,
        error_text,
    } = surface.reject(error, reference);
    add_security_headers(site, response.headers_mut(), reference);
    surface.add_request_id(response.headers_mut(), reference);
    site.metrics
        .request("-", error_text.status.as_u16(), started.elapsed());
    tracing::error!(%reference, "a handler panicked");
    InternalError::from_response("a handler panicked", response).into()
}

/// Sets the renewed session secret, unless the response already sets or removes the session cookie.
fn renew(site: &Site, request: &HttpRequest, response: &mut HttpResponse) {
    if let Some(secret) = request.extensions().get().and_then(RenewedSecret::secret) {
        let cookie = site.cookies.set_session(secret);
        let is_set = response
            .cookies()
            .any(|known| known.name() == cookie.name());
        if !is_set && let Err(error) = response.add_cookie(&cookie) {
            tracing::error!(%error, "the cookie of the renewed session could not be set");
        }
    }
}

/// The headers of every response. `docs/threat-model.md` describes their purpose.
fn add_security_headers(site: &Site, headers: &mut HeaderMap, reference: &ReferenceId) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    if site.is_https() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=63072000; includeSubDomains"),
        );
    }
    let policy = site.content_security_policy.clone();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if let Ok(reference) = HeaderValue::from_str(reference.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), reference);
    }
}

/// Logs one line per request, with the pattern of the route. The path and the query may contain secrets.
fn log(
    site: &Site,
    request: &HttpRequest,
    status: StatusCode,
    error_text: Option<&ErrorText>,
    reference: &ReferenceId,
    started: Instant,
) {
    let route = request.match_pattern().unwrap_or_else(|| "-".to_owned());
    let elapsed = started.elapsed();
    site.metrics.request(&route, status.as_u16(), elapsed);
    let (method, status, milliseconds) = (
        request.method().as_str(),
        status.as_u16(),
        elapsed.as_secs_f64() * 1_000.0,
    );
    let unknown_address = address::unknown(request).map(tracing::field::display);
    let limit = error_text.and_then(|error_text| error_text.limit);
    let limit = limit.map(LimitName::code);
    if let Some(limit) = limit {
        site.metrics.rate_limited(limit);
    }
    let Some(error_text) = error_text else {
        tracing::info!(%reference, method, route, status, milliseconds, unknown_address, "request");
        return;
    };
    let (code, detail, causes) = (
        error_text.code.as_str(),
        error_text.detail.as_deref().unwrap_or_default(),
        error_text.causes.as_str(),
    );
    match error_text.fault {
        Fault::Caller => {
            tracing::info!(%reference, method, route, status, milliseconds, unknown_address, code, limit, detail, causes, "request")
        }
        Fault::Upstream => {
            tracing::warn!(%reference, method, route, status, milliseconds, unknown_address, code, detail, causes, "request")
        }
        Fault::Gateway => {
            tracing::error!(%reference, method, route, status, milliseconds, unknown_address, code, detail, causes, "request")
        }
    }
}
