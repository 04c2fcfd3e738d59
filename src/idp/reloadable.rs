//! A provider whose secrets, keys and metadata are files that can change: its adapter is replaced as a whole between
//! two calls.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use rolecall_core::base::secret::{SamlResponse, State};
use rolecall_core::identity::{EmailDomain, Identity, ProviderId};
use rolecall_core::sign_in::{
    AuthnRequirements, Callback, Challenge, Correlation, IdentityProvider, LogoutMessage,
    LogoutOrder, OrderedBy, PackedResponse, ProviderError, RejectReason, ResponseForAws,
    SamlServiceProvider, Turn, VerifiedSignIn,
};
use url::Url;

/// The current adapter. ID, title and domains are those of the first one.
pub struct Reloadable {
    id: ProviderId,
    title: String,
    domains: Vec<EmailDomain>,
    current: ArcSwap<Arc<dyn IdentityProvider>>,
}

impl Reloadable {
    /// Starts with this adapter.
    pub fn new(adapter: Arc<dyn IdentityProvider>) -> Self {
        Self {
            id: adapter.id().clone(),
            title: adapter.title().to_owned(),
            domains: adapter.domains().to_vec(),
            current: ArcSwap::from_pointee(adapter),
        }
    }

    /// Replaces the adapter. Running calls finish with the previous one.
    pub fn replace(&self, adapter: Arc<dyn IdentityProvider>) {
        self.current.store(Arc::new(adapter));
    }
}

/// Not reachable: [`Reloadable::saml`] returns `None` for adapters without SAML.
fn no_saml() -> ProviderError {
    ProviderError::rejected(
        RejectReason::Malformed,
        "this provider does not support SAML",
    )
}

#[async_trait]
impl IdentityProvider for Reloadable {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn domains(&self) -> &[EmailDomain] {
        &self.domains
    }

    async fn begin(
        &self,
        state: &State,
        demand: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError> {
        self.current.load_full().begin(state, demand).await
    }

    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<VerifiedSignIn, ProviderError> {
        let current = self.current.load_full();
        current.complete(correlation, callback).await
    }

    async fn begin_sign_out(
        &self,
        identity: &Identity,
        state: &State,
    ) -> Option<(Challenge, Option<Correlation>)> {
        let current = self.current.load_full();
        current.begin_sign_out(identity, state).await
    }

    fn saml(&self) -> Option<&dyn SamlServiceProvider> {
        let speaks_saml = self.current.load().saml().is_some();
        speaks_saml.then_some(self as &dyn SamlServiceProvider)
    }
}

#[async_trait]
impl SamlServiceProvider for Reloadable {
    fn metadata(&self) -> Result<String, ProviderError> {
        let current = self.current.load_full();
        current.saml().ok_or_else(no_saml)?.metadata()
    }

    async fn screen(
        &self,
        correlation: &Correlation,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<PackedResponse, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.screen(correlation, response, turn).await
    }

    fn pack(&self, response: &SamlResponse) -> Result<PackedResponse, ProviderError> {
        let current = self.current.load_full();
        current.saml().ok_or_else(no_saml)?.pack(response)
    }

    fn unpack(&self, packed: &PackedResponse) -> Result<SamlResponse, ProviderError> {
        let current = self.current.load_full();
        current.saml().ok_or_else(no_saml)?.unpack(packed)
    }

    async fn complete_unsolicited(
        &self,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<VerifiedSignIn, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.complete_unsolicited(response, turn).await
    }

    fn start_for_aws(&self) -> Option<Url> {
        self.current.load_full().saml()?.start_for_aws()
    }

    async fn verify_for_aws(
        &self,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<ResponseForAws, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.verify_for_aws(response, turn).await
    }

    async fn logout_ordered(
        &self,
        message: LogoutMessage,
        turn: &Turn,
    ) -> Result<LogoutOrder, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.logout_ordered(message, turn).await
    }

    async fn logout_done(&self, order: &LogoutOrder, by: OrderedBy) -> Option<Challenge> {
        let current = self.current.load_full();
        current.saml()?.logout_done(order, by).await
    }

    async fn logout_answered(
        &self,
        correlation: Correlation,
        message: LogoutMessage,
        turn: &Turn,
    ) -> Result<(), ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.logout_answered(correlation, message, turn).await
    }
}
