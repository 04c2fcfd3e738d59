//! What this host does not know about the gateway, so that it cannot be compared.

use std::collections::BTreeSet;

use rolecall_core::access::{Policy, Trust};
use rolecall_core::aws::AccountId;
use rolecall_core::provisioning::Installation;

/// What cannot be planned on this host.
#[derive(Debug, Default)]
pub struct Unknown {
    /// Accounts whose SAML provider is not known.
    pub providers: BTreeSet<AccountId>,
    /// Accounts whose roles are not known.
    accounts: BTreeSet<AccountId>,
    /// Texts for the report.
    pub unseen: BTreeSet<String>,
}

impl Unknown {
    /// What is missing for the selected accounts.
    pub fn of(
        policy: &Policy,
        installation: &Installation<'_>,
        only: Option<&BTreeSet<AccountId>>,
    ) -> Self {
        let mut unknown = Self::default();
        let accounts = policy.accounts();
        for account in accounts.filter(|one| only.is_none_or(|only| only.contains(&one.id))) {
            let name = account.name.as_str();
            match &account.trust {
                Trust::GatewaySaml(_) if installation.saml_metadata.is_none() => {
                    unknown.providers.insert(account.id.clone());
                    unknown.unseen.insert(format!(
                        "SAML provider of {name}: this host has no SAML key: add --saml-metadata"
                    ));
                }
                Trust::Caller(caller)
                    if caller.via.is_empty() && installation.principal.is_none() =>
                {
                    unknown.accounts.insert(account.id.clone());
                    unknown.unseen.insert(format!(
                        "roles of {name}: the gateway's principal is not known: add --gateway-principal"
                    ));
                }
                Trust::GatewayOidc
                | Trust::GatewaySaml(_)
                | Trust::Caller(_)
                | Trust::ProviderSaml(_)
                | Trust::ProviderOidc(_)
                | Trust::FederationToken(_) => {}
            }
        }
        unknown
    }

    /// The accounts that can be planned; `None`: all.
    pub fn planned(
        &self,
        policy: &Policy,
        only: Option<&BTreeSet<AccountId>>,
    ) -> Option<BTreeSet<AccountId>> {
        if self.accounts.is_empty() {
            return only.cloned();
        }
        let ids = policy.accounts().map(|account| &account.id);
        let wanted = ids.filter(|id| only.is_none_or(|only| only.contains(*id)));
        let known = wanted.filter(|id| !self.accounts.contains(*id));
        Some(known.cloned().collect())
    }
}
