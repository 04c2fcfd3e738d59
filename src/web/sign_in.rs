//! Signing in over HTTP: choosing a provider, going there, coming back.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::base::secret::{SecretText, State};
use rolecall_core::gateway::Gateway;
use rolecall_core::identity::{EmailAddress, ProviderId};
use rolecall_core::sign_in::{
    Callback, Demand, IdentityProvider, ProviderError, RejectReason, ReturnTo, Returned,
    SignInError, SignInWish, SignedIn,
};
use serde::Deserialize;

use super::detached::uninterrupted;
use super::extract::Visitor;
use super::fetch_metadata::{is_scripted, require_navigation};
use super::hand_over;
use super::problem::{Fault, Problem};
use super::reply;
use super::sign_out;
use super::site::Site;
use super::view::{ProviderChoice, SignInPage};

/// Longer than any state of ours or code of a provider's. Explanations may be longer.
const PARAMETER_BYTES_MAX: usize = 4 * 1024;

/// How long a window that another site's script sent here waits before it goes on. One window cannot use up the sign-ins of
/// its address ([`rolecall_core::record::rate_limit::RateLimits::sign_in`]) at this pace.
const SCRIPTED_WAIT_SECONDS: u32 = 1;

/// The query of the sign-in pages.
#[derive(Deserialize)]
pub struct Wish {
    return_to: Option<String>,
    email: Option<String>,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    mfa: bool,
}

impl Wish {
    /// A place that is not ours becomes the portal: the person asked to sign in, not to be told off.
    fn return_to(&self) -> ReturnTo {
        self.return_to
            .as_deref()
            .and_then(|text| ReturnTo::unpack(text).ok())
            .unwrap_or_else(ReturnTo::portal)
    }
}

impl From<Wish> for SignInWish {
    fn from(wish: Wish) -> Self {
        let return_to = wish.return_to();
        let email = wish.email.as_deref();
        Self {
            demand: Demand {
                fresh: wish.fresh,
                second_factor: wish.mfa,
                login_hint: email.and_then(|email| EmailAddress::parse(email).ok()),
            },
            return_to,
        }
    }
}

pub(super) fn provider_id(text: &str) -> Result<ProviderId, Problem> {
    ProviderId::parse(text).map_err(|_| SignInError::UnknownProvider.into())
}

/// `GET /sign-in`: by e-mail domain, straight on where there is one provider, else the chooser.
///
/// # Errors
/// When the page cannot be rendered.
pub async fn choose(
    visitor: Visitor,
    request: HttpRequest,
    wish: Query<Wish>,
) -> Result<HttpResponse, Problem> {
    let gateway = &visitor.site.gateway;
    let return_to = wish.return_to();
    let typed = wish.email.as_deref().map(str::trim);
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
                return go_on(provider.as_ref(), to, wait);
            }
            None => format!("No identity provider is set up for {}.", email.domain()),
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

/// Says which provider comes next, and goes on to `href` by itself.
fn go_on(
    provider: &dyn IdentityProvider,
    href: String,
    seconds: u32,
) -> Result<HttpResponse, Problem> {
    let page = SignInPage {
        notice: Some(format!("On to {} …", provider.title())),
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
    Ok(reply::then_after(page, seconds, &href))
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

/// `GET /sign-in/{provider}`: begins, and sends the browser to the provider.
///
/// # Errors
/// When there is no such provider, or it or our store is down.
pub async fn start(
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    wish: Query<Wish>,
) -> Result<HttpResponse, Problem> {
    let site = &visitor.site;
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    if is_scripted(&request) {
        let provider = site.gateway.sign_ins().provider(&id);
        let provider = provider.ok_or(SignInError::UnknownProvider)?;
        let to = format!("/sign-in/{id}?{}", request.query_string());
        return go_on(provider.as_ref(), to, SCRIPTED_WAIT_SECONDS);
    }
    let browser = site.cookies.browser(&request);
    let session = site.cookies.session(&request);
    let wish = wish.into_inner().into();
    let begun = site
        .gateway
        .sign_ins()
        .begin_sign_in(&visitor.context, &id, browser, session.as_ref(), wish)
        .await?;
    let title = title(site, &id);
    let mut response = hand_over::challenge(begun.challenge, &title)?;
    let set = response.add_cookie(&site.cookies.set_browser(&begun.browser));
    set.map_err(|error| Problem::internal("a cookie could not be set").because(error))?;
    Ok(response)
}

/// `GET /sign-in/{provider}/callback`: the OIDC redirect URI.
///
/// # Errors
/// When the sign-in is refused; see [`SignInError`].
pub async fn callback(
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    require_navigation(&request)?;
    let id = provider_id(&id)?;
    let browser = visitor.site.cookies.browser(&request);
    let returned = parse_callback(request.query_string());
    let outcome = uninterrupted(&visitor, &id, |gateway, context, provider| async move {
        gateway
            .sign_ins()
            .complete_sign_in(&context, &provider, browser.as_ref(), returned)
            .await
    });
    finish(&visitor, &request, &id, outcome.await?).await
}

/// Counts how a sign-in ended, and hands the browser its session.
pub(super) async fn finish(
    visitor: &Visitor,
    request: &HttpRequest,
    id: &ProviderId,
    outcome: Result<SignedIn, SignInError>,
) -> Result<HttpResponse, Problem> {
    let site = &visitor.site;
    site.metrics.sign_in(
        known(&site.gateway, id),
        outcome.as_ref().map_or_else(SignInError::reason, |_| "ok"),
    );
    let signed_in = outcome
        .map_err(|error| Problem::from(error).action("Sign in again", format!("/sign-in/{id}")))?;
    if let Some(old) = site.cookies.session(request) {
        site.gateway
            .sign_ins()
            .replace_session(&visitor.context, &old)
            .await?;
    }
    let mut response = reply::see_other(signed_in.return_to.as_str());
    let set = response.add_cookie(&site.cookies.set_session(&signed_in.secret));
    set.map_err(|error| Problem::internal("a cookie could not be set").because(error))?;
    // The next person at this browser has nothing to do with the command lines of the last.
    if site.cookies.sign_out_ticket(request).is_some() {
        sign_out::clear_ticket(site, &mut response)?;
    }
    Ok(response)
}

/// How people know a provider.
pub(super) fn title(site: &Site, id: &ProviderId) -> String {
    site.gateway
        .sign_ins()
        .provider(id)
        .map_or_else(|| id.to_string(), |provider| provider.title().to_owned())
}

/// A label for metrics: never what the request says.
fn known<'a>(gateway: &'a Gateway, id: &ProviderId) -> &'a str {
    gateway
        .sign_ins()
        .provider(id)
        .map_or("-", |provider| provider.id().as_str())
}

/// Reads an authorization response (RFC 6749 4.1.2); a parameter that is there twice makes it none (RFC 6749 3.1).
fn parse_callback(query: &str) -> Option<Returned> {
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
    Some(Returned { state, callback })
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::UnknownProvider => Self::not_found().hint("Choose how to sign in from the list.").action("Sign in", "/sign-in"),
            SignInError::Unreadable => Self::bad_request("The identity provider sent you back with an address that cannot be read.").hint("Start again. If it happens again, tell your administrator the reference below."),
            SignInError::Expired => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "expired_state", "That took too long", "This sign-in has expired, or it was completed already.").hint("Start again; it is quick if you are still signed in at your provider."),
            SignInError::OtherBrowser => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "other_browser", "Begin in this browser", "This sign-in was begun in another browser or window, or this browser does not keep cookies.").hint("Start again here. If a link was sent to you, do not follow it: somebody may be trying to sign you in as themselves."),
            SignInError::OtherProvider => Self::new(StatusCode::BAD_REQUEST, Fault::Caller, "other_provider", "Begin again", "This sign-in was begun at another identity provider.").hint("Start again."),
            SignInError::Replayed => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "replayed", "That was used already", "What your identity provider sent has signed somebody in already, and counts once.").hint("Start again; do not go back to the provider's page with the browser's back button."),
            SignInError::EndedByProvider => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "ended_by_provider", "Sign-in has ended", "Your identity provider has ended the session that this sign-in belongs to.").hint("Sign in again.").action("Sign in", "/sign-in"),
            SignInError::Provider(error) => Self::from(error),
            SignInError::RateLimited(exceeded) => Self::from(exceeded),
            SignInError::Unavailable(error) => Self::from(error),
        }
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Refused { error, explanation } => {
                let mut problem = Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "refused", "Your identity provider said no", "You were not signed in: the identity provider refused, or the sign-in was cancelled.").hint("Try again. If it refuses again, ask whoever runs your identity provider whether you may use this application.").detail(error);
                // A browser brought it, so the page does not repeat it.
                problem.causes = explanation.unwrap_or_default();
                problem
            }
            ProviderError::Rejected { reason: RejectReason::TooManyGroups, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "too_many_groups", "You are in too many groups", "Your identity provider left your groups out because there are too many, and Rolecall does not guess which ones you have.").hint("Ask your administrator to send only the groups that matter here.").detail(detail),
            ProviderError::Rejected { reason: RejectReason::Claims, detail } => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, "claims", "Your attributes could not be read", "Your identity provider sent something about you that Rolecall cannot read and on which your access depends.").hint("Give your administrator the line below and the reference.").detail(detail),
            ProviderError::Rejected { reason, detail } => {
                let mut problem = Self::new(StatusCode::FORBIDDEN, Fault::Upstream, reason.code(), "That sign-in could not be accepted", "What your identity provider sent did not pass the checks.").hint("Try again. If it happens again, tell your administrator the reference below.").detail(format!("check: {}", reason.code()));
                // What exactly is for the operator's log alone: an attacker at the door learns only which check.
                problem.causes = detail;
                problem
            }
            ProviderError::Misconfigured(source) => Self::new(StatusCode::BAD_GATEWAY, Fault::Ours, "provider_misconfigured", "Sign-in is not set up correctly", "Rolecall and your identity provider do not fit together, so nobody can be signed in through it until an administrator has changed the configuration.")
                .hint("Tell your administrator the reference below: the gateway's log says what to change. Trying again does not help. Sessions that exist go on working.")
                .caused_by(source.as_ref()),
            ProviderError::Unavailable(source) => Self::new(StatusCode::BAD_GATEWAY, Fault::Ours, "provider_unavailable", "Your identity provider does not answer", "Rolecall could not reach the identity provider, so nobody can be signed in through it right now.")
                .hint("Try again in a minute. Sessions that exist go on working.")
                .caused_by(source.as_ref()),
        }
    }
}
