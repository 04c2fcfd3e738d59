//! The caller's own address as the gateway sees it, for `rolecalld check --online`, which so finds out whether proxies and
//! `[listen]` fit together. It says nothing that the caller did not send, but for the proxy's address where they do not.

use actix_web::{HttpRequest, HttpResponse};

use super::extract::Visitor;

/// `GET /client-address`: [`crate::client_address::SeenAddress`] as JSON.
pub async fn client_address(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let addresses = &visitor.site.settings.client_addresses;
    HttpResponse::Ok().json(addresses.seen(&request))
}
