//! `sso` (2019-06-10), the interface of the access portal: accounts and roles of a user, and role credentials.
//!
//! Requests have no body. Parameters are in the query, and the access token is in the header [`BEARER_TOKEN`]. Operations,
//! members and exceptions have the names of AWS's service model. Members are in the order of the types.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Header of the access token. Some reverse proxies drop headers with underscores in the name.
pub const BEARER_TOKEN: &str = "x-amz-sso_bearer_token";
/// Maximum and default of `max_result` (`MaxResultType`).
pub const MAX_RESULT: usize = 100;

/// Paths of the operations.
pub mod path {
    /// `ListAccounts`, `GET`.
    pub const LIST_ACCOUNTS: &str = "/assignment/accounts";
    /// `ListAccountRoles`, `GET`.
    pub const LIST_ACCOUNT_ROLES: &str = "/assignment/roles";
    /// `GetRoleCredentials`, `GET`.
    pub const GET_ROLE_CREDENTIALS: &str = "/federation/credentials";
    /// `Logout`, `POST`. Request and response have no body.
    pub const LOGOUT: &str = "/logout";
}

/// Query of `ListAccounts`. An empty parameter is treated as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListAccountsRequest {
    /// Maximum number of accounts, from 1 to [`MAX_RESULT`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_result: String,
    /// `nextToken` of the previous page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next_token: String,
}

/// Response of `ListAccounts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAccountsResponse<'a> {
    /// Token of the next page; `null` on the last page.
    pub next_token: Option<String>,
    /// Entries of this page.
    pub account_list: Vec<AccountInfo<'a>>,
}

/// An account in which the user has a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountInfo<'a> {
    /// Account ID, 12 digits.
    pub account_id: Cow<'a, str>,
    /// Account name, as in the access policy.
    pub account_name: Cow<'a, str>,
    /// Email address of the account, 1 to 254 characters.
    pub email_address: Cow<'a, str>,
}

/// Query of `ListAccountRoles`. An empty parameter is treated as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListAccountRolesRequest {
    /// Account ID, 12 digits.
    pub account_id: String,
    /// Maximum number of roles, from 1 to [`MAX_RESULT`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_result: String,
    /// `nextToken` of the previous page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next_token: String,
}

/// Response of `ListAccountRoles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAccountRolesResponse<'a> {
    /// Token of the next page; `null` on the last page.
    pub next_token: Option<String>,
    /// Entries of this page.
    pub role_list: Vec<RoleInfo<'a>>,
}

/// A role of the user in an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleInfo<'a> {
    /// `PERMISSION_SET` or `PERMISSION_SET@VARIANT`.
    pub role_name: Cow<'a, str>,
    /// Account ID, 12 digits.
    pub account_id: Cow<'a, str>,
}

/// Query of `GetRoleCredentials`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetRoleCredentialsRequest {
    /// As in [`RoleInfo`].
    pub role_name: String,
    /// Account ID, 12 digits.
    pub account_id: String,
}

/// Response of `GetRoleCredentials`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRoleCredentialsResponse<'a> {
    /// Temporary credentials of the role.
    pub role_credentials: RoleCredentials<'a>,
}

/// Temporary credentials of a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleCredentials<'a> {
    /// `AccessKeyId` from STS.
    pub access_key_id: Cow<'a, str>,
    /// `SecretAccessKey` from STS.
    pub secret_access_key: Secret,
    /// `SessionToken` from STS.
    pub session_token: Secret,
    /// Time of expiry in milliseconds since the Unix epoch.
    pub expiration: i64,
    /// Account ID, 12 digits. It is not in AWS's service model, but the AWS SDK for JavaScript uses it.
    pub account_id: Cow<'a, str>,
}

/// Exceptions, which are named in [`http::ERROR_TYPE`](crate::http::ERROR_TYPE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The request is malformed, or the requested account or role is not valid.
    InvalidRequest,
    /// The session of the access token has ended. Clients delete the token and ask the user to sign in.
    Unauthorized,
    /// The user is not permitted to use the role. AWS returns it, although it is not in the service model.
    Forbidden,
    /// A rate limit of the gateway or of STS was exceeded. Clients retry.
    TooManyRequests,
    /// Unavailable or internal error. It is not in AWS's service model; clients use the status.
    InternalServer,
}

impl Exception {
    /// Name in AWS's service model.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequestException",
            Self::Unauthorized => "UnauthorizedException",
            Self::Forbidden => "ForbiddenException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::InternalServer => "InternalServerException",
        }
    }

    /// The body of this error. `message` states what happened and what to do; clients show it to the user.
    pub fn body<'a>(self, message: impl Into<Cow<'a, str>>) -> ErrorBody<'a> {
        ErrorBody {
            exception: self.name().into(),
            message: message.into(),
        }
    }
}

/// Body of an error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// Name of the exception. Responses of AWS do not have it.
    #[serde(rename = "__type", default)]
    pub exception: Cow<'a, str>,
    /// What happened and what to do.
    pub message: Cow<'a, str>,
}

#[cfg(test)]
mod tests;
