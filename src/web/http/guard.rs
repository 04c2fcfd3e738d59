//! The outermost layer of every request: a reference, our own host, bounds, the origin of whatever changes something;
//! then the security headers and the log line. An error of any handler is answered here, as its surface says it.

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
use super::extract::Renewed;
use super::reply::FormTarget;
use crate::web::assets;
use crate::web::errors::explanation::{Explanation, Fault};
use crate::web::errors::request::RequestError;
use crate::web::errors::surface::{Answer, Surface};
use crate::web::site::Site;

const URI_BYTES_MAX: usize = 8 * 1024;
const COOKIE_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
/// Characters of a foreign name that reach the log.
const NAME_CHARS_MAX: usize = 300;

/// Wraps a request; see the module.
///
/// # Errors
/// Where a handler panicked: the error is a whole answer. Errors of handlers are answers, too.
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
    // The router needs the request to itself, so nothing may hold on to it until the answer is there.
    let answered = match check_request(&site, request.request()) {
        Ok(()) => match AssertUnwindSafe(next.call(request)).catch_unwind().await {
            Ok(answered) => answered?.map_into_boxed_body(),
            Err(_) => return Err(panicked(&site, surface, &reference, started)),
        },
        // Not `into_response`, which would forget the error.
        Err(error) => request.error_response(error),
    };
    let (http, mut response) = answered.into_parts();
    let mut explanation = None;
    if let Some(answer) = answer_of(surface, &response, &reference) {
        let allow = response.headers_mut().remove(header::ALLOW).next();
        response = answer.response;
        explanation = Some(answer.explanation);
        // RFC 9110 15.5.6: a 405 says what is allowed.
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
        explanation.as_ref(),
        &reference,
        started,
    );
    Ok(ServiceResponse::new(http, response))
}

/// Refuses what no handler should see.
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
    // A page that says so is dressed like any other.
    if !names_us(site, request) && !is_asset(request) {
        // It may be the proxy's doing, and then a link to our own address would lead back here.
        return Err(RequestError::WrongHost(foreign_name(site, request)));
    }
    if changes_something(request.method())
        && !from_us(site, headers)
        && !comes_from_elsewhere(request.path())
    {
        return Err(RequestError::CrossSite);
    }
    Ok(())
}

/// What came in place of our name, for the log.
fn foreign_name(site: &Site, request: &HttpRequest) -> String {
    let hosts = request.headers().get_all(header::HOST);
    let hosts: Vec<String> = hosts
        .take(2)
        .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
        .collect();
    let came = match request.uri().authority() {
        Some(target) => format!(
            "{} in the request line, Host {}",
            target,
            hosts.join(" and ")
        ),
        None => format!("Host {}", hosts.join(" and ")),
    };
    text::one_line(
        &format!(
            "{came}; public_url is {}. A proxy in front must pass the browser's Host on",
            site.origin()
        ),
        NAME_CHARS_MAX,
    )
}

/// Whether one of the files is asked for that all installations have: they say nothing about anybody.
fn is_asset(request: &HttpRequest) -> bool {
    !changes_something(request.method()) && assets::asset(request.path()).is_some()
}

/// Exactly one `Host`, equal to ours; an absolute request target must name us as well (RFC 9112 3.2.2).
fn names_us(site: &Site, request: &HttpRequest) -> bool {
    let mut hosts = request.headers().get_all(header::HOST);
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let target = request.uri().authority();
    host.is_some_and(|host| site.is_named(host))
        && hosts.next().is_none()
        && target.is_none_or(|target| site.is_named(target.as_str()))
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether other sites' pages send forms to this address: SAML's identity providers do (Bindings 3.5). What comes there
/// counts for the signature it carries, and never for the cookies it comes with.
fn comes_from_elsewhere(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    matches!(segments[..], ["", "sign-in", _, "acs" | "slo" | "aws-acs"])
}

/// Whether a browser says that the request comes from our own pages (Fetch Metadata, RFC 6454 `ClientInfo`). `ClientInfo` is
/// `null` on forms of pages that send no referrer, ours among them, so that alone says nothing. Programs send neither
/// and are held off by the token in our forms.
fn from_us(site: &Site, headers: &HeaderMap) -> bool {
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

/// What is answered in place of an error of a handler or of the framework.
fn answer_of(surface: Surface, response: &HttpResponse, reference: &ReferenceId) -> Option<Answer> {
    if let Some(error) = response.error() {
        return Some(surface.answer(error, reference));
    }
    let status = response.status();
    let bare = matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) && !response.headers().contains_key(header::CONTENT_TYPE);
    bare.then(|| surface.refuse(RequestError::Status(status), reference))
}

/// The answer in place of a panicked handler's, which took the request with it. The panic itself is on stderr.
fn panicked(site: &Site, surface: Surface, reference: &ReferenceId, started: Instant) -> Error {
    let error = RequestError::Status(StatusCode::INTERNAL_SERVER_ERROR);
    let Answer {
        mut response,
        explanation,
    } = surface.refuse(error, reference);
    add_security_headers(site, response.headers_mut(), reference);
    surface.add_request_id(response.headers_mut(), reference);
    site.metrics
        .request("-", explanation.status.as_u16(), started.elapsed());
    tracing::error!(%reference, "a handler panicked");
    InternalError::from_response("a handler panicked", response).into()
}

/// Hands the browser its session's new secret, unless the answer says something about that cookie already.
fn renew(site: &Site, request: &HttpRequest, response: &mut HttpResponse) {
    if let Some(secret) = request.extensions().get().and_then(Renewed::secret) {
        let cookie = site.cookies.set_session(secret);
        let said = response
            .cookies()
            .any(|known| known.name() == cookie.name());
        if !said && let Err(error) = response.add_cookie(&cookie) {
            tracing::error!(%error, "the session's new secret could not be set");
        }
    }
}

/// Headers of every answer (`docs/threat-model.md` says what each is for).
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

/// One line a request: the route's pattern, never the path or the query, which may hold secrets.
fn log(
    site: &Site,
    request: &HttpRequest,
    status: StatusCode,
    explanation: Option<&Explanation>,
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
    let limit = explanation.and_then(|explanation| explanation.limit);
    let limit = limit.map(LimitName::code);
    if let Some(limit) = limit {
        site.metrics.rate_limited(limit);
    }
    let Some(explanation) = explanation else {
        tracing::info!(%reference, method, route, status, milliseconds, unknown_address, "request");
        return;
    };
    let (code, detail, causes) = (
        explanation.code.as_str(),
        explanation.detail.as_deref().unwrap_or_default(),
        explanation.causes.as_str(),
    );
    match explanation.fault {
        Fault::Caller => {
            tracing::info!(%reference, method, route, status, milliseconds, unknown_address, code, limit, detail, causes, "request")
        }
        Fault::Upstream => {
            tracing::warn!(%reference, method, route, status, milliseconds, unknown_address, code, detail, causes, "request")
        }
        Fault::Ours => {
            tracing::error!(%reference, method, route, status, milliseconds, unknown_address, code, detail, causes, "request")
        }
    }
}
