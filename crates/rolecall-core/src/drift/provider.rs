//! Identity providers of IAM.

use std::collections::BTreeSet;

use super::Model;
use super::document::{listed, shown};
use super::finding::{Finding, FindingKind, Fix};
use super::fix;
use super::observed::{ObservedAccount, ObservedOidcProvider, ObservedSamlProvider};
use crate::aws::AccountId;
use crate::provisioning::ProviderPlan;

const PROVIDER_NOTE: &str =
    "if CloudFormation or Terraform manages the provider, deploy the generated files again instead";

/// The provider of an account, compared.
pub(super) struct ProviderComparison<'a> {
    pub model: &'a Model<'a>,
    pub account: &'a AccountId,
    pub observed: &'a ObservedAccount,
    pub findings: Vec<Finding>,
    /// What could not be compared.
    pub unseen: BTreeSet<String>,
}

impl ProviderComparison<'_> {
    fn add(&mut self, kind: FindingKind, arn: &str, found: String, fix: Fix) {
        self.findings.push(Finding {
            kind,
            account: Some(self.account.clone()),
            resource: Some(arn.to_owned()),
            found,
            fix,
        });
    }

    /// Compares the provider.
    pub fn compare(&mut self, plan: &ProviderPlan) {
        match plan {
            ProviderPlan::Oidc { url, client_id } => self.oidc(url, client_id),
            ProviderPlan::Saml { name, metadata } => self.saml(name, metadata),
        }
    }

    fn arn(&self, resource: &str) -> String {
        let partition = self.model.installation.partition;
        format!("arn:{partition}:iam::{}:{resource}", self.account)
    }

    fn oidc(&mut self, url: &str, client_id: &str) {
        let name = url.split_once("://").map_or(url, |(_, name)| name);
        let arn = self.arn(&format!("oidc-provider/{name}"));
        let create = vec![
            "aws",
            "iam",
            "create-open-id-connect-provider",
            "--url",
            url,
            "--client-id-list",
            client_id,
        ];
        let create = fix::commands([create], Some(PROVIDER_NOTE));
        let listed_arns = self.observed.oidc_provider_arns.as_ref();
        let is_listed = listed_arns.map(|arns| arns.contains(&arn));
        let of_issuer = self
            .observed
            .oidc_providers
            .iter()
            .find(|one| one.url == name);
        match (of_issuer, is_listed) {
            (Some(found), _) => self.oidc_provider(&arn, client_id, found),
            (None, Some(false)) => {
                let found = format!("there is no OIDC provider {}", shown(name));
                self.add(FindingKind::OidcProviderMissing, &arn, found, create);
            }
            (None, None) if !self.observed.oidc_providers.is_empty() => {
                let urls = self.observed.oidc_providers.iter();
                let urls = listed(urls.map(|one| one.url.as_str()));
                let found = format!("the URL is {urls} instead of {}", shown(name));
                self.add(FindingKind::OidcProviderUrl, &arn, found, create);
            }
            (None, Some(true) | None) => {
                self.unseen.insert(format!(
                    "OIDC provider of account {}: save `aws iam get-open-id-connect-provider`",
                    self.account
                ));
            }
        }
    }

    fn oidc_provider(&mut self, arn: &str, client_id: &str, found: &ObservedOidcProvider) {
        let provider = |operation, id| {
            let line = vec![
                "aws",
                "iam",
                operation,
                "--open-id-connect-provider-arn",
                arn,
                "--client-id",
                id,
            ];
            fix::commands([line], Some(PROVIDER_NOTE))
        };
        if !found.client_ids.contains(client_id) {
            let fix = provider("add-client-id-to-open-id-connect-provider", client_id);
            let text = format!(
                "the client IDs are {} without {}",
                listed(&found.client_ids),
                shown(client_id)
            );
            self.add(FindingKind::OidcClientIdMissing, arn, text, fix);
        }
        let others = found.client_ids.iter().filter(|id| *id != client_id);
        for id in others {
            let fix = provider("remove-client-id-from-open-id-connect-provider", id);
            let text = format!("{} is registered as client ID", shown(id));
            self.add(FindingKind::OidcClientIdExtra, arn, text, fix);
        }
        if found.thumbprints.is_empty() {
            return;
        }
        let served = &self.model.thumbprints;
        let Some(last) = served.last() else {
            self.unseen.insert(
                "thumbprints of OIDC providers: the certificate chain of the issuer is not known"
                    .to_owned(),
            );
            return;
        };
        if !served.iter().any(|one| found.thumbprints.contains(one)) {
            let line = vec![
                "aws",
                "iam",
                "update-open-id-connect-provider-thumbprint",
                "--open-id-connect-provider-arn",
                arn,
                "--thumbprint-list",
                last,
            ];
            let fix = fix::commands([line], Some(PROVIDER_NOTE));
            let text = format!(
                "the thumbprints {} are of no certificate that the issuer sends",
                listed(&found.thumbprints)
            );
            self.add(FindingKind::OidcThumbprint, arn, text, fix);
        }
    }

    fn saml(&mut self, name: &str, metadata: &str) {
        let arn = self.arn(&format!("saml-provider/{name}"));
        let own = (self.model.saml_metadata)(metadata);
        // The metadata are at the URL of the entity ID.
        let url = own.as_ref().map_or("", |own| own.entity_id.as_str());
        let fetch = vec!["curl", "-fsSo", "metadata.xml", url];
        const DOCUMENT: [&str; 2] = ["--saml-metadata-document", "file://metadata.xml"];
        let create = [
            &["aws", "iam", "create-saml-provider", "--name", name][..],
            &DOCUMENT,
        ]
        .concat();
        let create = fix::commands([fetch.clone(), create], Some(PROVIDER_NOTE));
        let update = [
            "aws",
            "iam",
            "update-saml-provider",
            "--saml-provider-arn",
            &arn,
        ];
        let update = [&update[..], &DOCUMENT].concat();
        let update = fix::commands([fetch, update], Some(PROVIDER_NOTE));
        let is_it =
            |one: &&ObservedSamlProvider| one.arn.as_ref().is_none_or(|found| *found == arn);
        let found = self.observed.saml_providers.iter().find(is_it);
        let listed_arns = self.observed.saml_provider_arns.as_ref();
        match (found, listed_arns.map(|arns| arns.contains(&arn))) {
            (Some(found), _) => self.saml_provider(&arn, own.as_ref(), found, &update),
            (None, Some(false)) => {
                let text = format!("there is no SAML provider {}", shown(name));
                self.add(FindingKind::SamlProviderMissing, &arn, text, create);
            }
            (None, Some(true) | None) => {
                self.unseen.insert(format!(
                    "SAML provider of account {}: save `aws iam get-saml-provider`",
                    self.account
                ));
            }
        }
    }

    fn saml_provider(
        &mut self,
        arn: &str,
        own: Option<&ObservedSamlProvider>,
        found: &ObservedSamlProvider,
        update: &Fix,
    ) {
        if let Some(at) = found.valid_until.filter(|at| *at <= self.model.now) {
            let text = format!(
                "the metadata expired at {}",
                at.format("%Y-%m-%d %H:%M UTC")
            );
            self.add(FindingKind::SamlExpired, arn, text, update.clone());
        }
        let Some(own) = own else {
            self.unseen.insert(format!(
                "metadata of {arn}: the expected ones cannot be parsed"
            ));
            return;
        };
        if own.entity_id != found.entity_id {
            let text = format!(
                "the entity ID is {} instead of {}",
                shown(&found.entity_id),
                shown(&own.entity_id)
            );
            self.add(FindingKind::SamlEntityId, arn, text, update.clone());
        }
        let missing = own
            .certificates
            .iter()
            .filter(|one| !found.certificates.contains(one));
        match missing.count() {
            0 => {}
            count => {
                let text = format!("{count} of the gateway's certificates missing in the metadata");
                self.add(FindingKind::SamlKeyMissing, arn, text, update.clone());
            }
        }
        let extra = found
            .certificates
            .iter()
            .filter(|one| !own.certificates.contains(one));
        match extra.count() {
            0 => {}
            count => {
                let text = format!(
                    "the metadata have {count} certificates that the gateway does not publish"
                );
                self.add(FindingKind::SamlKeyExtra, arn, text, update.clone());
            }
        }
    }
}
