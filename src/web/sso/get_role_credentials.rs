//! GetRoleCredentials: the credentials of a role, if today's policy grants it.
//!
//! A refusal says what is missing and where to ask, since clients print the message and nothing else. A role that is not
//! the person's and one that does not exist are refused alike.

use actix_web::HttpResponse;
use actix_web::web::Query;
use rolecall_core::access::RoleRequest;
use rolecall_wire::sso::{GetRoleCredentialsRequest, GetRoleCredentialsResponse, RoleCredentials};

use super::account;
use super::bearer::{Bearer, BearerToken};
use crate::web::errors::sso::{AskedRole, SsoError};
use crate::web::http::detached::detached;

/// Bytes of a role's name: a permission set's 64, an `@` and a variant's 32.
const ROLE_NAME_BYTES_MAX: usize = 97;

fn parse(asked: &GetRoleCredentialsRequest) -> Result<RoleRequest, SsoError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    let name = &asked.role_name;
    if !(1..=ROLE_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(SsoError::InvalidParameter(
            "role_name is not the name of a role".into(),
        ));
    }
    Ok(RoleRequest::named(account(&asked.account_id)?, name))
}

/// `GET /federation/credentials`
///
/// # Errors
/// `UnauthorizedException`, `InvalidRequestException`, `ForbiddenException`, `TooManyRequestsException`; 5xx in an outage.
pub async fn get_role_credentials(
    token: BearerToken,
    asked: Query<GetRoleCredentialsRequest>,
) -> Result<HttpResponse, SsoError> {
    // Reported after the access token was verified: whoever shows none learns nothing about the parameters.
    let role = parse(&asked);
    let (site, context) = token.parts();
    let work = async move {
        let Bearer { scope, session } = token.verify().await?;
        let role = role?;
        let gateway = &scope.site.gateway;
        Ok(gateway
            .issuer()
            .credentials(&scope.context, &session, &role)
            .await)
    };
    let issued = detached::<_, _, SsoError>(site.clone(), context, "client", work)
        .await?
        .map_err(|error| {
            let asked = AskedRole {
                account_id: &asked.account_id,
                role_name: &asked.role_name,
                origin: site.origin(),
                contact: site.settings.contact.as_deref(),
            };
            SsoError::of_issue(error, &asked)
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
