//! The gateway's own issuers for AWS, of tokens and of SAML responses. They share one key directory.

use std::sync::Arc;

use anyhow::Context as _;
use rolecall_core::access::Policy;
use rolecall_core::base::{Clock, Entropy};

use super::published::PublishedDocuments;
use crate::aws::keys::{KeyDirectory, KeyError};
use crate::aws::{ResponseIssuer, TokenIssuer};
use crate::config::Settings;

/// The issuer of tokens and the issuer of SAML responses, which share a key directory.
#[derive(Clone)]
pub struct Issuers {
    /// Issues tokens for `AssumeRoleWithWebIdentity`.
    pub tokens: Arc<TokenIssuer>,
    /// Issues responses for `AssumeRoleWithSAML`.
    pub saml: Arc<ResponseIssuer>,
    /// The documents at `[issuer] url`, if they are published there.
    pub published: Option<Arc<PublishedDocuments>>,
}

impl Issuers {
    /// Reads the keys.
    ///
    /// # Errors
    /// If the keys cannot be read, or there is no active key for tokens.
    pub fn open(
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let origin = settings.public_url.as_str().trim_end_matches('/');
        let directory = KeyDirectory::new(&settings.issuer_keys);
        let issuer = settings.issuer().as_str().trim_end_matches('/');
        let tokens = TokenIssuer::open(issuer, directory.clone(), clock.clone())
            .context("[issuer]")?
            .of_gateway(origin);
        let saml = ResponseIssuer::open(
            origin,
            directory,
            settings.aws.clone(),
            clock.clone(),
            entropy.clone(),
        )
        .context("[issuer]")?;
        let published = settings.issuer_url.clone();
        let published = published.map(|url| PublishedDocuments::new(url, &settings.egress));
        Ok(Self {
            tokens: Arc::new(tokens),
            saml: Arc::new(saml),
            published: published.transpose().context("[egress]")?.map(Arc::new),
        })
    }

    /// Checks that there is an active key for every kind of trust in the policy.
    ///
    /// # Errors
    /// [`KeyError::NoneActive`], with the account that requires the key.
    pub fn check_required_keys(&self, policy: &Policy) -> anyhow::Result<()> {
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
    /// As [`Self::open`]; the previous keys stay in use.
    pub fn reload(&self) -> Result<(), KeyError> {
        self.tokens.reload()?;
        self.saml.reload()
    }
}
