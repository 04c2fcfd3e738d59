//! HTTP handlers: they parse a request, call a service of the gateway and render the response. They contain no policy.
//!
//! [`routes`] contains the whole route table. Every route runs inside [`http::guard::guard`].

pub mod assets;
mod errors;
pub mod health;
mod http;
mod issuer;
pub mod metrics;
mod pages;
mod saml;
mod signin;
pub mod site;
mod sso;
mod sso_oidc;

use actix_web::http::header;
use actix_web::web::{
    self, FormConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig, resource,
};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder};

pub use http::address::ClientAddresses;
pub use http::guard::guard;
pub use http::pending_work::PendingWork;
pub use site::{Site, SiteSettings};

use errors::request::RequestError;
use http::address;
use pages::{
    console, credentials, decode, device, portal, sessions, sign_in, sign_out, start, terminal,
};
use saml::via_provider;

const FORM_BYTES_MAX: usize = 16 * 1024;
/// Maximum size of the form with the text of an error, which is percent-encoded: three bytes for each punctuation mark or line break.
const DECODE_FORM_BYTES_MAX: usize = 64 * 1024;

/// A page or document that supports GET and HEAD (RFC 9110 9.3.2). Paths that start, continue or end a flow support only GET,
/// so that a HEAD request has no effect.
fn readable<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

/// The start URL, which users open and the AWS CLI probes.
fn start_url(path: &str) -> Resource {
    resource(path)
        .route(web::get().to(start::portal))
        .route(web::head().to(start::probe))
}

/// A path to which identity providers post forms, with a larger size limit.
fn provider_form(path: &str) -> Resource {
    resource(path).app_data(PayloadConfig::new(saml::FORM_BYTES_MAX))
}

/// The public routes.
pub fn routes(config: &mut ServiceConfig) {
    let invalid = || RequestError::Malformed("The address is incomplete or invalid.".into());
    config
        .app_data(FormConfig::default().limit(FORM_BYTES_MAX))
        .app_data(QueryConfig::default().error_handler(move |_, _| invalid().into()))
        .app_data(PathConfig::default().error_handler(move |_, _| invalid().into()))
        .service(readable("/", portal::home))
        .service(readable("/sign-in", sign_in::choose))
        .service(resource("/sign-out").post(sign_out::sign_out))
        .service(resource("/sign-out/clients").post(sign_out::end_clients))
        .service(readable("/signed-out", sign_out::signed_out))
        .service(readable("/console", console::confirm_console).post(console::open_console))
        .service(resource("/credentials").post(credentials::credentials))
        .service(readable("/sessions", sessions::list))
        .service(resource("/sessions/end").post(sessions::end))
        .service(readable("/config", terminal::show))
        .service(
            readable("/decode", decode::show)
                .app_data(FormConfig::default().limit(DECODE_FORM_BYTES_MAX))
                .post(decode::decode),
        )
        .service(resource("/assignment/accounts").get(sso::list_accounts))
        .service(resource("/assignment/roles").get(sso::list_account_roles))
        .service(resource("/federation/credentials").get(sso::get_role_credentials))
        .service(resource("/logout").post(sso::logout))
        .service(readable("/v1/authorize", signin::authorize).post(signin::choose))
        .service(readable("/v1/sessions/confirmation", signin::confirmation))
        .service(resource("/v1/token").post(signin::token))
        .service(start_url("/start"))
        .service(start_url("/start/"))
        .service(resource("/device").get(device::show).post(device::answer))
        .service(resource("/client/register").post(sso_oidc::register_client))
        .service(resource("/device_authorization").post(sso_oidc::start_device_authorization))
        .service(resource("/token").post(sso_oidc::create_token))
        .service(
            resource("/authorize")
                .get(sso_oidc::authorize)
                .post(sso_oidc::decide),
        )
        .service(readable(
            "/.well-known/openid-configuration",
            issuer::openid_configuration,
        ))
        .service(readable("/jwks", issuer::jwks))
        .service(readable("/saml/metadata", issuer::saml_metadata))
        .service(resource("/client-address").get(address::client_address))
        // Paths with parameters are regular expressions that are tried in turn, so they come last.
        .service(readable("/assets/{file}", asset))
        .service(resource("/sign-in/{provider}").get(sign_in::start))
        .service(resource("/sign-in/{provider}/callback").get(sign_in::callback))
        .service(provider_form("/sign-in/{provider}/acs").post(saml::consume))
        .service(resource("/sign-in/{provider}/continue").get(saml::resume))
        .service(provider_form("/sign-in/{provider}/aws-acs").post(via_provider::receive))
        .service(resource("/sign-in/{provider}/aws-continue/{ticket}").get(via_provider::resume))
        .service(readable("/sign-in/{provider}/metadata", saml::metadata))
        .service(
            provider_form("/sign-in/{provider}/slo")
                .get(saml::logout_by_redirect)
                .post(saml::logout_by_form),
        )
        .service(resource("/console/continue/{ticket}").get(console::continue_to_console));
}

/// An embedded file under its hashed name, which browsers can cache permanently.
async fn asset(request: HttpRequest) -> HttpResponse {
    match assets::asset(request.path()) {
        Some(asset) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .content_type(asset.content_type)
            .body(asset.body),
        None => HttpResponse::NotFound().finish(),
    }
}
