//! `sso`, the portal interface of AWS clients (2019-06-10), with one file per AWS operation.
//!
//! Requests are not signed; the access token in the header authenticates the client. A token in a URL or a cookie is ignored.

mod bearer;
mod get_role_credentials;
mod list_account_roles;
mod list_accounts;
mod logout;

use rolecall_core::aws::AccountId;
use rolecall_core::clients::PageRequest;

use crate::web::errors::sso::SsoError;

pub use get_role_credentials::get_role_credentials;
pub use list_account_roles::list_account_roles;
pub use list_accounts::list_accounts;
pub use logout::logout;

/// The requested page. An empty parameter counts as absent.
fn page(max_result: &str, next_token: &str) -> Result<PageRequest, SsoError> {
    let entries_max = match max_result {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| SsoError::InvalidParameter("max_result must be an integer.".into()))?,
        ),
    };
    Ok(PageRequest {
        entries_max,
        token: Some(next_token.to_owned()),
    })
}

fn account(text: &str) -> Result<AccountId, SsoError> {
    AccountId::parse(text).map_err(|_| {
        SsoError::InvalidParameter("account_id must be a 12-digit AWS account ID.".into())
    })
}
