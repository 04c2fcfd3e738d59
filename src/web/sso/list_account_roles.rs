//! ListAccountRoles: the roles of the client's person in one account. A variant is a role of its own, named
//! `PERMISSION_SET@VARIANT`.

use actix_web::HttpResponse;
use actix_web::web::Query;
use serde::{Deserialize, Serialize};

use super::bearer::Bearer;
use super::{Paging, account, refuse};
use crate::web::errors::problem::Problem;

/// What is asked for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    account_id: String,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    next_token: Option<String>,
    role_list: Vec<ListedRole<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedRole<'a> {
    role_name: String,
    account_id: &'a str,
}

/// `GET /assignment/roles`. An account without a role of the person's, and one that does not exist, have an empty list.
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`; 5xx in an outage.
pub async fn list_account_roles(
    bearer: Bearer,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let account = account(&asked.account_id)?;
    let grants = bearer.grants_in(&account).await?;
    let identity = &bearer.session.identity;
    let gateway = &bearer.visitor.site.gateway;
    let page = gateway
        .clients()
        .roles_page(identity, &grants, &account, &asked.paging.parse()?)
        .map_err(|error| refuse(error.to_string()))?;
    let listed = page.entries.iter().map(|grant| ListedRole {
        role_name: grant.role_name(),
        account_id: account.as_str(),
    });
    Ok(HttpResponse::Ok().json(Listed {
        next_token: page.next,
        role_list: listed.collect(),
    }))
}
