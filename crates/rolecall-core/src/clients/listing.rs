//! Lists of accounts and roles in pages, as in AWS's portal API.
//!
//! A page token contains the last entry of the page, not an index, so entries that are added or removed between two
//! pages are neither repeated nor skipped. Its HMAC binds it to one person and one list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall_wire::sso::MAX_RESULT;

use crate::access::{Account, Grant, Grants, VariantName};
use crate::aws::AccountId;
use crate::clients::Clients;
use crate::identity::Identity;

const PURPOSE: &str = "rolecall/page/v1";

/// The requested page.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// `max_result`; a page has 1 to [`MAX_RESULT`] entries.
    pub entries_max: Option<i64>,
    /// `next_token` of the previous page.
    pub token: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries of the page.
    pub entries: Vec<T>,
    /// `nextToken`; `None` on the last page.
    pub next: Option<String>,
}

/// The page token is invalid, or belongs to another person or list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("next_token is not valid for this list")]
pub struct InvalidPageToken;

impl PageRequest {
    fn size(&self) -> usize {
        let most = MAX_RESULT;
        let requested = self.entries_max.map(|requested| requested.max(1));
        requested.map_or(most, |requested| {
            usize::try_from(requested).map_or(most, |requested| requested.min(most))
        })
    }
}

impl Clients {
    /// A page of the accounts in which the person has a role, by name.
    ///
    /// # Errors
    /// [`InvalidPageToken`].
    pub fn accounts_page<'g>(
        &self,
        identity: &Identity,
        grants: &'g Grants,
        request: &PageRequest,
    ) -> Result<Page<&'g Account>, InvalidPageToken> {
        let list = List::new(self, identity, "accounts");
        let after = list.after(request)?;
        let after = after
            .as_deref()
            .map(|last| last.split_once('/').unwrap_or((last, "")));
        let accounts = grants.accounts_after(after.map(|(id, name)| (name, id)));
        let position = |account: &&Account| format!("{}/{}", account.id, account.name);
        Ok(list.page(accounts, request.size(), position))
    }

    /// A page of the person's roles in an account. A permission set precedes its variants.
    ///
    /// # Errors
    /// [`InvalidPageToken`].
    pub fn roles_page(
        &self,
        identity: &Identity,
        grants: &Grants,
        account: &AccountId,
        request: &PageRequest,
    ) -> Result<Page<Grant>, InvalidPageToken> {
        let list = List::new(self, identity, account.as_str());
        let after = list.after(request)?;
        let place = |name: &str| match name.split_once('@') {
            Some((set, variant)) => (set.to_owned(), Some(variant.to_owned())),
            None => (name.to_owned(), None),
        };
        let after = after.as_deref().map(place);
        let later = |grant: &Grant| {
            let set = grant.permission_set().name.as_str();
            let variant = grant.variant().map(VariantName::as_str);
            after.as_ref().is_none_or(|(last, last_variant)| {
                (set, variant) > (last.as_str(), last_variant.as_deref())
            })
        };
        let roles = grants.of_account(account).filter(later);
        Ok(list.page(roles, request.size(), Grant::role_name))
    }
}

/// A list of one person.
struct List<'a> {
    clients: &'a Clients,
    name: String,
}

impl<'a> List<'a> {
    fn new(clients: &'a Clients, identity: &Identity, list: &str) -> Self {
        Self {
            clients,
            name: format!("{}/{list}/", identity.key()),
        }
    }

    fn mac(&self, last: &str) -> String {
        let keys = self.clients.records.keys();
        keys.mac(PURPOSE, &format!("{}{last}", self.name))
    }

    /// The last entry of the previous page.
    fn after(&self, request: &PageRequest) -> Result<Option<String>, InvalidPageToken> {
        let Some(token) = request.token.as_deref().filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        let (last, mac) = token.split_once('.').ok_or(InvalidPageToken)?;
        let last = URL_SAFE_NO_PAD.decode(last).map_err(|_| InvalidPageToken)?;
        let last = String::from_utf8(last).map_err(|_| InvalidPageToken)?;
        let keys = self.clients.records.keys();
        match keys.verify_mac(PURPOSE, &format!("{}{last}", self.name), mac) {
            true => Ok(Some(last)),
            false => Err(InvalidPageToken),
        }
    }

    fn page<T>(
        &self,
        entries: impl Iterator<Item = T>,
        size: usize,
        position: impl Fn(&T) -> String,
    ) -> Page<T> {
        let mut entries: Vec<T> = entries.take(size + 1).collect();
        let more = entries.len() > size;
        entries.truncate(size);
        let last = entries.last().filter(|_| more).map(position);
        let next =
            last.map(|last| format!("{}.{}", URL_SAFE_NO_PAD.encode(&last), self.mac(&last)));
        Page { entries, next }
    }
}
