//! Reads what one account has: roles with their policies, and identity providers. Only read operations of IAM.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, RoleDetail};
use chrono::{DateTime, Utc};
use rolecall_core::aws::AccountId;
use rolecall_core::base::{BoxError, timestamp};
use rolecall_core::drift::{Observed, ObservedOidcProvider, ObservedRole, PolicyText};

use super::ShellAws;
use super::shell::explained;

/// Pages of one listing. An account with 5,000 roles has 50.
const PAGES_MAX: usize = 1_000;

/// The account that was read.
#[derive(Debug)]
pub struct LiveAccount {
    /// The account of the credentials.
    pub id: AccountId,
    /// SAML providers, whose metadata are not parsed here.
    pub saml_providers: Vec<LiveSamlProvider>,
    /// What could not be read, with the reason.
    pub unread: BTreeSet<String>,
}

/// A SAML provider of IAM.
#[derive(Debug)]
pub struct LiveSamlProvider {
    /// ARN.
    pub arn: String,
    /// `SAMLMetadataDocument`
    pub metadata: String,
    /// `ValidUntil`
    pub valid_until: Option<DateTime<Utc>>,
}

impl ShellAws {
    /// Reads the account of the credentials. `oidc_provider` is the issuer's name in IAM.
    ///
    /// # Errors
    /// If there are no valid credentials, or the roles cannot be read.
    pub async fn read_account(
        &self,
        oidc_provider: &str,
        observed: &mut Observed,
    ) -> Result<LiveAccount, BoxError> {
        let id = self.account().await?;
        let reader = AccountReader {
            iam: Client::new(self.config()),
            id: &id,
        };
        reader.roles(observed).await?;
        let mut unread = BTreeSet::new();
        let mut note = |what: &str, result: Result<(), BoxError>| {
            if let Err(error) = result {
                unread.insert(format!("{what} of account {id}: {error}"));
            }
        };
        note("MaxSessionDuration", reader.durations(observed).await);
        note(
            "OIDC provider",
            reader.oidc_provider(oidc_provider, observed).await,
        );
        let mut saml_providers = Vec::new();
        note(
            "SAML providers",
            reader.saml_providers(observed, &mut saml_providers).await,
        );
        Ok(LiveAccount {
            saml_providers,
            unread,
            id: id.clone(),
        })
    }
}

struct AccountReader<'a> {
    iam: Client,
    id: &'a AccountId,
}

impl AccountReader<'_> {
    /// `GetAccountAuthorizationDetails`
    async fn roles(&self, observed: &mut Observed) -> Result<(), BoxError> {
        let request = self.iam.get_account_authorization_details();
        let request = request
            .filter(EntityType::Role)
            .filter(EntityType::LocalManagedPolicy);
        let mut pages = request.into_paginator().send();
        for _ in 0..PAGES_MAX {
            let Some(page) = pages.next().await else {
                observed.account(self.id.clone()).roles_complete = true;
                return Ok(());
            };
            let page = page.map_err(|error| explained(&error))?;
            let account = observed.account(self.id.clone());
            page.role_detail_list()
                .iter()
                .for_each(|detail| account.add_role(role(detail)));
            for policy in page.policies() {
                let versions = policy.policy_version_list().iter();
                let mut default = versions.filter(|version| version.is_default_version());
                let document = default.next().and_then(|version| version.document());
                if let (Some(arn), Some(document)) = (policy.arn(), document) {
                    let document = PolicyText::Encoded(document.to_owned());
                    account.policies.insert(arn.to_owned(), document);
                }
            }
        }
        Err("the account has too many roles".into())
    }

    /// `ListRoles`
    async fn durations(&self, observed: &mut Observed) -> Result<(), BoxError> {
        let mut pages = self.iam.list_roles().into_paginator().send();
        for _ in 0..PAGES_MAX {
            let Some(page) = pages.next().await else {
                return Ok(());
            };
            let page = page.map_err(|error| explained(&error))?;
            let seconds = &mut observed.account(self.id.clone()).max_session_seconds;
            for role in page.roles() {
                let duration = role
                    .max_session_duration()
                    .and_then(|one| u32::try_from(one).ok());
                seconds.extend(duration.map(|duration| (role.arn().to_owned(), duration)));
            }
        }
        Err("the account has too many roles".into())
    }

    /// `ListOpenIDConnectProviders` and `GetOpenIDConnectProvider`
    async fn oidc_provider(&self, name: &str, observed: &mut Observed) -> Result<(), BoxError> {
        let listed = self.iam.list_open_id_connect_providers().send().await;
        let listed = listed.map_err(|error| explained(&error))?;
        let arns = listed.open_id_connect_provider_list().iter();
        let arns: BTreeSet<String> = arns
            .filter_map(|one| one.arn())
            .map(str::to_owned)
            .collect();
        let suffix = format!(":oidc-provider/{name}");
        let own = arns.iter().find(|arn| arn.ends_with(&suffix)).cloned();
        let account = observed.account(self.id.clone());
        account.oidc_provider_arns = Some(arns);
        let Some(arn) = own else { return Ok(()) };
        let request = self.iam.get_open_id_connect_provider();
        let found = request.open_id_connect_provider_arn(arn).send().await;
        let found = found.map_err(|error| explained(&error))?;
        let thumbprints = found.thumbprint_list().iter();
        account.oidc_providers.push(ObservedOidcProvider {
            url: found
                .url()
                .unwrap_or_default()
                .trim_start_matches("https://")
                .to_owned(),
            client_ids: found.client_id_list().iter().cloned().collect(),
            thumbprints: thumbprints.map(|one| one.to_ascii_lowercase()).collect(),
        });
        Ok(())
    }

    /// `ListSAMLProviders` and `GetSAMLProvider`
    async fn saml_providers(
        &self,
        observed: &mut Observed,
        providers: &mut Vec<LiveSamlProvider>,
    ) -> Result<(), BoxError> {
        let listed = self.iam.list_saml_providers().send().await;
        let listed = listed.map_err(|error| explained(&error))?;
        let arns = listed.saml_provider_list().iter();
        let arns: BTreeSet<String> = arns
            .filter_map(|one| one.arn())
            .map(str::to_owned)
            .collect();
        observed.account(self.id.clone()).saml_provider_arns = Some(arns.clone());
        for arn in arns {
            let found = self
                .iam
                .get_saml_provider()
                .saml_provider_arn(&arn)
                .send()
                .await;
            let found = found.map_err(|error| explained(&error))?;
            providers.push(LiveSamlProvider {
                arn,
                metadata: found
                    .saml_metadata_document()
                    .unwrap_or_default()
                    .to_owned(),
                valid_until: found
                    .valid_until()
                    .and_then(|at| timestamp::from_unix(at.secs(), 0)),
            });
        }
        Ok(())
    }
}

fn role(detail: &RoleDetail) -> ObservedRole {
    let document = |text: Option<&str>| PolicyText::Encoded(text.unwrap_or_default().to_owned());
    let inline = detail.role_policy_list().iter().map(|policy| {
        let name = policy.policy_name().unwrap_or_default().to_owned();
        (name, document(policy.policy_document()))
    });
    let inline: BTreeMap<String, PolicyText> = inline.collect();
    let attached = detail.attached_managed_policies().iter();
    let boundary = detail.permissions_boundary();
    ObservedRole {
        arn: detail.arn().unwrap_or_default().to_owned(),
        name: detail.role_name().unwrap_or_default().to_owned(),
        trust: document(detail.assume_role_policy_document()),
        inline,
        attached: attached
            .filter_map(|one| one.policy_arn())
            .map(str::to_owned)
            .collect(),
        boundary: boundary
            .and_then(|one| one.permissions_boundary_arn())
            .map(str::to_owned),
    }
}
