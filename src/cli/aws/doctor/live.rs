//! The account of the shell's AWS credentials.

use std::collections::BTreeSet;

use rolecall_core::aws::OidcProviderName;
use rolecall_core::drift::{Observed, ObservedSamlProvider};

use super::saml_metadata;
use crate::aws::ShellAws;
use crate::cli::out::Failure;
use crate::config::OfflineSettings;
use crate::egress::Egress;

const HINT: &str = "the credentials of this shell are used: set AWS_PROFILE, or sign in; docs/doctor.md lists the permissions that are needed";

/// Reads the account. Returns what could not be read.
pub async fn read(
    settings: &OfflineSettings,
    egress: &Egress,
    observed: &mut Observed,
) -> Result<BTreeSet<String>, Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let aws = &settings.aws;
    let failed = |error| Failure::failed(format!("cannot read the account: {error}")).hint(HINT);
    let shell = ShellAws::load(egress, &aws.sts_region);
    let shell = shell.await.map_err(failed)?;
    let issuer = OidcProviderName::of(settings.issuer());
    let account = shell
        .read_account(issuer.as_str(), observed)
        .await
        .map_err(failed)?;
    let mut unread = account.unread;
    for provider in account.saml_providers {
        match saml_metadata::parse(&provider.metadata) {
            Ok(parsed) => {
                let known = observed.account(account.id.clone());
                known.saml_providers.push(ObservedSamlProvider {
                    arn: Some(provider.arn),
                    valid_until: provider.valid_until.or(parsed.valid_until),
                    ..parsed
                });
            }
            Err(error) => {
                unread.insert(format!("{}: {error}", provider.arn));
            }
        }
    }
    Ok(unread)
}
