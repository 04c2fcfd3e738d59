//! ListAccountRoles: the roles of the user in one account. A variant is a separate role with the name
//! `PERMISSION_SET@VARIANT`.

use actix_web::HttpResponse;
use actix_web::web::Query;
use rolecall_wire::sso::{ListAccountRolesRequest, ListAccountRolesResponse, RoleInfo};

use super::bearer::Bearer;
use super::{account, page};
use crate::web::errors::sso::SsoError;

/// `GET /assignment/roles`. The list is empty for an account without roles of the user and for an
/// account that does not exist.
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`; 5xx during an outage.
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
