//! Saved output of the AWS CLI.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rolecall_core::aws::AccountId;
use rolecall_core::base::timestamp;
use rolecall_core::drift::{Observed, ObservedSamlProvider, ReadError, account_of, documents};
use serde::Deserialize;

use super::{Doctor, saml_metadata};
use crate::cli::names;
use crate::cli::out::Failure;
use crate::config::LoadedOffline;

/// Bytes of a file. An account with 5,000 roles and all versions of its policies needs about 100 MB.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A file with the account that it is about.
#[derive(Clone, Debug)]
pub struct OfAccount {
    /// Name or ID.
    account: Option<String>,
    path: PathBuf,
}

impl FromStr for OfAccount {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let named = text.split_once('=').filter(|(name, _)| !name.contains('/'));
        Ok(match named {
            Some((account, path)) => Self {
                account: Some(account.to_owned()),
                path: path.into(),
            },
            None => Self {
                account: None,
                path: text.into(),
            },
        })
    }
}

/// `aws iam get-saml-provider` and `list-saml-providers`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SamlOutput {
    #[serde(rename = "SAMLMetadataDocument")]
    metadata: Option<String>,
    valid_until: Option<String>,
    #[serde(rename = "SAMLProviderList")]
    providers: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    arn: String,
}

impl Doctor {
    /// Reads all files.
    pub(super) fn read(
        &self,
        loaded: &LoadedOffline,
        observed: &mut Observed,
    ) -> Result<(), Failure> {
        for path in &self.authorization_details {
            let added = observed.add_authorization_details(&read(path)?);
            added.map_err(|error| failure(path, &error))?;
        }
        if let Some(account) = observed.incomplete().next() {
            let text = format!("account {account}: {}", ReadError::Truncated);
            return Err(Failure::configuration(text).hint(ReadError::Truncated.hint()));
        }
        for path in &self.roles {
            let added = observed.add_roles(&read(path)?);
            added.map_err(|error| failure(path, &error))?;
        }
        for file in &self.oidc_provider {
            let account = self.account(loaded, observed, file)?;
            let added = observed.add_oidc_provider(account.as_ref(), &read(&file.path)?);
            added.map_err(|error| failure(&file.path, &error))?;
        }
        for file in &self.saml_provider {
            let account = self.account(loaded, observed, file)?;
            add_saml_provider(observed, account.as_ref(), file)?;
        }
        Ok(())
    }

    /// The account of a file: the named one, that of `--account`, or the only one of the other files.
    fn account(
        &self,
        loaded: &LoadedOffline,
        observed: &Observed,
        file: &OfAccount,
    ) -> Result<Option<AccountId>, Failure> {
        if let Some(named) = &file.account {
            let account = names::account(&loaded.access.policy, named)?;
            return Ok(Some(account.id.clone()));
        }
        let only = self.plan.only(loaded)?.unwrap_or_default();
        let mut known = match only.is_empty() {
            true => observed.account_ids().cloned().collect(),
            false => only,
        };
        let first = known.pop_first();
        Ok(first.filter(|_| known.is_empty()))
    }
}

fn add_saml_provider(
    observed: &mut Observed,
    account: Option<&AccountId>,
    file: &OfAccount,
) -> Result<(), Failure> {
    const COMMAND: &str = "get-saml-provider";
    let fail = |error: ReadError| failure(&file.path, &error);
    let outputs: Vec<SamlOutput> = documents(&read(&file.path)?, COMMAND).map_err(fail)?;
    for output in outputs {
        if let Some(listed) = output.providers {
            let arns: Vec<String> = listed.into_iter().map(|one| one.arn).collect();
            let of_arn = arns.iter().find_map(|arn| account_of(arn));
            let id = of_arn
                .or_else(|| account.cloned())
                .ok_or_else(|| fail(ReadError::WhichAccount))?;
            let known = observed
                .account(id)
                .saml_provider_arns
                .get_or_insert_default();
            known.extend(arns);
            continue;
        }
        let metadata = output.metadata.ok_or_else(|| {
            fail(ReadError::Format {
                command: COMMAND,
                reason: "there is no SAMLMetadataDocument".to_owned(),
            })
        })?;
        let id = account
            .cloned()
            .ok_or_else(|| fail(ReadError::WhichAccount))?;
        let parsed = saml_metadata::parse(&metadata)
            .map_err(|error| Failure::configuration(format!("{}: {error}", file.path.display())))?;
        let until = output.valid_until.as_deref();
        let until = until.and_then(timestamp::from_rfc3339);
        let known = &mut observed.account(id).saml_providers;
        known.push(ObservedSamlProvider {
            valid_until: until.or(parsed.valid_until),
            ..parsed
        });
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |reason: String| Failure::configuration(format!("{}: {reason}", path.display()));
    let known = std::fs::metadata(path).map_err(|error| fail(format!("cannot read: {error}")))?;
    if known.len() > FILE_BYTES_MAX {
        let size = known.len() / 1024 / 1024;
        return Err(
            fail(format!("the file has {size} MB; at most 512 are read"))
                .hint("save it with --filter Role LocalManagedPolicy"),
        );
    }
    let bytes = std::fs::read(path).map_err(|error| fail(format!("cannot read: {error}")))?;
    match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(fail("the file is UTF-16".to_owned())
            .hint("save it as UTF-8; in PowerShell: `| Out-File -Encoding utf8`")),
        _ => Ok(bytes),
    }
}

fn failure(path: &Path, error: &ReadError) -> Failure {
    Failure::configuration(format!("{}: {error}", path.display())).hint(error.hint())
}
