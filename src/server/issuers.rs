//! What the gateway signs for AWS with its own keys: tokens and SAML responses. Opened, checked and read again together.

use std::sync::Arc;

use anyhow::Context as _;
use rolecall_core::access::Policy;
use rolecall_core::base::{Clock, Entropy};

use crate::aws::keys::{KeyDirectory, KeyError};
use crate::aws::{ResponseIssuer, TokenIssuer};
use crate::config::Settings;

/// Both issuers, over one directory of keys.
#[derive(Clone)]
pub struct Issuers {
    /// Tokens for `AssumeRoleWithWebIdentity`.
    pub tokens: Arc<TokenIssuer>,
    /// Responses for `AssumeRoleWithSAML`.
    pub saml: Arc<ResponseIssuer>,
}

impl Issuers {
    /// Reads the keys.
    ///
    /// # Errors
    /// When they cannot be read, or none signs tokens.
    pub fn open(
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let origin = settings.public_url.as_str().trim_end_matches('/');
        let directory = KeyDirectory::new(&settings.issuer_keys);
        let tokens =
            TokenIssuer::open(origin, directory.clone(), clock.clone()).context("[issuer]")?;
        let saml = ResponseIssuer::open(
            origin,
            directory,
            settings.aws.clone(),
            clock.clone(),
            entropy.clone(),
        )
        .context("[issuer]")?;
        Ok(Self {
            tokens: Arc::new(tokens),
            saml: Arc::new(saml),
        })
    }

    /// Whether everything can be signed that the policy needs.
    ///
    /// # Errors
    /// [`KeyError::NoneActive`], with the account that needs the key.
    pub fn suffice(&self, policy: &Policy) -> anyhow::Result<()> {
        let mut accounts = policy.accounts();
        match accounts.find(|account| account.trust.gateway_saml().is_some()) {
            None => Ok(()),
            Some(account) => self
                .saml
                .ready()
                .with_context(|| format!("account {}: trust = \"gateway-saml\"", account.name)),
        }
    }

    /// Reads the keys again.
    ///
    /// # Errors
    /// As [`Self::open`]; what could not be read stays as it was.
    pub fn reload(&self) -> Result<(), KeyError> {
        self.tokens.reload()?;
        self.saml.reload()
    }
}
