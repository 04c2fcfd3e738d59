//! The terminal page: the configuration for unmodified AWS CLIs and SDKs.

mod profiles;
pub mod view;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse};
use rolecall_wire::config::{self, Portal, Profile, extra};
use serde::Deserialize;

use super::credentials::view::{Snippet, mask};
use crate::web::errors::error_text::Fault;
use crate::web::errors::page::PageError;
use crate::web::http::extract::SignedIn;
use crate::web::http::reply;
use view::{Example, ProfileChoice, TerminalPage};

/// `?profile=NAME&format=text`
#[derive(Deserialize)]
pub struct TerminalQuery {
    /// The one profile to show; empty for all.
    #[serde(default)]
    profile: String,
    format: Option<String>,
}

/// `GET /config`: the page, or only the file with `?format=text` or `Accept: text/plain`. With `?profile=NAME` it contains
/// only that profile.
///
/// # Errors
/// If the profile does not exist, or the page cannot be rendered.
pub async fn show(
    signed_in: SignedIn,
    query: Query<TerminalQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let site = &signed_in.scope.site;
    let client_info = &signed_in.scope.context.client_info;
    let region = site.settings.region.as_str();
    let place = Portal {
        origin: site.origin(),
        start_url: site.gateway.clients().start_urls().for_profiles(),
        region,
        sts: None,
    };
    let grants = site
        .gateway
        .entitlements()
        .grants(&signed_in.session, client_info);
    let all = profiles::profiles(&grants.await?);
    let wants_one = !query.profile.is_empty();
    let choices = all.iter().map(|profile| ProfileChoice {
        selected: profile.name == query.profile,
        name: profile.name.clone(),
    });
    let choices: Vec<ProfileChoice> = choices.collect();
    if wants_one && !choices.iter().any(|choice| choice.selected) {
        return Err(unknown_profile());
    }
    let shown: Vec<Profile> = all
        .into_iter()
        .filter(|profile| !wants_one || profile.name == query.profile)
        .collect();
    let file = config::block(&place, &shown);
    if query.format.as_deref() == Some("text") || reply::wants_text(&request) {
        return Ok(HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .insert_header((header::VARY, "accept, cookie"))
            .body(file));
    }
    let variables = extra::variables(place.origin).map(|(id, title, text)| Snippet {
        id,
        title,
        hint: "",
        parts: mask(&text, &[]),
    });
    let partition = site.gateway.partition();
    let page = TerminalPage {
        viewer: signed_in.viewer(),
        choices,
        text_href: text_href(&query.profile),
        file,
        example: shown.into_iter().next().map(|profile| Example {
            chained: extra::chained_profile(partition.as_str(), &profile.name, region),
            process: extra::process_profile(&profile.name, region),
            profile: profile.name,
        }),
        default_section: extra::default_section(),
        variables: variables.to_vec(),
        plain_http: !site.is_https(),
    };
    reply::page(StatusCode::OK, &page)
}

/// The URL of the file as plain text.
fn text_href(profile: &str) -> String {
    let mut pairs = vec![("format", "text")];
    if !profile.is_empty() {
        pairs.insert(0, ("profile", profile));
    }
    format!("/config?{}", reply::query(&pairs))
}

/// The name may be mistyped, or the role is no longer assigned.
fn unknown_profile() -> PageError {
    PageError::new(
        StatusCode::NOT_FOUND,
        Fault::Caller,
        "unknown_profile",
        "Profile not found",
        "None of your roles has a profile of this name.",
    )
    .hint("Choose one of the profiles on the Terminal page.")
    .action("Terminal", "/config")
}
