//! Responses: pages and redirects, and what a client accepts.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::web::errors::page::PageError;

/// The origin to which the form of this response is sent. The guard adds it to `form-action`.
pub struct FormTarget(pub String);

/// An HTML page.
///
/// # Errors
/// If the template cannot be rendered.
pub fn page<T: Template>(status: StatusCode, page: &T) -> Result<HttpResponse, PageError> {
    long_page(status, page, T::SIZE_HINT)
}

/// An HTML page with a buffer of this capacity, so that a long page does not reallocate.
///
/// # Errors
/// As [`page`].
pub fn long_page(
    status: StatusCode,
    page: &impl Template,
    bytes: usize,
) -> Result<HttpResponse, PageError> {
    let mut html = String::with_capacity(bytes);
    page.render_into(&mut html).map_err(|error| {
        PageError::internal("The page could not be rendered.").caused_by(&error)
    })?;
    Ok(HttpResponse::build(status)
        .content_type(ContentType::html())
        .body(html))
}

/// A 303 redirect, after which the browser does not repeat a POST (RFC 9700 4.12).
pub fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to))
        .finish()
}

/// Adds a `Refresh` header to a page. After a form this replaces a redirect, because `form-action` blocks every redirect of
/// the chain to another site.
pub fn refresh(page: HttpResponse, to: &str) -> HttpResponse {
    refresh_after(page, 0, to)
}

/// As [`refresh`], after this number of seconds.
pub fn refresh_after(mut page: HttpResponse, seconds: u32, to: &str) -> HttpResponse {
    if let Ok(value) = header::HeaderValue::from_str(&format!("{seconds}; url={to}")) {
        page.headers_mut().insert(header::REFRESH, value);
    }
    page
}

/// Whether the client accepts JSON.
pub fn wants_json(request: &HttpRequest) -> bool {
    accepts(request, "application/json")
}

/// Whether the client accepts plain text.
pub fn wants_text(request: &HttpRequest) -> bool {
    accepts(request, "text/plain")
}

/// Whether `Accept` contains this media type.
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

/// A query string, percent-encoded.
pub fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
