//! The interface that AWS's clients call `sso` (2019-06-10), or the portal: by AWS's operation names, one file each.
//!
//! Nobody signs these requests; whoever shows an access token in its header is its client. The token is never looked for
//! in an address or a cookie.

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

/// Which page; a parameter that is there but empty is not there.
fn page(max_result: &str, next_token: &str) -> Result<PageRequest, SsoError> {
    let entries_max = match max_result {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| SsoError::InvalidParameter("max_result is not a number".into()))?,
        ),
    };
    Ok(PageRequest {
        entries_max,
        token: Some(next_token.to_owned()),
    })
}

fn account(text: &str) -> Result<AccountId, SsoError> {
    AccountId::parse(text).map_err(|_| {
        SsoError::InvalidParameter("account_id is not an AWS account's 12 digits".into())
    })
}
