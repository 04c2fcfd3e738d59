//! The AWS console. It is opened by a POST with a CSRF token; a link leads to a confirmation page.

pub mod view;

use std::collections::BTreeMap;
use std::iter;

use actix_web::http::StatusCode;
use actix_web::web::{Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::access::{Grant, RoleAccess};
use rolecall_core::aws::{Destination, Region};
use rolecall_core::base::secret::ConsoleTicket;
use rolecall_core::issue::{
    ConsoleOutcome, ConsoleRequest, ConsoleVisit, IdTokenError, IssueError,
};
use rolecall_core::sign_in::ReturnTo;
use serde::Deserialize;

use super::role::RoleFields;
use super::sign_in::renew_id_token;
use super::{auto_post, format, locked, portal};
use crate::web::errors::page::PageError;
use crate::web::http::detached::{DetachedError, detached};
use crate::web::http::extract::{CsrfForm, SignedIn};
use crate::web::http::reply;
use crate::web::saml::via_provider;
use view::{ConsolePage, RegionChoice};

/// The fields of the console form and of console links.
#[derive(Clone, Deserialize)]
pub struct ConsoleFields {
    #[serde(flatten)]
    role: RoleFields,
    #[serde(default)]
    destination: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    sign_out_first: String,
    /// `credentials` if the page replaces a form for credentials.
    #[serde(default)]
    action: String,
}

/// [`ConsoleFields::action`] of a form for credentials.
pub const CREDENTIALS: (&str, &str) = ("action", "credentials");

impl ConsoleFields {
    fn destination(&self, signed_in: &SignedIn) -> Result<Option<Destination>, PageError> {
        let region = Some(self.region.as_str()).filter(|region| !region.is_empty());
        let region = region
            .map(Region::parse)
            .transpose()
            .map_err(|error| PageError::bad_request(error.to_string()))?;
        let partition = signed_in.scope.site.gateway.partition();
        let resolved = Destination::resolve(&self.destination, region.as_ref(), partition);
        resolved.map_err(|error| {
            PageError::bad_request(error.to_string())
                .hint("Leave the destination empty to open the console home page.")
        })
    }

    /// The link to the confirmation page with these fields.
    fn deep_link(&self) -> ReturnTo {
        let more = [
            ("destination", self.destination.as_str()),
            ("region", self.region.as_str()),
        ];
        self.role.page(&more)
    }
}

/// `GET /console?…`: the confirmation page. Anyone can send such a link, so the page shows what it opens.
///
/// # Errors
/// If the role is not assigned to the user, or the link is invalid.
pub async fn confirm_console(
    signed_in: SignedIn,
    link: Query<ConsoleFields>,
) -> Result<HttpResponse, PageError> {
    let site = &signed_in.scope.site;
    let role = link.role.parse()?;
    link.destination(&signed_in)?;
    let offer = site
        .gateway
        .issuer()
        .offer_console(&signed_in.scope.context, &signed_in.session, &role)
        .await?;
    let account = offer.access.account();
    let regions = site
        .settings
        .regions
        .iter()
        .map(|(code, name)| RegionChoice {
            code: (*code).to_owned(),
            name: (*name).to_owned(),
            selected: *code == link.region,
        });
    let deep_link = link.deep_link();
    let provider = &signed_in.session.identity.provider;
    let wants_credentials = link.action == CREDENTIALS.1;
    let (duration, console_end, lock) = match &offer.access {
        RoleAccess::Granted(grant) => {
            let duration = site.gateway.issuer().console_duration(grant);
            let mut duration = format::duration_and_limit(&duration);
            if let Some(trusted) = grant.trust().provider_oidc() {
                let left = portal::sign_in_left(&signed_in, iter::once(grant)).await?;
                let sign_in = format::sign_in_left(trusted, provider, left);
                duration = format!("{duration}; {sign_in}");
            }
            (duration, console_end(grant), None)
        }
        RoleAccess::Locked(role) => {
            let return_to = match wants_credentials {
                true => link.role.page(&[CREDENTIALS]),
                false => deep_link.clone(),
            };
            let lock = locked::lock(&role.unmet, provider, &return_to);
            (String::new(), "", Some(lock))
        }
    };
    let stepped_up = lock.is_none() && signed_in.session.has_just_stepped_up(site.gateway.now());
    let page = ConsolePage {
        viewer: signed_in.viewer(),
        account_id: account.id.to_string(),
        account_name: account.name.to_string(),
        permission_set: role.permission_set.clone(),
        variant: link.role.variant.clone(),
        duration,
        console_end,
        stepped_up,
        wants_credentials,
        destination: link.destination.clone(),
        default_destination: offer.default_destination.as_url().to_string(),
        regions: regions.collect(),
        sign_out_first: false,
        share_url: site.absolute(&deep_link).to_string(),
        lock,
    };
    reply::page(StatusCode::OK, &page)
}

/// When the console session ends, if it cannot have a duration of its own.
fn console_end(grant: &Grant) -> &'static str {
    if grant.trust().console_post().is_some() || grant.console_takes_duration() {
        ""
    } else if grant.is_chained() {
        "With the role session. AWS accepts no other duration for role chaining."
    } else {
        "With the credentials. AWS accepts no other duration for federated users."
    }
}

/// `POST /console`: signs the browser in to the AWS console.
///
/// # Errors
/// [`IssueError`], or an invalid form.
pub async fn open_console(
    posted: CsrfForm<ConsoleFields>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let CsrfForm { signed_in, form } = posted;
    let role = form.role.parse()?;
    let console = ConsoleRequest {
        destination: form.destination(&signed_in)?,
        return_to: form.deep_link(),
    };
    let json = reply::wants_json(&request);
    if form.sign_out_first == "true" {
        let site = &signed_in.scope.site;
        let url = site
            .gateway
            .issuer()
            .sign_out_of_console(&signed_in.session, role, console)
            .await?;
        return Ok(console_response(json, url.as_str()));
    }
    let (site, context) = signed_in.scope.parts();
    let own_provider = signed_in.session.identity.provider.clone();
    let return_to = console.return_to.clone();
    let visit = detached(site.clone(), context, "console", async move {
        let SignedIn { scope, session, .. } = signed_in;
        let (issuer, context) = (scope.site.gateway.issuer(), &scope.context);
        let visit = if json {
            let visit = issuer.visit_console_by_script(context, &session, &role, &console);
            visit.await
        } else {
            issuer
                .visit_console(context, &session, &role, &console)
                .await
        };
        visit.map_err(DetachedError::Failed)
    });
    match visit.await {
        Ok(visit) => visit_response(json, &visit),
        Err(DetachedError::Failed(IssueError::AtProvider { start: Some(start) })) => {
            via_provider::redirect_to_provider(&start)
        }
        Err(DetachedError::Failed(IssueError::IdToken(IdTokenError::SignInAgain {
            provider,
            ..
        }))) if !json => renew_id_token(&site, &provider, &return_to),
        Err(DetachedError::Failed(error)) => {
            Err(locked::issue_error(error, &own_provider, &return_to))
        }
        Err(DetachedError::Request(error)) => Err(error),
    }
}

/// `GET /console/continue/{ticket}`: opens the console after AWS's sign-out. The ticket is valid once, in the session that
/// requested it.
///
/// # Errors
/// [`IssueError`].
pub async fn continue_to_console(
    signed_in: SignedIn,
    ticket: Path<String>,
) -> Result<HttpResponse, PageError> {
    let (site, context) = signed_in.scope.parts();
    let outcome = detached(site, context, "console", async move {
        let SignedIn { scope, session, .. } = signed_in;
        let ticket = ConsoleTicket::new(ticket.into_inner());
        let gateway = &scope.site.gateway;
        let outcome = gateway
            .issuer()
            .continue_to_console(&scope.context, &session, &ticket);
        outcome.await.map_err(DetachedError::Failed)
    });
    match outcome
        .await
        .map_err(DetachedError::<_, PageError>::into_surface)?
    {
        ConsoleOutcome::Visit(visit) => visit_response(false, &visit),
        ConsoleOutcome::AlreadyUsed => Err(PageError::bad_request(
            "This console link was already used, or has expired.",
        )),
    }
}

/// The response that opens the console: a redirect, or a form that is posted to AWS.
pub fn visit_response(json: bool, visit: &ConsoleVisit) -> Result<HttpResponse, PageError> {
    let post = match visit {
        ConsoleVisit::Link(link) => return Ok(console_response(json, link.expose())),
        ConsoleVisit::Post(post) => post,
    };
    let fields = vec![
        ("SAMLResponse", post.response.expose().to_owned()),
        ("RelayState", post.relay_state.as_url().to_string()),
    ];
    if json {
        let fields: BTreeMap<_, _> = fields.into_iter().collect();
        let form = serde_json::json!({ "action": post.action.to_string(), "fields": fields });
        return Ok(HttpResponse::Ok().json(serde_json::json!({ "form": form })));
    }
    auto_post::form(post.action.as_url(), fields, "the AWS console")
}

fn console_response(json: bool, url: &str) -> HttpResponse {
    if json {
        HttpResponse::Ok().json(serde_json::json!({ "location": url }))
    } else {
        reply::see_other(url)
    }
}
