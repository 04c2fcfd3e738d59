//! ListAccountRoles: the roles of the client's person in one account. A variant is a role of its own, named
//! `PERMISSION_SET@VARIANT`.

use actix_web::HttpResponse;
use actix_web::web::Query;
use rolecall_wire::sso::{ListAccountRolesRequest, ListAccountRolesResponse, RoleInfo};

use super::bearer::Bearer;
use super::{account, page};
use crate::web::errors::sso::SsoError;

/// `GET /assignment/roles`. An account without a role of the person's, and one that does not exist, have an empty list.
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`; 5xx in an outage.
pub async fn list_account_roles(
    bearer: Bearer,
    query: Query<ListAccountRolesRequest>,
) -> Result<HttpResponse, SsoError> {
    let ListAccountRolesRequest {
        account_id,
        max_result,
        next_token,
    } = &*query;
    let account = account(account_id)?;
    let grants = bearer.grants_in(&account).await?;
    let identity = &bearer.session.identity;
    let gateway = &bearer.scope.site.gateway;
    let page = gateway
        .clients()
        .roles_page(identity, &grants, &account, &page(max_result, next_token)?)
        .map_err(|error| SsoError::InvalidParameter(error.to_string().into()))?;
    let listed = page.entries.iter().map(|grant| RoleInfo {
        role_name: grant.role_name().into(),
        account_id: account.as_str().into(),
    });
    Ok(HttpResponse::Ok().json(ListAccountRolesResponse {
        next_token: page.next,
        role_list: listed.collect(),
    }))
}
