//! `sso` (2019-06-10), the access portal's interface: which accounts and roles a person has, and credentials of a role.
//!
//! Requests have no body. Parameters are in the query, the access token is in the header [`BEARER_TOKEN`]. Operations,
//! members and exceptions have the names of AWS's service model; an answer has its members in the order of the types.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The header of the access token. Some reverse proxies drop header names with underscores.
pub const BEARER_TOKEN: &str = "x-amz-sso_bearer_token";
/// The largest `max_result` (`MaxResultType`), and the size of a page where a request has none.
pub const MAX_RESULT: usize = 100;

/// Where each operation is.
pub mod path {
    /// ListAccounts, `GET`.
    pub const LIST_ACCOUNTS: &str = "/assignment/accounts";
    /// ListAccountRoles, `GET`.
    pub const LIST_ACCOUNT_ROLES: &str = "/assignment/roles";
    /// GetRoleCredentials, `GET`.
    pub const GET_ROLE_CREDENTIALS: &str = "/federation/credentials";
    /// Logout, `POST` without a body; the answer has none either.
    pub const LOGOUT: &str = "/logout";
}

/// The query of ListAccounts. An empty parameter counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListAccountsRequest {
    /// How many accounts at most, a number from 1 to [`MAX_RESULT`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_result: String,
    /// `nextToken` of the page before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next_token: String,
}

/// The answer of ListAccounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAccountsResponse<'a> {
    /// For the next page; `null` on the last.
    pub next_token: Option<String>,
    /// This page.
    pub account_list: Vec<AccountInfo<'a>>,
}

/// An account in which the person has a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountInfo<'a> {
    /// 12 digits.
    pub account_id: Cow<'a, str>,
    /// Its name.
    pub account_name: Cow<'a, str>,
    /// 1 to 254 characters.
    pub email_address: Cow<'a, str>,
}

/// The query of ListAccountRoles. An empty parameter counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListAccountRolesRequest {
    /// 12 digits.
    pub account_id: String,
    /// How many roles at most, a number from 1 to [`MAX_RESULT`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_result: String,
    /// `nextToken` of the page before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next_token: String,
}

/// The answer of ListAccountRoles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAccountRolesResponse<'a> {
    /// For the next page; `null` on the last.
    pub next_token: Option<String>,
    /// This page.
    pub role_list: Vec<RoleInfo<'a>>,
}

/// A role that the person has in an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleInfo<'a> {
    /// `PERMISSION_SET`, or `PERMISSION_SET@VARIANT`.
    pub role_name: Cow<'a, str>,
    /// 12 digits.
    pub account_id: Cow<'a, str>,
}

/// The query of GetRoleCredentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetRoleCredentialsRequest {
    /// As in [`RoleInfo`].
    pub role_name: String,
    /// 12 digits.
    pub account_id: String,
}

/// The answer of GetRoleCredentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRoleCredentialsResponse<'a> {
    /// The credentials.
    pub role_credentials: RoleCredentials<'a>,
}

/// Temporary credentials of a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleCredentials<'a> {
    /// `AccessKeyId` of STS.
    pub access_key_id: Cow<'a, str>,
    /// `SecretAccessKey` of STS.
    pub secret_access_key: Secret,
    /// `SessionToken` of STS.
    pub session_token: Secret,
    /// When they expire, in milliseconds since 1970.
    pub expiration: i64,
    /// 12 digits. Not in AWS's model; the AWS SDK for JavaScript reads it.
    pub account_id: Cow<'a, str>,
}

/// What [`http::ERROR_TYPE`](crate::http::ERROR_TYPE) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The request, or what it asks for, is not valid.
    InvalidRequest,
    /// The access token opens no session. Clients forget the token and ask their person to sign in.
    Unauthorized,
    /// The person may not use the role now. AWS's servers answer with it; its model does not list it.
    Forbidden,
    /// A rate limit was reached, here or at STS. Clients try again.
    TooManyRequests,
    /// An outage. Not in AWS's model; clients go by the status.
    InternalServer,
}

impl Exception {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequestException",
            Self::Unauthorized => "UnauthorizedException",
            Self::Forbidden => "ForbiddenException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::InternalServer => "InternalServerException",
        }
    }

    /// The body of this error. The message says what happened and what to do; clients print it.
    pub fn body<'a>(self, message: impl Into<Cow<'a, str>>) -> ErrorBody<'a> {
        ErrorBody {
            exception: self.name().into(),
            message: message.into(),
        }
    }
}

/// The body of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// The exception's name. AWS's own answers lack it.
    #[serde(rename = "__type", default)]
    pub exception: Cow<'a, str>,
    /// What happened and what to do.
    pub message: Cow<'a, str>,
}

#[cfg(test)]
mod tests;
