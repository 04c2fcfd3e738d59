//! The public documents of the gateway as an OIDC and a SAML provider for IAM. They are cacheable and contain no user data.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, Responder};

use crate::web::errors::page::PageError;
use crate::web::http::extract::RequestScope;
use crate::web::site::PublishedDocument;

/// IAM fetches these documents at any time. A new key is published much longer than an hour before it is used.
const CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

const JSON: &str = "application/json";
/// SAML Metadata 2.0, appendix A.
const METADATA: &str = "application/samlmetadata+xml";

fn document(
    request: &HttpRequest,
    document: &PublishedDocument,
    content_type: &str,
) -> HttpResponse {
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
        .content_type(content_type);
    if known {
        response.finish()
    } else {
        response.body(document.body.as_ref().to_owned())
    }
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 4).
pub async fn openid_configuration(scope: RequestScope, request: HttpRequest) -> impl Responder {
    let settings = &scope.site.settings;
    document(&request, &(settings.openid_configuration)(), JSON)
}

/// `GET /jwks` (RFC 7517, section 5).
pub async fn jwks(scope: RequestScope, request: HttpRequest) -> impl Responder {
    let settings = &scope.site.settings;
    document(&request, &(settings.jwks)(), JSON)
}

/// `GET /saml/metadata` (SAML Metadata 2.0): the metadata document for IAM's SAML provider.
///
/// # Errors
/// 404 if no key is configured for SAML responses.
pub async fn saml_metadata(
    scope: RequestScope,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    match (scope.site.settings.saml_metadata)() {
        Some(metadata) => Ok(document(&request, &metadata, METADATA)),
        None => Err(PageError::not_found().hint(
            "This gateway has no key for SAML yet: `rolecalld keys generate --saml` creates one.",
        )),
    }
}
