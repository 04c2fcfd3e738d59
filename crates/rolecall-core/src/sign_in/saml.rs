//! What a SAML provider can beyond signing people in when they ask for it: our metadata for it, responses nobody asked
//! for, single logout from either side.
//!
//! Every message is untrusted until the adapter has verified its signature; none of them signs anybody in by itself.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Challenge, Correlation, ProviderError, ReplayKey, VerifiedSignIn};
use crate::base::secret::{SamlResponse, SecretText};
use crate::identity::{NameId, Subject};
use crate::record::Record;
use crate::record::rate_limit::Share;

/// A `LogoutRequest` or `LogoutResponse` as it arrived: untrusted.
#[derive(Clone, Debug)]
pub enum LogoutMessage {
    /// HTTP-Redirect (SAML Bindings 3.4): the query as it was sent, since the signature is over its very letters.
    Redirect(SecretText),
    /// HTTP-POST (SAML Bindings 3.5).
    Post {
        /// `SAMLRequest` or `SAMLResponse`
        message: SecretText,
        /// `RelayState`
        relay_state: Option<String>,
    },
}

/// A provider's verified order to end sessions (`LogoutRequest`, SAML Core 3.7.1).
#[derive(Clone, Debug)]
pub struct LogoutOrder {
    /// Whose.
    pub name_id: NameId,
    /// Which (`SessionIndex`); all of the person's when empty.
    pub session_indexes: Vec<String>,
    /// `IssueInstant`
    pub issued_at: DateTime<Utc>,
    /// The request counts once.
    pub once: ReplayKey,
    /// What the adapter needs for its answer.
    pub reply: Correlation,
}

/// A response that a provider made for AWS, verified: what it is good for, and for whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResponseForAws {
    /// The person: the same as at a sign-in.
    pub subject: Subject,
    /// `Role`: pairs of a role and a provider, as the response writes them.
    pub roles: Vec<String>,
    /// `RoleSessionName`
    pub session_name: Option<String>,
    /// `SourceIdentity`
    pub source_identity: Option<String>,
    /// The keys of `PrincipalTag:…`.
    pub tag_keys: Vec<String>,
    /// It counts once, here as well.
    #[serde(skip)]
    pub once: Option<ReplayKey>,
}

impl ResponseForAws {
    /// Whether it names this role with this provider, in either order (AWS: "Configure SAML assertions").
    pub fn is_for(&self, role: &str, provider: &str) -> bool {
        self.roles.iter().any(|pair| {
            let parts = pair.split_once(',').map(|(a, b)| (a.trim(), b.trim()));
            parts == Some((role, provider)) || parts == Some((provider, role))
        })
    }
}

/// How a browser came with a provider's order to sign out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedBy {
    /// It went there.
    Navigation,
    /// A page loaded it in a frame, where no page of ours is shown.
    Frame,
}

/// When a message is verified: addresses take turns, and so do the networks that they are in.
#[derive(Debug)]
pub enum Turn {
    /// It has been verified before: it is next.
    Ours,
    /// It is of this address. The share is its place among the messages that wait.
    Of(Share),
}

/// What only a SAML provider can.
#[async_trait]
pub trait SamlServiceProvider: Send + Sync {
    /// Our own metadata for this provider (SAML Metadata 2.4.4): XML.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] when they cannot be made.
    fn metadata(&self) -> Result<String, ProviderError>;

    /// Verifies a response as [`super::IdentityProvider::complete`] does, against the sign-in that was begun, and packs it
    /// for the time until its browser comes. It signs nobody in and uses nothing up.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Malformed`] when it is too large to be held.
    async fn screen(
        &self,
        correlation: &Correlation,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<PackedResponse, ProviderError>;

    /// Packs a response that was verified.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Malformed`] when it is too large to be held.
    fn pack(&self, response: &SamlResponse) -> Result<PackedResponse, ProviderError>;

    /// The response that was packed.
    ///
    /// # Errors
    /// [`ProviderError`] when it is none.
    fn unpack(&self, packed: &PackedResponse) -> Result<SamlResponse, ProviderError>;

    /// Verifies a response that nobody here asked for (SAML Profiles 4.1.5), where the provider may send such.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Unsolicited`] where it may not.
    async fn complete_unsolicited(
        &self,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<VerifiedSignIn, ProviderError>;

    /// Where the provider starts its application for AWS; none where it has none.
    fn start_for_aws(&self) -> Option<Url>;

    /// Verifies a response that the provider made for AWS. It signs nobody in.
    ///
    /// # Errors
    /// [`ProviderError`]; [`super::RejectReason::Unsolicited`] where the provider has no such application.
    async fn verify_for_aws(
        &self,
        response: SamlResponse,
        turn: &Turn,
    ) -> Result<ResponseForAws, ProviderError>;

    /// Verifies a provider's order to end sessions.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn logout_ordered(
        &self,
        message: LogoutMessage,
        turn: &Turn,
    ) -> Result<LogoutOrder, ProviderError>;

    /// What to send the browser back with once that was done (SAML Profiles 4.4.3.4); none where the provider has no
    /// place for answers. In a frame a redirect is preferred, since a form of ours is not shown there.
    async fn logout_done(&self, order: &LogoutOrder, by: OrderedBy) -> Option<Challenge>;

    /// Verifies the provider's answer to our own request (`LogoutResponse`, SAML Core 3.7.2).
    ///
    /// # Errors
    /// [`ProviderError`]; [`ProviderError::Refused`] where the session at the provider goes on.
    async fn logout_answered(
        &self,
        correlation: Correlation,
        message: LogoutMessage,
        turn: &Turn,
    ) -> Result<(), ProviderError>;
}

/// A response that was verified, packed by its adapter: at most
/// [`limits::HELD_RESPONSE_BYTES_MAX`](crate::base::limits::HELD_RESPONSE_BYTES_MAX) in base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackedResponse(#[serde(with = "crate::base::secret::sealed_text")] SecretText);

impl PackedResponse {
    /// Takes what the adapter packed.
    pub fn new(text: SecretText) -> Self {
        Self(text)
    }

    /// What the adapter packed.
    pub fn text(&self) -> &SecretText {
        &self.0
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.0.expose().len()
    }
}

/// A response that arrived without the browser's cookies, since another site posted it. It waits, for a minute or two,
/// until the browser comes to fetch its session, under the digest of the sign-in's `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeldResponse {
    /// Verified and packed.
    Packed {
        /// By [`SamlServiceProvider::pack`].
        packed: PackedResponse,
    },
    /// `SAMLResponse` as it was posted: what a replica of an earlier version holds.
    Posted {
        /// `SAMLResponse`
        #[serde(with = "crate::base::secret::sealed_text")]
        response: SecretText,
    },
}

impl HeldResponse {
    /// Bytes of it.
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
