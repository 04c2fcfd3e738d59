//! GetRoleCredentials: the credentials of a role, if the current policy grants it.
//!
//! Error messages contain what is missing and the next step, because clients print only the message. A role that is not
//! assigned to the user and a role that does not exist give the same error.

use actix_web::HttpResponse;
use actix_web::web::Query;
use rolecall_core::access::RoleRequest;
use rolecall_core::issue::IssueError;
use rolecall_wire::sso::{GetRoleCredentialsRequest, GetRoleCredentialsResponse, RoleCredentials};

use super::account;
use super::bearer::{Bearer, BearerToken};
use crate::web::errors::sso::{RequestedRole, SsoError};
use crate::web::http::detached::{DetachedError, detached};

/// The maximum length of a role name in bytes: 64 for the permission set, `@`, and 32 for the variant.
const ROLE_NAME_BYTES_MAX: usize = 97;

fn parse(request: &GetRoleCredentialsRequest) -> Result<RoleRequest, SsoError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    let name = &request.role_name;
    if !(1..=ROLE_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(SsoError::InvalidParameter(
            "role_name is not a valid role name.".into(),
        ));
    }
    Ok(RoleRequest::named(account(&request.account_id)?, name))
}

/// `GET /federation/credentials`
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`, `ForbiddenException`, `TooManyRequestsException`; 5xx during an outage.
pub async fn get_role_credentials(
    token: BearerToken,
    request: Query<GetRoleCredentialsRequest>,
) -> Result<HttpResponse, SsoError> {
    // An error is reported only after the access token was verified, so that clients without one get no other error.
    let role = parse(&request);
    let (site, context) = token.parts();
    let work = async move {
        let early = DetachedError::<IssueError, _>::Request;
        let Bearer { scope, session } = token.verify().await.map_err(early)?;
        let role = role.map_err(early)?;
        let issuer = scope.site.gateway.issuer();
        let issued = issuer.credentials(&scope.context, &session, &role).await;
        issued.map_err(DetachedError::Failed)
    };
    let issued = detached(site.clone(), context, "client", work).await;
    let issued = issued.map_err(|error| match error {
        DetachedError::Request(error) => error,
        DetachedError::Failed(error) => {
            let requested = RequestedRole {
                account_id: &request.account_id,
                role_name: &request.role_name,
                origin: site.origin(),
                contact: site.settings.contact.as_deref(),
            };
            SsoError::of_issue(error, &requested)
        }
    })?;
    let credentials = &issued.credentials;
    Ok(HttpResponse::Ok().json(GetRoleCredentialsResponse {
        role_credentials: RoleCredentials {
            access_key_id: credentials.access_key_id.as_str().into(),
            secret_access_key: credentials.secret_access_key.expose().into(),
            session_token: credentials.session_token.expose().into(),
            expiration: credentials.expires_at.timestamp_millis(),
            account_id: issued.grant.account().id.as_str().into(),
        },
    }))
}
