//! The pages of a sign-in: choice of a provider, redirect to it, callback.

pub mod view;

use actix_web::http::StatusCode;
use actix_web::web::{Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::base::secret::{SecretText, State};
use rolecall_core::base::text;
use rolecall_core::gateway::Gateway;
use rolecall_core::identity::{EmailAddress, ProviderId};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, CallbackParams, IdentityProvider, ReturnTo, SignInCompleted,
    SignInError, SignInRequest,
};
use serde::Deserialize;

use super::{auto_post, sign_out};
use crate::web::errors::code::OutcomeLabel;
use crate::web::errors::page::PageError;
use crate::web::http::detached::uninterrupted;
use crate::web::http::extract::RequestScope;
use crate::web::http::fetch_metadata::{is_same_origin, is_scripted, require_navigation};
use crate::web::http::reply;
use crate::web::site::Site;
use view::{ProviderChoice, SignInPage};

/// Maximum size of `state`, `code` and similar parameters. `error_description` may be longer.
const PARAMETER_BYTES_MAX: usize = 4 * 1024;

/// Delay of a redirect that a script of another site started. At this pace one window cannot use up the sign-ins of its
/// address ([`rolecall_core::record::rate_limit::RateLimits::sign_in`]) at this pace.
const SCRIPTED_WAIT_SECONDS: u32 = 1;

/// The query of the sign-in pages.
#[derive(Deserialize)]
pub struct SignInQuery {
    return_to: Option<String>,
    email: Option<String>,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    mfa: bool,
    #[serde(default)]
    silent: bool,
    /// Whether a page of another site led to it, and not the page of the gateway that redirects here.
    #[serde(default)]
    external: bool,
}

impl SignInQuery {
    /// A URL of another site is replaced with the portal, because the request to sign in is valid.
    fn return_to(&self) -> ReturnTo {
        self.return_to
            .as_deref()
            .and_then(|text| ReturnTo::unpack(text).ok())
            .unwrap_or_else(ReturnTo::portal)
    }

    fn sign_in(&self, request: &HttpRequest) -> SignInRequest {
        let email = self.email.as_deref();
        SignInRequest {
            requirements: AuthnRequirements {
                fresh: self.fresh,
                second_factor: self.mfa,
                silent: self.silent,
                login_hint: email.and_then(|email| EmailAddress::parse(email).ok()),
            },
            return_to: self.return_to(),
            from_own_page: is_same_origin(request) && !self.external,
        }
    }
}

/// Parses the provider ID of a path.
///
/// # Errors
/// [`SignInError::UnknownProvider`].
pub fn provider_id(text: &str) -> Result<ProviderId, PageError> {
    ProviderId::parse(text).map_err(|_| SignInError::UnknownProvider.into())
}

/// `GET /sign-in`: redirects to the provider of the e-mail domain, or to the only provider; otherwise shows a list.
///
/// # Errors
/// If the page cannot be rendered.
pub async fn choose(
    scope: RequestScope,
    request: HttpRequest,
    query: Query<SignInQuery>,
) -> Result<HttpResponse, PageError> {
    let gateway = &scope.site.gateway;
    let return_to = query.return_to();
    let typed = query.email.as_deref().map(str::trim);
    let Some(typed) = typed.filter(|email| !email.is_empty()) else {
        if let [only] = gateway.sign_ins().providers() {
            let to = start_path(only.id(), &return_to, None);
            return Ok(reply::see_other(&to));
        }
        return reply::page(StatusCode::OK, &chooser(gateway, &return_to));
    };
    let error = match EmailAddress::parse(typed) {
        Ok(email) => match gateway.sign_ins().provider_of_domain(&email.domain()) {
            Some(provider) => {
                let to = start_path(provider.id(), &return_to, Some(&email));
                let wait = if is_scripted(&request) {
                    SCRIPTED_WAIT_SECONDS
                } else {
                    0
                };
                return forward_to_provider(provider.as_ref(), to, wait);
            }
            None => format!("No identity provider is configured for {}.", email.domain()),
        },
        Err(error) => error.to_string(),
    };
    let page = SignInPage {
        email: typed.to_owned(),
        email_error: Some(error),
        ..chooser(gateway, &return_to)
    };
    reply::page(StatusCode::OK, &page)
}

/// A page that names the provider and redirects to `href` after a delay.
fn forward_to_provider(
    provider: &dyn IdentityProvider,
    href: String,
    seconds: u32,
) -> Result<HttpResponse, PageError> {
    let page = SignInPage {
        notice: Some(format!("Redirecting to {} …", provider.title())),
        providers: vec![ProviderChoice {
            title: provider.title().to_owned(),
            href: href.clone(),
        }],
        email_field: false,
        email: String::new(),
        email_error: None,
        return_to: String::new(),
    };
    let page = reply::page(StatusCode::OK, &page)?;
    Ok(reply::refresh_after(page, seconds, &href))
}

fn chooser(gateway: &Gateway, return_to: &ReturnTo) -> SignInPage {
    let providers = gateway.sign_ins().providers();
    SignInPage {
        providers: providers
            .iter()
            .map(|provider| ProviderChoice {
                title: provider.title().to_owned(),
                href: start_path(provider.id(), return_to, None),
            })
            .collect(),
        email_field: providers
            .iter()
            .any(|provider| !provider.domains().is_empty()),
        email: String::new(),
        email_error: None,
        return_to: return_to.packed().into_owned(),
        notice: None,
    }
}

fn start_path(id: &ProviderId, return_to: &ReturnTo, email: Option<&EmailAddress>) -> String {
    let return_to = return_to.packed();
    let mut pairs = vec![("return_to", &*return_to)];
    pairs.extend(email.map(|email| ("email", email.as_str())));
    format!("/sign-in/{id}?{}", reply::query(&pairs))
}

/// The link to a silent sign-in that returns to `return_to`: to renew an ID token, without a page of the provider.
pub fn silent_path(id: &ProviderId, return_to: &str) -> String {
    let query = reply::query(&[("silent", "true"), ("return_to", return_to)]);
    format!("/sign-in/{id}?{query}")
}

/// Sends the browser to the provider for a new ID token, with a page: `form-action` blocks a redirect after a form.
///
/// # Errors
/// If the page cannot be rendered.
pub fn renew_id_token(
    site: &Site,
    id: &ProviderId,
    return_to: &ReturnTo,
) -> Result<HttpResponse, PageError> {
    let provider = site.gateway.sign_ins().provider(id);
    let provider = provider.ok_or(SignInError::UnknownProvider)?;
    let to = silent_path(id, &return_to.packed());
    forward_to_provider(provider.as_ref(), to, 0)
}

/// `GET /sign-in/{provider}`: starts a sign-in and redirects the browser to the provider.
///
/// # Errors
/// If the provider is unknown, or it or the store is unavailable.
pub async fn start(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
    query: Query<SignInQuery>,
) -> Result<HttpResponse, PageError> {
    let site = &scope.site;
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    if is_scripted(&request) {
        let provider = site.gateway.sign_ins().provider(&id);
        let provider = provider.ok_or(SignInError::UnknownProvider)?;
        let to = format!("/sign-in/{id}?{}&external=true", request.query_string());
        return forward_to_provider(provider.as_ref(), to, SCRIPTED_WAIT_SECONDS);
    }
    begin(&scope, &request, &id, query.sign_in(&request)).await
}

async fn begin(
    scope: &RequestScope,
    request: &HttpRequest,
    id: &ProviderId,
    sign_in: SignInRequest,
) -> Result<HttpResponse, PageError> {
    let site = &scope.site;
    let secrets = site.cookies.secrets(request);
    let begun = site
        .gateway
        .sign_ins()
        .begin_sign_in(&scope.context, id, secrets, sign_in)
        .await?;
    let title = title(site, id);
    let mut response = auto_post::challenge(begun.challenge, &title)?;
    let set = response.add_cookie(&site.cookies.set_browser(&begun.browser));
    set.map_err(|error| PageError::internal("The cookie could not be set.").caused_by(&error))?;
    Ok(response)
}

/// `GET /sign-in/{provider}/callback`: the OIDC redirect URI.
///
/// # Errors
/// [`SignInError`].
pub async fn callback(
    scope: RequestScope,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, PageError> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let secrets = scope.site.cookies.secrets(&request);
    let returned = parse_callback(request.query_string());
    let outcome = uninterrupted(&scope, &id, None, |gateway, context, provider| async move {
        gateway
            .sign_ins()
            .complete_sign_in(&context, &provider, &secrets, returned)
            .await
    });
    match outcome.await? {
        // The provider must show a page after all.
        Err(SignInError::InteractionRequired(return_to)) => {
            let requirements = AuthnRequirements::default();
            let sign_in = SignInRequest {
                requirements,
                return_to,
                from_own_page: false,
            };
            begin(&scope, &request, &id, sign_in).await
        }
        outcome => finish(&scope, &request, &id, outcome),
    }
}

/// Counts the outcome of a sign-in and sets the session cookie.
///
/// # Errors
/// The error of the sign-in.
pub fn finish(
    scope: &RequestScope,
    request: &HttpRequest,
    id: &ProviderId,
    outcome: Result<SignInCompleted, SignInError>,
) -> Result<HttpResponse, PageError> {
    let site = &scope.site;
    let label = provider_label(&site.gateway, id);
    site.metrics.sign_in(label, OutcomeLabel::of(&outcome));
    let signed_in = outcome.map_err(|error| {
        if let SignInError::StepUp(failed) = error {
            return PageError::from(*failed);
        }
        PageError::from(error).action("Sign in again", format!("/sign-in/{id}"))
    })?;
    if let Some(error) = &signed_in.id_token_lost {
        tracing::warn!(
            provider = label,
            error = text::chain(error),
            "an ID token for AWS could not be stored: roles that need it require another sign-in"
        );
    }
    let mut response = reply::see_other(signed_in.return_to.as_str());
    let set = response.add_cookie(&site.cookies.set_session(&signed_in.secret));
    set.map_err(|error| PageError::internal("The cookie could not be set.").caused_by(&error))?;
    // The next user of this browser must not end the client sessions of the previous one.
    if site.cookies.sign_out_ticket(request).is_some() {
        sign_out::clear_ticket(site, &mut response)?;
    }
    Ok(response)
}

/// The name of a provider on pages; the ID if it is not configured.
pub fn title(site: &Site, id: &ProviderId) -> String {
    site.gateway
        .sign_ins()
        .provider(id)
        .map_or_else(|| id.to_string(), |provider| provider.title().to_owned())
}

/// The provider as a metric label; `-` if it is not configured, because the path is untrusted.
fn provider_label<'a>(gateway: &'a Gateway, id: &ProviderId) -> &'a str {
    gateway
        .sign_ins()
        .provider(id)
        .map_or("-", |provider| provider.id().as_str())
}

/// Parses an authorization response (RFC 6749 4.1.2); `None` if a parameter is repeated (RFC 6749 3.1) or too long.
fn parse_callback(query: &str) -> Option<CallbackParams> {
    let mut found: [Option<String>; 5] = Default::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some(at) = ["state", "code", "iss", "error", "error_description"]
            .iter()
            .position(|known| *known == name)
        else {
            continue;
        };
        let long = value.len() > PARAMETER_BYTES_MAX && name != "error_description";
        if long || found[at].replace(value.into_owned()).is_some() {
            return None;
        }
    }
    let [state, code, iss, error, description] = found;
    let callback = match (code, error) {
        (Some(code), None) => Callback::Code {
            code: SecretText::new(code),
            iss,
        },
        (None, Some(error)) => Callback::Error {
            error,
            description,
            iss,
        },
        (Some(_), Some(_)) | (None, None) => return None,
    };
    let state = State::new(state?);
    Some(CallbackParams { state, callback })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn redirect_of_the_gateway_is_not_its_own_link() {
        let from_own_page = |query: &str, site: &'static str| {
            let query = Query::<SignInQuery>::from_query(query).unwrap();
            let request = TestRequest::default().insert_header(("sec-fetch-site", site));
            query.sign_in(&request.to_http_request()).from_own_page
        };
        assert!(from_own_page("mfa=true", "same-origin"));
        assert!(!from_own_page("mfa=true", "cross-site"));
        // The page that delays a script of another site leads here.
        assert!(!from_own_page("mfa=true&external=true", "same-origin"));
        for forged in ["external=false&external=true", "external=no"] {
            assert!(
                Query::<SignInQuery>::from_query(forged).is_err(),
                "{forged}"
            );
        }
    }
}
