//! The start URL: what AWS's clients have in their profiles. A person who opens it gets the portal; the newest AWS CLI's
//! probe gets the one redirect that it asks for.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

use crate::web::http::reply;
use crate::web::site::Site;

/// `HEAD /start`: AWS CLI 2.35.13 and newer take a start URL of somebody else's only if it leads to one of AWS's in one
/// step. They never go there.
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
