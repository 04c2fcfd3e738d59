//! The fields of forms and links that identify a role, and the address of its page.

use rolecall_core::access::{Locked, RoleRequest};
use rolecall_core::aws::AccountId;
use rolecall_core::sign_in::ReturnTo;
use serde::Deserialize;

use crate::web::errors::page::PageError;
use crate::web::http::reply;

/// The fields that identify a role.
#[derive(Clone, Deserialize)]
pub struct RoleFields {
    pub account: String,
    pub permission_set: String,
    #[serde(default)]
    pub variant: String,
}

impl RoleFields {
    /// The link to the page of the role, with these further fields of it.
    pub fn page(&self, more: &[(&str, &str)]) -> ReturnTo {
        let mut pairs = vec![
            ("account", self.account.as_str()),
            ("permission_set", self.permission_set.as_str()),
            ("variant", self.variant.as_str()),
        ];
        pairs.extend(more);
        pairs.retain(|(_, value)| !value.is_empty());
        ReturnTo::parse(&format!("/console?{}", reply::query(&pairs)))
            .unwrap_or_else(|_| ReturnTo::portal())
    }

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

/// The link to the page of a locked role.
pub fn page_of_locked(locked: &Locked) -> ReturnTo {
    let variant = locked.variant.as_ref();
    let role = RoleFields {
        account: locked.account.id.to_string(),
        permission_set: locked.permission_set.name.to_string(),
        variant: variant.map(ToString::to_string).unwrap_or_default(),
    };
    role.page(&[])
}
