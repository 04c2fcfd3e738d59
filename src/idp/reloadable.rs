//! A provider whose secrets, keys and metadata are files that can change: its adapter is replaced as a whole between
//! two calls.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use rolecall_core::base::secret::{SamlResponse, State};
use rolecall_core::identity::{EmailDomain, Identity, ProviderId};
use rolecall_core::sign_in::{
    AuthnRequirements, BrowserDelivery, Callback, Challenge, Correlation, IdentityProvider,
    LogoutMessage, PackedResponse, ProviderError, QueuePosition, RejectReason, ResponseForAws,
    SamlServiceProvider, VerifiedLogoutRequest, VerifiedSignIn,
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
        requirements: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError> {
        self.current.load_full().begin(state, requirements).await
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

    async fn verify_and_pack(
        &self,
        correlation: &Correlation,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<PackedResponse, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.verify_and_pack(correlation, response, position).await
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
        position: &QueuePosition,
    ) -> Result<VerifiedSignIn, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.complete_unsolicited(response, position).await
    }

    fn aws_application_url(&self) -> Option<Url> {
        self.current.load_full().saml()?.aws_application_url()
    }

    async fn verify_for_aws(
        &self,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<ResponseForAws, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.verify_for_aws(response, position).await
    }

    async fn verify_logout_request(
        &self,
        message: LogoutMessage,
        position: &QueuePosition,
    ) -> Result<VerifiedLogoutRequest, ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.verify_logout_request(message, position).await
    }

    async fn logout_response(
        &self,
        request: &VerifiedLogoutRequest,
        by: BrowserDelivery,
    ) -> Option<Challenge> {
        let current = self.current.load_full();
        current.saml()?.logout_response(request, by).await
    }

    async fn verify_logout_response(
        &self,
        correlation: Correlation,
        message: LogoutMessage,
        position: &QueuePosition,
    ) -> Result<(), ProviderError> {
        let current = self.current.load_full();
        let saml = current.saml().ok_or_else(no_saml)?;
        saml.verify_logout_response(correlation, message, position)
            .await
    }
}
