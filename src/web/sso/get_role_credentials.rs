//! GetRoleCredentials: the credentials of a role, if today's policy grants it.
//!
//! A refusal says what is missing and where to ask, since clients print the message and nothing else. A role that is not
//! the person's and one that does not exist are refused alike.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Query;
use rolecall_core::access::{RoleRequest, Unmet};
use rolecall_core::issue::IssueError;
use rolecall_wire::sso::{GetRoleCredentialsRequest, GetRoleCredentialsResponse, RoleCredentials};

use super::bearer::{Bearer, BearerToken, unauthorized};
use super::{account, refuse};
use crate::web::errors::problem::{Fault, Problem};
use crate::web::http::detached::detached;
use crate::web::pages::format;
use crate::web::site::Site;

/// Bytes of a role's name: a permission set's 64, an `@` and a variant's 32.
const ROLE_NAME_BYTES_MAX: usize = 97;

fn parse(asked: &GetRoleCredentialsRequest) -> Result<RoleRequest, Problem> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    let name = &asked.role_name;
    if !(1..=ROLE_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(refuse("role_name is not the name of a role"));
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
) -> Result<HttpResponse, Problem> {
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
    let issued = detached(site.clone(), context, "client", work)
        .await?
        .map_err(|error| refusal(&site, &asked, error))?;
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

/// Why not, for somebody who sees nothing but this text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever a client has no word of its own for is told as everywhere"
)]
fn refusal(site: &Site, asked: &GetRoleCredentialsRequest, error: IssueError) -> Problem {
    let GetRoleCredentialsRequest {
        role_name,
        account_id,
    } = asked;
    let forbidden = |code, message: String| {
        Problem::new(
            StatusCode::FORBIDDEN,
            Fault::Caller,
            code,
            "No access",
            message,
        )
    };
    match error {
        IssueError::SessionEnded => unauthorized(),
        IssueError::NotGranted => {
            let ask = match &site.settings.contact {
                Some(contact) => format!("ask {contact} for more"),
                None => "ask your administrator for more".to_owned(),
            };
            let message =
                format!("No access: you have no role {role_name} in account {account_id} today.");
            forbidden("not_granted", message).hint(format!(
                "See what you have at {}/ and {ask}.",
                site.origin()
            ))
        }
        IssueError::Locked { unmet, owners } => {
            let message = format!(
                "No access now: {role_name} in account {account_id} {}.",
                format::all_of(&unmet)
            );
            forbidden("condition", message).hint(way_out(site, &unmet, &owners))
        }
        other => Problem::from(other),
    }
}

/// What to do about a role that other circumstances would open.
fn way_out(site: &Site, unmet: &[Unmet], owners: &[String]) -> String {
    let origin = site.origin();
    let again = |unmet: &Unmet| matches!(unmet, Unmet::Mfa | Unmet::SignedInWithin(_));
    let first = if unmet.iter().any(again) {
        format!("Sign in again at {origin}/ and then run `aws sso login`")
    } else if unmet.contains(&Unmet::DeviceFlow) {
        "Run `aws sso login` on a machine with a browser, without --use-device-code".to_owned()
    } else {
        format!("See {origin}/")
    };
    match owners {
        [] => format!("{first}."),
        owners => format!("{first}, or ask {}.", owners.join(" or ")),
    }
}
