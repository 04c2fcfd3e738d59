//! Text that can contain the ID of the account for which it is used.

use std::fmt;

use crate::aws::{AccountId, RolePolicyArn};

/// A part of an [`AccountText`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountPart {
    /// Text as it is.
    Literal(String),
    /// The account ID.
    AccountId,
}

/// Text that can contain the ID of the account for which it is used. Two accounts with the same setup have equal texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountText(Vec<AccountPart>);

impl AccountText {
    /// The account ID.
    pub fn account_id() -> Self {
        Self(vec![AccountPart::AccountId])
    }

    /// The account ID between two texts.
    pub fn around_account_id(before: impl Into<String>, after: impl Into<String>) -> Self {
        Self(vec![
            AccountPart::Literal(before.into()),
            AccountPart::AccountId,
            AccountPart::Literal(after.into()),
        ])
    }

    /// The ARN of a policy of a role.
    pub fn policy_arn(arn: &RolePolicyArn) -> Self {
        match arn.around_account() {
            Some((before, after)) => Self::around_account_id(before, after),
            None => Self::from(arn.as_str()),
        }
    }

    /// The text for one account.
    pub fn fill(&self, account: &AccountId) -> String {
        self.fill_with(account.as_str())
    }

    /// The text with this text in place of the account ID.
    pub(super) fn fill_with(&self, account: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            AccountPart::Literal(text) => text.as_str(),
            AccountPart::AccountId => account,
        });
        parts.collect()
    }

    /// The text, if it is the same for every account.
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [AccountPart::Literal(text)] => Some(text),
            [] | [AccountPart::AccountId] | [_, _, ..] => None,
        }
    }

    /// Its parts.
    pub fn parts(&self) -> &[AccountPart] {
        &self.0
    }
}

impl<T: Into<String>> From<T> for AccountText {
    fn from(text: T) -> Self {
        Self(vec![AccountPart::Literal(text.into())])
    }
}

impl fmt::Display for AccountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fill_with("{account}"))
    }
}
