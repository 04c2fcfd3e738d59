//! HTTP in, HTTP out: parses a request, calls one verb of the gateway, renders the answer. Decides nothing.
//!
//! The route table stands below, whole. Every route runs inside [`guard::guard`].

mod address;
pub mod assets;
mod cookie;
mod credential_formats;
mod csrf;
mod extract;
mod guard;
pub mod health;
mod issuer;
pub mod metrics;
mod portal;
mod problem;
mod refusal;
mod reply;
mod role;
mod sessions;
mod sign_in;
pub mod site;
pub mod view;
mod words;

use actix_web::http::header;
use actix_web::web::{FormConfig, PathConfig, QueryConfig, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};

pub use guard::guard;
pub use site::{Site, SiteSettings};

const FORM_BYTES_MAX: usize = 16 * 1024;

/// The public routes.
pub fn routes(config: &mut ServiceConfig) {
    let unreadable =
        || problem::Problem::bad_request("The address is incomplete or has something wrong in it.");
    config
        .app_data(FormConfig::default().limit(FORM_BYTES_MAX))
        .app_data(QueryConfig::default().error_handler(move |_, _| unreadable().into()))
        .app_data(PathConfig::default().error_handler(move |_, _| unreadable().into()))
        .route("/", get().to(portal::home))
        .route("/sign-in", get().to(sign_in::choose))
        .route("/sign-in/{provider}", get().to(sign_in::start))
        .route("/sign-in/{provider}/callback", get().to(sign_in::callback))
        .route("/sign-out", post().to(sign_in::sign_out))
        .route("/signed-out", get().to(sign_in::signed_out))
        .route("/console", get().to(role::confirm_console))
        .route("/console", post().to(role::open_console))
        .route(
            "/console/continue/{ticket}",
            get().to(role::continue_to_console),
        )
        .route("/credentials", post().to(role::credentials))
        .route("/sessions", get().to(sessions::list))
        .route("/sessions/end", post().to(sessions::end))
        .route(
            "/.well-known/openid-configuration",
            get().to(issuer::openid_configuration),
        )
        .route("/jwks", get().to(issuer::jwks))
        .route("/assets/{file}", get().to(asset));
}

/// An embedded file under its hashed name, which a browser may keep for ever.
async fn asset(request: HttpRequest) -> HttpResponse {
    match assets::asset(request.path()) {
        Some(asset) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .content_type(asset.content_type)
            .body(asset.body),
        None => HttpResponse::NotFound().finish(),
    }
}
