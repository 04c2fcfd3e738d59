//! The roles that a person can decode a message with.

use rolecall_core::access::{Grant, Grants, RoleRequest};
use rolecall_core::aws::AccountId;
use rolecall_core::issue::{CannotDecode, DecodingRoles, DeniedPrincipal};

use super::view::{AccountRoles, RoleChoice};
use crate::web::errors::page::PageError;

/// Roles that the page lists. A person with more names the account, by the text of the error or by the address.
const ROLES_MAX: usize = 500;

/// A role that was chosen, `ACCOUNT/ROLE`.
pub struct Choice {
    value: String,
    pub role: RoleRequest,
}

impl Choice {
    /// Parses `ACCOUNT/ROLE`; `None` if no role is chosen.
    ///
    /// # Errors
    /// If it is another text.
    pub fn parse(value: &str) -> Result<Option<Self>, PageError> {
        if value.is_empty() {
            return Ok(None);
        }
        let (account, name) = value
            .split_once('/')
            .ok_or_else(|| PageError::bad_request("The role is not in the form ACCOUNT/ROLE."))?;
        let account =
            AccountId::parse(account).map_err(|error| PageError::bad_request(error.to_string()))?;
        Ok(Some(Self {
            value: value.to_owned(),
            role: RoleRequest::named(account, name),
        }))
    }
}

/// The roles by account, and whether that is all of them.
#[derive(Debug, Default)]
pub struct RoleList {
    pub accounts: Vec<AccountRoles>,
    /// Whether there are more roles than the page lists.
    pub is_cut: bool,
    /// Whether only the roles of one account are listed.
    pub is_one_account: bool,
}

impl RoleList {
    /// The roles of the account of the denied principal, or else that of the chosen role, or else of all accounts. Without a
    /// choice, a role that can decode messages is selected where the account is known: that of the principal if possible.
    pub fn new(
        grants: &Grants,
        chosen: Option<&Choice>,
        principal: Option<&DeniedPrincipal>,
    ) -> Self {
        let of_principal = principal.map(|principal| &principal.account);
        let of_choice = chosen.map(|choice| &choice.role.account);
        let known = of_principal
            .into_iter()
            .chain(of_choice)
            .find(|account| grants.of_account(account).next().is_some());
        let mut listed: Vec<Grant> = match known {
            Some(account) => grants.of_account(account).take(ROLES_MAX + 1).collect(),
            None => grants.iter().take(ROLES_MAX + 1).collect(),
        };
        let is_cut = listed.len() > ROLES_MAX;
        listed.truncate(ROLES_MAX);
        let mut accounts: Vec<AccountRoles> = Vec::new();
        let mut last = None;
        let mut decoding = DecodingRoles::default();
        for grant in &listed {
            let account = grant.account();
            if last.replace(&account.id) != Some(&account.id) {
                accounts.push(AccountRoles {
                    title: format!("{} ({})", account.name, account.id),
                    roles: Vec::new(),
                });
            }
            if let Some(account) = accounts.last_mut() {
                account.roles.push(choice_of(grant, chosen, &mut decoding));
            }
        }
        if let (None, Some(principal)) = (chosen, principal) {
            select(&listed, &mut accounts, principal);
        }
        Self {
            accounts,
            is_cut,
            is_one_account: known.is_some(),
        }
    }
}

fn choice_of(grant: &Grant, chosen: Option<&Choice>, decoding: &mut DecodingRoles) -> RoleChoice {
    let name = grant.role_name();
    let value = format!("{}/{name}", grant.account().id);
    let obstacle = match decoding.check(grant) {
        Ok(()) => None,
        Err(CannotDecode::Browser) => Some("needs a visit to your identity provider"),
        Err(CannotDecode::FederatedUser) => Some("AWS lets federated users decode nothing"),
        Err(CannotDecode::SessionPolicy) => Some("its session policy does not allow it"),
        Err(CannotDecode::SessionPolicyTooLong) => Some("its session policy is too long"),
    };
    RoleChoice {
        selected: obstacle.is_none() && chosen.is_some_and(|choice| choice.value == value),
        value,
        name,
        obstacle,
    }
}

/// Selects the role of the principal, or else the first one of its account.
fn select(listed: &[Grant], accounts: &mut [AccountRoles], principal: &DeniedPrincipal) {
    let mut roles: Vec<(&Grant, &mut RoleChoice)> = listed
        .iter()
        .zip(accounts.iter_mut().flat_map(|account| &mut account.roles))
        .filter(|(grant, role)| role.obstacle.is_none() && grant.account().id == principal.account)
        .collect();
    let is_own =
        |(grant, _): &(&Grant, &mut RoleChoice)| grant.role().role().name() == principal.role;
    let own = roles.iter().position(is_own).unwrap_or_default();
    if let Some((_, role)) = roles.get_mut(own) {
        role.selected = true;
    }
}
