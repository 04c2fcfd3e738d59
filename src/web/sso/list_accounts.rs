//! ListAccounts: the accounts in which the user currently has a role.

use actix_web::HttpResponse;
use actix_web::web::Query;
use rolecall_wire::sso::{AccountInfo, ListAccountsRequest, ListAccountsResponse};

use super::bearer::Bearer;
use super::page;
use crate::web::errors::sso::SsoError;

/// `GET /assignment/accounts`
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`; 5xx during an outage.
pub async fn list_accounts(
    bearer: Bearer,
    query: Query<ListAccountsRequest>,
) -> Result<HttpResponse, SsoError> {
    let ListAccountsRequest {
        max_result,
        next_token,
    } = &*query;
    let site = &bearer.scope.site;
    let grants = bearer.grants().await?;
    let page = site
        .gateway
        .clients()
        .accounts_page(
            &bearer.session.identity,
            &grants,
            &page(max_result, next_token)?,
        )
        .map_err(|error| SsoError::InvalidParameter(error.to_string().into()))?;
    let listed = page.entries.into_iter().map(|account| AccountInfo {
        account_id: account.id.as_str().into(),
        account_name: account.name.as_str().into(),
        email_address: site.account_email.as_str().into(),
    });
    Ok(HttpResponse::Ok().json(ListAccountsResponse {
        next_token: page.next,
        account_list: listed.collect(),
    }))
}
