//! Answers: a page, a redirect, a document.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::web::errors::page::PageError;

/// The origin that the form of this one answer goes to; the guard adds it to `form-action`.
pub struct FormTarget(pub String);

/// A page.
///
/// # Errors
/// When the template fails, which only a formatter can make it do.
pub fn page<T: Template>(status: StatusCode, page: &T) -> Result<HttpResponse, PageError> {
    long_page(status, page, T::SIZE_HINT)
}

/// A page of about this many bytes, so that its buffer need not grow, which means to be copied, again and again.
///
/// # Errors
/// As [`page`].
pub fn long_page(
    status: StatusCode,
    page: &impl Template,
    bytes: usize,
) -> Result<HttpResponse, PageError> {
    let mut html = String::with_capacity(bytes);
    page.render_into(&mut html)
        .map_err(|error| PageError::internal("a page could not be rendered").because(&error))?;
    Ok(HttpResponse::build(status)
        .content_type(ContentType::html())
        .body(html))
}

/// 303 See Other: after a form, and wherever a browser must not repeat a POST (RFC 9700 4.12).
pub fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to))
        .finish()
}

/// Shows a page that goes on by itself. Not a redirect: after a form, `form-action` holds back redirects to other sites,
/// the next ones included.
pub fn then(page: HttpResponse, to: &str) -> HttpResponse {
    then_after(page, 0, to)
}

/// As [`then`], after some seconds.
pub fn then_after(mut page: HttpResponse, seconds: u32, to: &str) -> HttpResponse {
    if let Ok(refresh) = header::HeaderValue::from_str(&format!("{seconds}; url={to}")) {
        page.headers_mut().insert(header::REFRESH, refresh);
    }
    page
}

/// Whether the caller wants JSON rather than a page.
pub fn wants_json(request: &HttpRequest) -> bool {
    accepts(request, "application/json")
}

/// Whether the caller wants plain text rather than a page.
pub fn wants_text(request: &HttpRequest) -> bool {
    accepts(request, "text/plain")
}

/// Whether the caller names this kind of document.
fn accepts(request: &HttpRequest, kind: &str) -> bool {
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.split(',').any(|part| {
        part.split(';')
            .next()
            .is_some_and(|named| named.trim().eq_ignore_ascii_case(kind))
    })
}

/// Percent-encodes a value for a query.
pub fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
