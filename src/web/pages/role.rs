//! The fields of forms and links that identify a role.

use rolecall_core::access::RoleRequest;
use rolecall_core::aws::AccountId;
use serde::Deserialize;

use crate::web::errors::page::PageError;

/// The fields that identify a role.
#[derive(Clone, Deserialize)]
pub struct RoleFields {
    pub account: String,
    pub permission_set: String,
    #[serde(default)]
    pub variant: String,
}

impl RoleFields {
    /// Parses the fields.
    ///
    /// # Errors
    /// If the account ID is invalid.
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
