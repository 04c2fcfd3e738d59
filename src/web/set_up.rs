//! "Use it in your terminal": what makes AWS's own programs, unmodified, get their credentials here.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::aws_config::{self, Place};
use super::extract::Member;
use super::problem::Problem;
use super::reply;
use super::view::{SetUpPage, Snippet, mask};

/// `?format=text`
#[derive(Deserialize)]
pub struct Wanted {
    format: Option<String>,
}

/// `GET /config`: the page, or the file alone with `?format=text` or `Accept: text/plain`.
///
/// # Errors
/// When the page cannot be rendered.
pub async fn show(
    member: Member,
    wanted: Query<Wanted>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let site = &member.visitor.site;
    let origin = &member.visitor.context.origin;
    let place = Place {
        origin: site.origin(),
        start_url: site.gateway.start_urls().of_profiles(),
        region: site.settings.region.as_str(),
    };
    let profiles = aws_config::profiles(&site.gateway.grants(&member.session, origin));
    let file = aws_config::file(&place, &profiles);
    if wanted.format.as_deref() == Some("text") || reply::wants_text(&request) {
        return Ok(HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .insert_header((header::VARY, "accept, cookie"))
            .body(file));
    }
    let variables = aws_config::variables(place.origin).map(|(id, title, text)| Snippet {
        id,
        title,
        hint: "",
        parts: mask(&text, &[]),
    });
    let page = SetUpPage {
        viewer: member.viewer(),
        first_profile: profiles.into_iter().next().map(|profile| profile.name),
        file,
        variables: variables.to_vec(),
        plain_http: !site.is_https(),
    };
    reply::page(StatusCode::OK, &page)
}
