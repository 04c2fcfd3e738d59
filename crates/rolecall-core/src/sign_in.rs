//! Sign-in: one port for every kind of identity provider, and the records of sign-ins in progress.
//!
//! A sign-in starts and completes in the same browser at the same provider. Its record is removed from the store before
//! the provider is called, so it completes at most once. The browser returns to the `return_to` that was fixed when it
//! started.

mod admission;
mod begin;
mod error;
mod held;
mod message_queue;
mod providers;
mod refused;
#[cfg(test)]
mod reject_reason_tests;
mod relay_state;
mod return_to;
mod saml;
mod saml_response;
mod session_request;
mod sign_out;
mod single_logout;
mod verified;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::audit::Journal;
use crate::base::secret::{SamlResponse, SecretDigest, SecretText, State};
use crate::base::{BoxError, Clock, Entropy};
use crate::entitlements::Entitlements;
use crate::identity::{EmailAddress, EmailDomain, Identity, ProviderId};
use crate::people::PeopleLog;
use crate::record::rate_limit::{AddressSlots, RateCounters};
use crate::record::{Record, Records};
use crate::session::{Lifetimes, Sessions};

pub(crate) use held::HeldBytes;
pub(crate) use message_queue::{Message, WaitingMessages};

pub use begin::{BrowserSecrets, CallbackParams, SignInCompleted, SignInRequest, SignInStarted};
pub use error::SignInError;
pub use return_to::{InvalidReturnTo, ReturnTo};
pub use saml::{
    BrowserDelivery, HeldResponse, LogoutMessage, PackedResponse, QueuePosition, ResponseForAws,
    SamlServiceProvider, VerifiedLogoutRequest,
};
pub use saml_response::{AcceptedResponse, PostedResponse};
pub use session_request::{SessionRequest, StepUp, StepUpFailed};
pub use sign_out::{SignOutError, SignedOut};
pub use verified::{GroupsOverage, ReplayKey, VerifiedSignIn};

/// Sign-in and sign-out at the configured providers.
pub struct SignIns {
    pub(crate) providers: Vec<Arc<dyn IdentityProvider>>,
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) rates: Arc<RateCounters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) entitlements: Arc<Entitlements>,
    pub(crate) people: Arc<dyn PeopleLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) held: HeldBytes,
    pub(crate) waiting: WaitingMessages,
}

/// Message with which the gateway sends a browser to the provider.
#[derive(Clone, Debug)]
pub enum Challenge {
    /// A redirect: the authorization request (RFC 6749 4.1.1), or SAML's HTTP-Redirect binding (Bindings 3.4).
    Redirect(Url),
    /// A form that the browser posts (SAML Bindings 3.5).
    PostForm {
        /// URL of the form.
        action: Url,
        /// Name and value of each field.
        fields: Vec<(&'static str, String)>,
    },
}

/// Response of the provider as the browser delivered it: untrusted until [`IdentityProvider::complete`] has verified
/// it.
#[derive(Clone, Debug)]
pub enum Callback {
    /// An authorization response (RFC 6749 4.1.2), with `iss` of RFC 9207 if present.
    Code {
        /// `code`, redeemed at the provider's token endpoint.
        code: SecretText,
        /// `iss`
        iss: Option<String>,
    },
    /// An error response (RFC 6749 4.1.2.1).
    Error {
        /// `error` (RFC 6749 4.1.2.1).
        error: String,
        /// `error_description`
        description: Option<String>,
        /// `iss`
        iss: Option<String>,
    },
    /// `SAMLResponse` as it was posted (SAML Bindings 3.5.4).
    Saml(SamlResponse),
}

/// State of the provider's adapter between `begin` and `complete` (nonce, PKCE verifier …), in the adapter's format.
/// It is stored sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Correlation(pub serde_json::Value);

impl std::fmt::Debug for Correlation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Correlation([secret])")
    }
}

/// Requirements for a sign-in beyond the identity of the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthnRequirements {
    /// The provider must authenticate the person again, even in an existing session (`prompt=login`, `ForceAuthn`), and
    /// the response must be fresh.
    pub fresh: bool,
    /// The provider must require a second factor (`acr_values`, `RequestedAuthnContext`), if its name is configured.
    pub second_factor: bool,
    /// The provider must not show a page (`prompt=none`): only for the person of the browser's session, and not in a step-up.
    /// With [`Self::second_factor`], that session has one, which the provider is asked to confirm if it can without a page.
    pub silent: bool,
    /// Suggested account (`login_hint`, OIDC Core 3.1.2.1).
    pub login_hint: Option<EmailAddress>,
}

impl AuthnRequirements {
    /// Whether a session requests more than a sign-in.
    fn is_step_up(&self) -> bool {
        self.fresh || self.second_factor
    }
}

/// Reason why the response of a provider is rejected; the audit trail contains [`RejectReason::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectReason {
    /// `iss` of the token, or of the authorization response (RFC 9207), is not the configured issuer.
    Issuer,
    /// `aud` or `azp` contains other audiences than the gateway.
    Audience,
    /// The signature does not verify, or no key matches.
    Signature,
    /// The algorithm is not allowed.
    Algorithm,
    /// Not three base64url parts, duplicate members, wrong types, encrypted, too large.
    Malformed,
    /// `nonce` does not match the request.
    Nonce,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` is in the future.
    NotYetValid,
    /// `sub` is missing or invalid, or userinfo has another `sub`.
    Subject,
    /// The userinfo endpoint refused the request, so its claims are missing.
    Userinfo,
    /// `at_hash` does not match the access token.
    AccessTokenHash,
    /// `hd` is not the configured Google Workspace domain.
    HostedDomain,
    /// The provider did not authenticate the person again although the request required it.
    NotFresh,
    /// The person has more groups than the provider includes in a token ("overage"). A partial list is never accepted.
    TooManyGroups,
    /// A claim or attribute that determines access is unreadable, exceeds a limit, or is missing from a response for
    /// AWS.
    Claims,
    /// The token endpoint refused the code.
    Code,
    /// An unsolicited response, from a provider that may not send any.
    Unsolicited,
    /// Neither the SAML response nor the assertion in it is signed as configured.
    Unsigned,
    /// Assertions or signatures are in unexpected positions, as in signature wrapping attacks.
    Structure,
    /// The assertion could not be decrypted. The cause is not disclosed.
    Decryption,
    /// `Status` is not success.
    Status,
    /// `Destination` is not the URL of the gateway.
    Destination,
    /// `InResponseTo` does not match the request.
    InResponseTo,
    /// `Conditions` are missing, or contain an unknown condition.
    Conditions,
    /// No bearer confirmation is valid for the gateway's URL at this time.
    Confirmation,
    /// The assertion has no `AuthnStatement`, so it does not state an authentication.
    AuthnStatement,
}

impl RejectReason {
    /// Stable code for the audit trail and for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Signature => "signature",
            Self::Algorithm => "algorithm",
            Self::Malformed => "malformed",
            Self::Nonce => "nonce",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Subject => "subject",
            Self::Userinfo => "userinfo",
            Self::AccessTokenHash => "access_token_hash",
            Self::HostedDomain => "hosted_domain",
            Self::NotFresh => "not_fresh",
            Self::TooManyGroups => "too_many_groups",
            Self::Claims => "claims",
            Self::Code => "code",
            Self::Unsolicited => "unsolicited",
            Self::Unsigned => "unsigned",
            Self::Structure => "structure",
            Self::Decryption => "decryption",
            Self::Status => "status",
            Self::Destination => "destination",
            Self::InResponseTo => "in_response_to",
            Self::Conditions => "conditions",
            Self::Confirmation => "confirmation",
            Self::AuthnStatement => "authn_statement",
        }
    }
}

/// Errors of an identity provider during sign-in.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider denied the request, or the person canceled (`access_denied` and similar).
    #[error("the identity provider returned an error: {error}")]
    Refused {
        /// `error` of the authorization response: a registered code or `other`.
        error: &'static str,
        /// Explanation of the provider (`error_description`, `StatusMessage`), as [`crate::base::text::one_line`]. Only
        /// for the operator's log, because a browser delivered it.
        explanation: Option<String>,
    },
    /// The response of the provider was rejected. The detail is for the operator's log, never for the page.
    #[error("the identity provider's response was rejected ({})", reason.code())]
    Rejected {
        /// The check that failed.
        reason: RejectReason,
        /// Details, without secrets.
        detail: String,
    },
    /// The configuration of the provider does not match that of the gateway: sign-in fails until an administrator
    /// corrects it. Details are in the operator's log.
    #[error("the identity provider is not configured correctly")]
    Misconfigured(#[source] BoxError),
    /// The provider is unreachable or its response is malformed.
    #[error("the identity provider is unavailable")]
    Unavailable(#[source] BoxError),
}

impl ProviderError {
    /// Creates a rejection with its detail.
    pub fn rejected(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self::Rejected {
            reason,
            detail: detail.into(),
        }
    }
}

/// An upstream identity provider, OIDC or SAML. A sign-in consists of [`IdentityProvider::begin`] and
/// [`IdentityProvider::complete`], and results in one [`Identity`].
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Id of the provider in the configuration.
    fn id(&self) -> &ProviderId;

    /// Name of the provider on pages.
    fn title(&self) -> &str;

    /// E-mail domains for which the provider is authoritative, and whose users are sent to it.
    fn domains(&self) -> &[EmailDomain];

    /// Starts a sign-in. The browser returns `state` verbatim.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    async fn begin(
        &self,
        state: &State,
        requirements: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError>;

    /// Completes a sign-in: consumes the state of `begin` and verifies the response of the provider.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<VerifiedSignIn, ProviderError>;

    /// Returns the message that ends the session at the provider after the session here has ended (OIDC RP-Initiated
    /// Logout 1.0, SAML Profiles 4.4); none if the provider has no logout endpoint. The correlation is returned if the
    /// provider's response is verified. The browser returns `state`.
    async fn begin_sign_out(
        &self,
        identity: &Identity,
        state: &State,
    ) -> Option<(Challenge, Option<Correlation>)>;

    /// Operations of SAML providers; none for other kinds.
    fn saml(&self) -> Option<&dyn SamlServiceProvider>;
}

/// Sign-in in progress, stored under the digest of its `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Provider: a callback of another provider is rejected (mix-up, RFC 9700 4.4).
    pub provider: ProviderId,
    /// Digest of the browser's secret.
    pub browser: SecretDigest,
    /// State of the adapter.
    pub correlation: Correlation,
    /// Page to which the browser returns.
    pub return_to: ReturnTo,
    /// Slots of the sign-in limit that this sign-in acquired.
    #[serde(default)]
    pub begun_from: Option<AddressSlots>,
    /// The session that requested it.
    #[serde(flatten)]
    pub requested_by: SessionRequest,
}

impl Record for PendingSignIn {
    const KIND: &'static str = "sign-in";
}

/// Sign-out in progress at a provider, stored under the digest of its `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingSignOut {
    /// Id of the provider.
    pub provider: ProviderId,
    /// State of the adapter.
    pub correlation: Correlation,
}

impl Record for PendingSignOut {
    const KIND: &'static str = "sign-out";
}
