//! The portal: the accounts and roles of the signed-in user.

pub mod no_access;
pub mod view;

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Query;
use chrono::TimeDelta;
use rolecall_core::access::{Account, Grant, Locked};
use rolecall_core::identity::ProviderId;
use rolecall_core::issue::Issuer;
use rolecall_core::sign_in::ReturnTo;
use serde::Deserialize;

use super::locked::lock;
use super::{format, role};
use crate::web::errors::page::PageError;
use crate::web::http::extract::SignedIn;
use crate::web::http::reply;
use view::{AccountSection, PortalPage, RoleRow};

/// The query of the portal: a search, for browsers without JavaScript.
#[derive(Deserialize)]
pub struct Search {
    q: Option<String>,
}

/// `GET /`: the accounts and roles of the user, or the page without access.
///
/// # Errors
/// If the page cannot be rendered.
pub async fn home(signed_in: SignedIn, search: Query<Search>) -> Result<HttpResponse, PageError> {
    let grants = signed_in
        .scope
        .site
        .gateway
        .entitlements()
        .grants(&signed_in.session, &signed_in.scope.context.client_info)
        .await?;
    if grants.has_no_roles() {
        return reply::page(StatusCode::OK, &no_access::page(&signed_in));
    }
    let (held, locked): (Vec<Grant>, Vec<Locked>) =
        (grants.iter().collect(), grants.locked().collect());
    let issuer = signed_in.scope.site.gateway.issuer();
    let provider = &signed_in.session.identity.provider;
    let left = sign_in_left(&signed_in, held.iter()).await?;
    let accounts = sections((issuer, left), &held, &locked, provider, None);
    let mut page = PortalPage {
        viewer: signed_in.viewer(),
        query: String::new(),
        accounts,
    };
    page.narrow(search.q.as_deref().unwrap_or_default());
    reply::long_page(StatusCode::OK, &page, page.bytes())
}

/// How long the user can use accounts that trust ID tokens before they must sign in again; `None` if they must now, or have no
/// such account.
///
/// # Errors
/// If the store is unavailable.
pub async fn sign_in_left(
    signed_in: &SignedIn,
    mut held: impl Iterator<Item = &Grant>,
) -> Result<Option<TimeDelta>, PageError> {
    if !held.any(|grant| grant.trust().provider_oidc().is_some()) {
        return Ok(None);
    }
    let gateway = &signed_in.scope.site.gateway;
    let until = gateway.issuer().id_token_until(&signed_in.session).await?;
    Ok(until.map(|until| until - gateway.now()))
}

/// Groups grants and locked roles, both sorted, by account. A new sign-in for a locked role returns to `return_to`, or to the
/// page of the role. The second part of the first argument is that of [`sign_in_left`].
pub fn sections<'a>(
    (issuer, left): (&Issuer, Option<TimeDelta>),
    held: &'a [Grant],
    locked: &'a [Locked],
    provider: &ProviderId,
    return_to: Option<&ReturnTo>,
) -> Vec<AccountSection<'a>> {
    let open = held
        .iter()
        .map(|grant| (grant.account(), open_row(grant, issuer, (provider, left))));
    let mut rows: Vec<(&Account, RoleRow<'a>)> = open.collect();
    if !locked.is_empty() {
        let row = |locked: &'a Locked| (&locked.account, locked_row(locked, provider, return_to));
        rows.extend(locked.iter().map(row));
        rows.sort_by(|left, right| sort_key(left).cmp(&sort_key(right)));
    }
    let mut sections: Vec<AccountSection<'a>> = Vec::new();
    for (account, row) in rows {
        match sections.last_mut() {
            Some(section) if section.id == account.id.as_str() => section.roles.push(row),
            _ => sections.push(section(account, row)),
        }
    }
    sections
}

/// The sort key of a row.
fn sort_key<'r>((account, role): &'r (&Account, RoleRow<'_>)) -> [&'r str; 4] {
    [
        account.name.as_str(),
        account.id.as_str(),
        &role.permission_set,
        &role.variant,
    ]
}

fn section<'a>(account: &'a Account, first: RoleRow<'a>) -> AccountSection<'a> {
    AccountSection {
        id: Cow::Borrowed(account.id.as_str()),
        name: Cow::Borrowed(account.name.as_str()),
        ou: account
            .ou
            .as_ref()
            .map_or(Cow::Borrowed(""), |ou| Cow::Borrowed(ou.as_str())),
        tags: account
            .tags
            .iter()
            .map(|(key, value)| Cow::Owned([key, "=", value].concat()))
            .collect(),
        roles: vec![first],
    }
}

fn open_row<'g>(
    grant: &'g Grant,
    issuer: &Issuer,
    (provider, left): (&ProviderId, Option<TimeDelta>),
) -> RoleRow<'g> {
    let (duration, reason) = issuer.duration(grant);
    let limit = format::limit(&reason);
    let reason = match grant.trust().provider_oidc() {
        None => limit,
        Some(trusted) => {
            let sign_in = format::sign_in_left(trusted, provider, left);
            Cow::Owned(format!("{limit} · {sign_in}"))
        }
    };
    RoleRow {
        permission_set: Cow::Borrowed(grant.permission_set().name.as_str()),
        variant: grant
            .variant()
            .map_or(Cow::Borrowed(""), |variant| Cow::Borrowed(variant.as_str())),
        duration: format::role_session(duration),
        reason,
        lock: None,
    }
}

fn locked_row<'a>(
    locked: &'a Locked,
    provider: &ProviderId,
    return_to: Option<&ReturnTo>,
) -> RoleRow<'a> {
    let own_page;
    let return_to = match return_to {
        Some(place) => place,
        None => {
            own_page = role::page_of_locked(locked);
            &own_page
        }
    };
    RoleRow {
        permission_set: Cow::Borrowed(locked.permission_set.name.as_str()),
        variant: locked
            .variant
            .as_ref()
            .map_or(Cow::Borrowed(""), |variant| Cow::Borrowed(variant.as_str())),
        duration: Cow::Borrowed(""),
        reason: Cow::Borrowed(""),
        lock: Some(Box::new(lock(&locked.unmet, provider, return_to))),
    }
}
