//! The start URL of the profiles of AWS clients. A browser is redirected to the portal; the probe of recent AWS CLI versions
//! gets the redirect that it requires.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::web::http::reply;
use crate::web::site::Site;

/// `HEAD /start`: AWS CLI 2.35.13 and newer accept a start URL outside AWS only if it redirects to a start URL of AWS in one
/// step. They do not follow the redirect.
pub async fn probe(site: Data<Site>) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((
            header::LOCATION,
            site.gateway.clients().start_urls().at_aws(),
        ))
        .finish()
}

/// `GET /start`: the portal.
pub async fn portal() -> HttpResponse {
    reply::see_other("/")
}
