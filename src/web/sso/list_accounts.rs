//! ListAccounts: the accounts in which the client's person has a role today.

use actix_web::HttpResponse;
use actix_web::web::Query;
use serde::Serialize;

use super::bearer::Bearer;
use super::{Paging, refuse};
use crate::web::errors::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    next_token: Option<String>,
    account_list: Vec<ListedAccount<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedAccount<'a> {
    account_id: &'a str,
    account_name: &'a str,
    email_address: &'a str,
}

/// `GET /assignment/accounts`
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`; 5xx in an outage.
pub async fn list_accounts(bearer: Bearer, query: Query<Paging>) -> Result<HttpResponse, Problem> {
    let site = &bearer.visitor.site;
    let grants = bearer.grants().await?;
    let page = site
        .gateway
        .clients()
        .accounts_page(&bearer.session.identity, &grants, &query.parse()?)
        .map_err(|error| refuse(error.to_string()))?;
    let listed = page.entries.into_iter().map(|account| ListedAccount {
        account_id: account.id.as_str(),
        account_name: account.name.as_str(),
        email_address: &site.account_email,
    });
    Ok(HttpResponse::Ok().json(Listed {
        next_token: page.next,
        account_list: listed.collect(),
    }))
}
