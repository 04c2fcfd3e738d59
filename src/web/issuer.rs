//! The gateway as IAM's OIDC provider: two public documents, cacheable, the same for everybody.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, Responder};

use super::extract::Visitor;
use super::site::PublishedDocument;

/// IAM fetches these when it pleases; an hour is far below the time a new key is published ahead of its use.
const CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

fn document(request: &HttpRequest, document: &PublishedDocument) -> HttpResponse {
    let known = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == document.etag.as_bytes());
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header(CACHE)
        .insert_header((header::ETAG, document.etag.as_ref()))
        .content_type("application/json");
    if known {
        response.finish()
    } else {
        response.body(document.body.as_ref().to_owned())
    }
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 4).
pub async fn openid_configuration(visitor: Visitor, request: HttpRequest) -> impl Responder {
    document(&request, &(visitor.site.settings.openid_configuration)())
}

/// `GET /jwks` (RFC 7517, section 5).
pub async fn jwks(visitor: Visitor, request: HttpRequest) -> impl Responder {
    document(&request, &(visitor.site.settings.jwks)())
}
