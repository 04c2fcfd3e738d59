//! Operations of SAML providers in addition to sign-in: metadata of the gateway, unsolicited responses, and single
//! logout from either side.
//!
//! Every message is untrusted until the adapter has verified its signature. No message alone signs a person in.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Challenge, Correlation, ProviderError, ReplayKey, VerifiedSignIn};
use crate::base::secret::{SamlResponse, SecretText};
use crate::identity::{NameId, Subject};
use crate::record::Record;
use crate::record::rate_limit::Share;

/// A `LogoutRequest` or `LogoutResponse` as received: untrusted.
#[derive(Clone, Debug)]
pub enum LogoutMessage {
    /// HTTP-Redirect (SAML Bindings 3.4): the query as received, because the signature covers its exact bytes.
    Redirect(SecretText),
    /// HTTP-POST (SAML Bindings 3.5).
    Post {
        /// `SAMLRequest` or `SAMLResponse`
        message: SecretText,
        /// `RelayState`, untrusted.
        relay_state: Option<String>,
    },
}

/// Verified request of a provider to end sessions (`LogoutRequest`, SAML Core 3.7.1).
#[derive(Clone, Debug)]
pub struct VerifiedLogoutRequest {
    /// Name of the person.
    pub name_id: NameId,
    /// Sessions (`SessionIndex`); all sessions of the person if empty.
    pub session_indexes: Vec<String>,
    /// `IssueInstant`
    pub issued_at: DateTime<Utc>,
    /// The request is accepted once.
    pub replay_key: ReplayKey,
    /// State of the adapter for its response.
    pub response_state: Correlation,
}

/// Verified response that a provider created for AWS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResponseForAws {
    /// The person; the same value as at a sign-in.
    pub subject: Subject,
    /// `Role`: pairs of a role and a provider, as in the response.
    pub roles: Vec<String>,
    /// `RoleSessionName`
    pub session_name: Option<String>,
    /// `SourceIdentity`; `None` if absent.
    pub source_identity: Option<String>,
    /// Keys of `PrincipalTag:…`.
    pub tag_keys: Vec<String>,
    /// The response is accepted once.
    #[serde(skip)]
    pub replay_key: Option<ReplayKey>,
}

impl ResponseForAws {
    /// Returns whether it contains this role with this provider, in either order (AWS: "Configure SAML assertions").
    pub fn is_for(&self, role: &str, provider: &str) -> bool {
        self.roles.iter().any(|pair| {
            let parts = pair.split_once(',').map(|(a, b)| (a.trim(), b.trim()));
            parts == Some((role, provider)) || parts == Some((provider, role))
        })
    }
}

/// How a browser delivered a logout request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowserDelivery {
    /// As a navigation.
    Navigation,
    /// In a frame, in which the gateway's pages are not displayed.
    Frame,
}

/// Order in which messages are verified: round-robin over addresses, and over their networks.
#[derive(Debug)]
pub enum QueuePosition {
    /// The message was verified before and has priority.
    Priority,
    /// The message is from this address. The share is its position among the waiting messages.
    OfAddress(Share),
}

/// Operations that only SAML providers support.
#[async_trait]
pub trait SamlServiceProvider: Send + Sync {
    /// Returns the gateway's metadata for this provider (SAML Metadata 2.4.4): XML.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if it cannot be generated.
    fn metadata(&self) -> Result<String, ProviderError>;

    /// Verifies a response against the sign-in in progress, as [`super::IdentityProvider::complete`] does, and packs it
    /// until its browser fetches the session. Does not sign the person in and consumes nothing.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Malformed`] if it is too large to be held.
    async fn verify_and_pack(
        &self,
        correlation: &Correlation,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<PackedResponse, ProviderError>;

    /// Packs a verified response.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Malformed`] if it is too large to be held.
    fn pack(&self, response: &SamlResponse) -> Result<PackedResponse, ProviderError>;

    /// Returns the response that was packed.
    ///
    /// # Errors
    /// [`ProviderError`] if it is malformed.
    fn unpack(&self, packed: &PackedResponse) -> Result<SamlResponse, ProviderError>;

    /// Verifies an unsolicited response (SAML Profiles 4.1.5), if the provider may send them.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Unsolicited`] if it may not.
    async fn complete_unsolicited(
        &self,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<VerifiedSignIn, ProviderError>;

    /// URL at which the provider starts its application for AWS; none if not configured.
    fn aws_application_url(&self) -> Option<Url>;

    /// Verifies a response that the provider created for AWS. Does not sign the person in.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Unsolicited`] if no such application is configured.
    async fn verify_for_aws(
        &self,
        response: SamlResponse,
        position: &QueuePosition,
    ) -> Result<ResponseForAws, ProviderError>;

    /// Verifies a logout request of the provider.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn verify_logout_request(
        &self,
        message: LogoutMessage,
        position: &QueuePosition,
    ) -> Result<VerifiedLogoutRequest, ProviderError>;

    /// Returns the message with which the browser goes back to the provider afterwards (SAML Profiles 4.4.3.4); none if
    /// the provider has no endpoint for responses. In a frame a redirect is preferred, because the gateway's form is
    /// not displayed there.
    async fn logout_response(
        &self,
        request: &VerifiedLogoutRequest,
        by: BrowserDelivery,
    ) -> Option<Challenge>;

    /// Verifies the provider's response to the gateway's logout request (`LogoutResponse`, SAML Core 3.7.2).
    ///
    /// # Errors
    /// [`ProviderError`]; [`ProviderError::Refused`] if the session at the provider was not ended.
    async fn verify_logout_response(
        &self,
        correlation: Correlation,
        message: LogoutMessage,
        position: &QueuePosition,
    ) -> Result<(), ProviderError>;
}

/// A verified response, packed by its adapter: at most
/// [`limits::HELD_RESPONSE_BYTES_MAX`](crate::base::limits::HELD_RESPONSE_BYTES_MAX) bytes in base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackedResponse(#[serde(with = "crate::base::secret::sealed_text")] SecretText);

impl PackedResponse {
    /// Wraps the adapter's packed text.
    pub fn new(text: SecretText) -> Self {
        Self(text)
    }

    /// Returns the adapter's packed text.
    pub fn text(&self) -> &SecretText {
        &self.0
    }

    /// Returns the size in bytes.
    pub fn bytes(&self) -> usize {
        self.0.expose().len()
    }
}

/// A response that arrived without the browser's cookies because another site posted it. It is held for one or two
/// minutes, under the digest of the sign-in's `state`, until the browser fetches its session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeldResponse {
    /// Verified and packed.
    Packed {
        /// Result of [`SamlServiceProvider::pack`].
        packed: PackedResponse,
    },
    /// `SAMLResponse` as posted: held by a replica of an earlier version.
    Posted {
        /// `SAMLResponse`
        #[serde(with = "crate::base::secret::sealed_text")]
        response: SecretText,
    },
}

impl HeldResponse {
    /// Returns the size in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Packed { packed } => packed.bytes(),
            Self::Posted { response } => response.expose().len(),
        }
    }
}

impl Record for HeldResponse {
    const KIND: &'static str = "saml-response";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_response_of_earlier_version_is_read() {
        let read = |text| serde_json::from_str::<HeldResponse>(text).unwrap();
        let posted = read(r#"{"response":"PHg+"}"#);
        assert!(matches!(posted, HeldResponse::Posted { response } if response.expose() == "PHg+"));
        let held = HeldResponse::Packed {
            packed: PackedResponse::new(SecretText::new("AAAA")),
        };
        let text = serde_json::to_string(&held).unwrap();
        assert!(matches!(read(&text), HeldResponse::Packed { packed } if packed.bytes() == 4));
    }
}
