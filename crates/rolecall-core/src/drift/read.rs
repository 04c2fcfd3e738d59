//! Saved output of the AWS CLI: `aws iam get-account-authorization-details`, `list-roles`, `get-open-id-connect-provider` and
//! `list-open-id-connect-providers`. Several documents in a file are read one after the other, as `--no-paginate` prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::observed::{Observed, ObservedOidcProvider, ObservedRole, PolicyText};
use crate::aws::AccountId;
use crate::base::json::StrictValue;
use crate::base::text;

/// Characters of an error of the JSON parser.
const ERROR_CHARS_MAX: usize = 200;

/// Why saved output cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of the expected form.
    #[error("not the output of `aws iam {command}`: {reason}")]
    Format {
        /// The command that prints the expected form.
        command: &'static str,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The last page has a marker.
    #[error("the output is not complete: its last page has \"IsTruncated\": true or a NextToken")]
    Truncated,
    /// The output of one provider names no account.
    #[error("the output does not contain the account")]
    WhichAccount,
    /// Nothing in the document names an account.
    #[error("the output does not contain an ARN, so it is not known to which account it belongs")]
    NoAccount,
}

impl ReadError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Format { .. } => {
                "save the output of the AWS CLI with --output json, as UTF-8 (PowerShell: `| Out-File -Encoding utf8`)"
            }
            Self::Truncated => "save it again, without --max-items",
            Self::WhichAccount => "write ACCOUNT=FILE, with the name or ID of the account",
            Self::NoAccount => "save it with the filter Role or without a filter",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    role_detail_list: Vec<Role>,
    #[serde(default)]
    user_detail_list: Vec<Named>,
    #[serde(default)]
    group_detail_list: Vec<Named>,
    #[serde(default, deserialize_with = "policies_of_accounts")]
    policies: Vec<Managed>,
    #[serde(default)]
    is_truncated: bool,
    next_token: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    role_name: String,
    arn: String,
    assume_role_policy_document: StrictValue,
    #[serde(default)]
    role_policy_list: Vec<Inline>,
    #[serde(default)]
    attached_managed_policies: Vec<Attached>,
    permissions_boundary: Option<Boundary>,
    max_session_duration: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    policy_name: String,
    policy_document: StrictValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary {
    permissions_boundary_arn: String,
}

/// A managed policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed {
    arn: String,
    #[serde(default)]
    policy_version_list: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    document: Option<StrictValue>,
    #[serde(default)]
    is_default_version: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Roles {
    roles: Option<Vec<Duration>>,
    role: Option<Duration>,
    #[serde(default)]
    is_truncated: bool,
    next_token: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Duration {
    arn: String,
    max_session_duration: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OidcProvider {
    url: Option<String>,
    #[serde(default, rename = "ClientIDList")]
    client_id_list: BTreeSet<String>,
    #[serde(default)]
    thumbprint_list: Vec<String>,
    #[serde(rename = "OpenIDConnectProviderList")]
    providers: Option<Vec<Named>>,
}

/// The account ID in an ARN of IAM.
pub fn account_of(arn: &str) -> Option<AccountId> {
    AccountId::parse(arn.split(':').nth(4)?).ok()
}

/// Managed policies without those of AWS, which are most of the output and are not kept.
fn policies_of_accounts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Managed>, D::Error> {
    struct Policies;

    impl<'de> Visitor<'de> for Policies {
        type Value = Vec<Managed>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of policies")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut kept = Vec::new();
            while let Some(policy) = from.next_element::<Managed>()? {
                if account_of(&policy.arn).is_some() {
                    kept.push(policy);
                }
            }
            Ok(kept)
        }
    }

    from.deserialize_seq(Policies)
}

/// All documents of a file, which can begin with a byte order mark. `command` is the subcommand of `aws iam` that prints them.
///
/// # Errors
/// [`ReadError::Format`].
pub fn documents<T: DeserializeOwned>(
    bytes: &[u8],
    command: &'static str,
) -> Result<Vec<T>, ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let format = |reason: String| ReadError::Format { command, reason };
    let documents = serde_json::Deserializer::from_slice(bytes).into_iter::<T>();
    let documents: Result<Vec<T>, _> = documents.collect();
    let documents =
        documents.map_err(|error| format(text::one_line(&error.to_string(), ERROR_CHARS_MAX)))?;
    match documents.is_empty() {
        false => Ok(documents),
        true => Err(format("the file is empty".to_owned())),
    }
}

impl Observed {
    /// Adds the output of `aws iam get-account-authorization-details`: all pages, or some of them, of one or more accounts. The
    /// roles of an account are complete if its last page is, and some page has a role: output with another filter has none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn add_authorization_details(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let pages: Vec<Page> = documents(bytes, "get-account-authorization-details")?;
        // Whether the last page of an account says that there are more.
        let mut truncated = BTreeMap::new();
        let mut previous = BTreeSet::new();
        for page in pages {
            let continued = page.is_truncated || page.next_token.is_some();
            let mut accounts = BTreeSet::new();
            let named = page.user_detail_list.iter().chain(&page.group_detail_list);
            accounts.extend(named.filter_map(|one| account_of(&one.arn)));
            for role in page.role_detail_list {
                accounts.extend(self.add_role(role));
            }
            for policy in page.policies {
                accounts.extend(self.add_policy(policy));
            }
            // A page without a name belongs to the account of the page before it.
            if accounts.is_empty() {
                accounts.clone_from(&previous);
            }
            truncated.extend(accounts.iter().map(|id| (id.clone(), continued)));
            previous = accounts;
        }
        if truncated.is_empty() {
            return Err(ReadError::NoAccount);
        }
        for (id, truncated) in truncated {
            let account = self.account(id);
            account.roles_complete |= !truncated && !account.roles.is_empty();
        }
        Ok(())
    }

    fn add_role(&mut self, role: Role) -> Option<AccountId> {
        let id = account_of(&role.arn)?;
        let account = self.account(id.clone());
        let seconds = role.max_session_duration;
        account
            .max_session_seconds
            .extend(seconds.map(|seconds| (role.arn.clone(), seconds)));
        let inline = role.role_policy_list.into_iter();
        let attached = role.attached_managed_policies.into_iter();
        account.add_role(ObservedRole {
            arn: role.arn,
            name: role.role_name,
            trust: PolicyText::Json(role.assume_role_policy_document.0),
            inline: inline
                .map(|one| (one.policy_name, PolicyText::Json(one.policy_document.0)))
                .collect(),
            attached: attached.map(|one| one.policy_arn).collect(),
            boundary: role
                .permissions_boundary
                .map(|one| one.permissions_boundary_arn),
        });
        Some(id)
    }

    fn add_policy(&mut self, policy: Managed) -> Option<AccountId> {
        let id = account_of(&policy.arn)?;
        let mut versions = policy.policy_version_list.into_iter();
        let default = versions.find(|version| version.is_default_version);
        if let Some(document) = default.and_then(|version| version.document) {
            let policies = &mut self.account(id.clone()).policies;
            policies.insert(policy.arn, PolicyText::Json(document.0));
        }
        Some(id)
    }

    /// Adds the output of `aws iam list-roles` or `get-role`, which has the durations.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn add_roles(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        const COMMAND: &str = "list-roles";
        let pages: Vec<Roles> = documents(bytes, COMMAND)?;
        if pages
            .last()
            .is_some_and(|last| last.is_truncated || last.next_token.is_some())
        {
            return Err(ReadError::Truncated);
        }
        let mut found = false;
        for page in pages {
            let roles = page.roles.into_iter().flatten().chain(page.role);
            for role in roles {
                found = true;
                if let Some(id) = account_of(&role.arn) {
                    let seconds = &mut self.account(id).max_session_seconds;
                    seconds.insert(role.arn, role.max_session_duration);
                }
            }
        }
        match found {
            true => Ok(()),
            false => Err(ReadError::Format {
                command: COMMAND,
                reason: "there is no role".to_owned(),
            }),
        }
    }

    /// Adds the output of `aws iam get-open-id-connect-provider`, which does not contain the account, or of
    /// `list-open-id-connect-providers`, which does.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn add_oidc_provider(
        &mut self,
        account: Option<&AccountId>,
        bytes: &[u8],
    ) -> Result<(), ReadError> {
        const COMMAND: &str = "get-open-id-connect-provider";
        let documents: Vec<OidcProvider> = documents(bytes, COMMAND)?;
        for document in documents {
            if let Some(listed) = document.providers {
                let arns: BTreeSet<String> = listed.into_iter().map(|one| one.arn).collect();
                let of_arn = arns.iter().find_map(|arn| account_of(arn));
                let id = of_arn
                    .or_else(|| account.cloned())
                    .ok_or(ReadError::WhichAccount)?;
                self.account(id)
                    .oidc_provider_arns
                    .get_or_insert_default()
                    .extend(arns);
                continue;
            }
            let url = document.url.ok_or_else(|| ReadError::Format {
                command: COMMAND,
                reason: "there is no Url".to_owned(),
            })?;
            let id = account.cloned().ok_or(ReadError::WhichAccount)?;
            self.account(id).oidc_providers.push(ObservedOidcProvider {
                url: url.trim_start_matches("https://").to_owned(),
                client_ids: document.client_id_list,
                thumbprints: document
                    .thumbprint_list
                    .iter()
                    .map(|thumbprint| thumbprint.to_ascii_lowercase())
                    .collect(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
