//! A role's names, as forms and links carry them.

use rolecall_core::access::RoleRequest;
use rolecall_core::aws::AccountId;
use serde::Deserialize;

use crate::web::errors::page::PageError;

/// A role's names, as forms and links carry them.
#[derive(Clone, Deserialize)]
pub struct RoleFields {
    pub account: String,
    pub permission_set: String,
    #[serde(default)]
    pub variant: String,
}

impl RoleFields {
    /// The role that is meant.
    ///
    /// # Errors
    /// When the account is none.
    pub fn parse(&self) -> Result<RoleRequest, PageError> {
        let account = AccountId::parse(&self.account)
            .map_err(|error| PageError::bad_request(error.to_string()))?;
        let variant = Some(self.variant.clone()).filter(|variant| !variant.is_empty());
        Ok(RoleRequest {
            account,
            permission_set: self.permission_set.clone(),
            variant,
        })
    }
}
