//! Signing in: one port for every kind of identity provider, and what is remembered while the person is there.
//!
//! A sign-in begins in one browser at one provider and ends there; its record is taken out of the store before the
//! provider is asked anything, so it ends at most once. It returns to the `return_to` that was fixed when it began.

mod admission;
mod begin;
mod held;
mod providers;
mod refused;
#[cfg(test)]
mod reject_reason_tests;
mod relay_state;
mod return_to;
mod saml;
mod saml_response;
mod sign_out;
mod single_logout;
mod turns;
mod verified;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::audit::Journal;
use crate::base::secret::{SamlResponse, SecretDigest, SecretText, State};
use crate::base::{Clock, Entropy, Source};
use crate::entitlements::Entitlements;
use crate::identity::{EmailAddress, EmailDomain, Identity, ProviderId};
use crate::record::rate_limit::{AddressSlots, RateCounters};
use crate::record::{Record, Records};
use crate::session::{Lifetimes, Sessions};

pub(crate) use held::HeldBytes;
pub(crate) use turns::{Message, WaitingMessages};

pub use begin::{
    BrowserSecrets, CallbackParams, SignInCompleted, SignInError, SignInRequest, SignInStarted,
};
pub use return_to::{InvalidReturnTo, ReturnTo};
pub use saml::{
    HeldResponse, LogoutMessage, LogoutOrder, OrderedBy, PackedResponse, ResponseForAws,
    SamlServiceProvider, Turn,
};
pub use saml_response::{AcceptedResponse, PostedResponse};

pub use sign_out::{SignOutError, SignedOut};
pub use verified::{GroupsOverage, ReplayKey, VerifiedSignIn};

/// Signing in and out at the configured providers.
pub struct SignIns {
    pub(crate) providers: Vec<Arc<dyn IdentityProvider>>,
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) rates: Arc<RateCounters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) entitlements: Arc<Entitlements>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) held: HeldBytes,
    pub(crate) waiting: WaitingMessages,
}

/// What we send a browser to the provider with.
#[derive(Clone, Debug)]
pub enum Challenge {
    /// A redirect: the authorization request (RFC 6749 4.1.1), or SAML's HTTP-Redirect binding (Bindings 3.4).
    Redirect(Url),
    /// A form that the browser posts (SAML Bindings 3.5).
    PostForm {
        /// Where to.
        action: Url,
        /// Name and value of each field.
        fields: Vec<(&'static str, String)>,
    },
}

/// What came back with the browser: untrusted until [`IdentityProvider::complete`] has looked at it.
#[derive(Clone, Debug)]
pub enum Callback {
    /// An authorization response (RFC 6749 4.1.2), with `iss` of RFC 9207 where there was one.
    Code {
        /// `code`
        code: SecretText,
        /// `iss`
        iss: Option<String>,
    },
    /// An error response (RFC 6749 4.1.2.1).
    Error {
        /// `error`
        error: String,
        /// `error_description`
        description: Option<String>,
        /// `iss`
        iss: Option<String>,
    },
    /// `SAMLResponse` as it was posted (SAML Bindings 3.5.4).
    Saml(SamlResponse),
}

/// What the provider's adapter needs to remember between `begin` and `complete` (nonce, PKCE verifier …), in the
/// adapter's own words. It is kept sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Correlation(pub serde_json::Value);

impl std::fmt::Debug for Correlation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Correlation([secret])")
    }
}

/// What a sign-in is asked to prove beyond who the person is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthnRequirements {
    /// The provider shall ask the person again even if it remembers them (`prompt=login`, `ForceAuthn`), and what it
    /// answers must be fresh.
    pub fresh: bool,
    /// The provider shall ask for a second factor (`acr_values`, `RequestedAuthnContext`), where it is configured how one
    /// is called.
    pub second_factor: bool,
    /// Whom to suggest (`login_hint`, OIDC Core 3.1.2.1).
    pub login_hint: Option<EmailAddress>,
}

/// Why a provider's answer was refused; the audit trail keeps [`RejectReason::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectReason {
    /// `iss` of the token, or of the authorization response (RFC 9207), is not the configured issuer.
    Issuer,
    /// `aud` or `azp` is not for us alone.
    Audience,
    /// The signature does not verify, or no key fits.
    Signature,
    /// The algorithm is not one of those allowed.
    Algorithm,
    /// Not three base64url parts, duplicate members, wrong types, encrypted, too large.
    Malformed,
    /// `nonce` is not ours.
    Nonce,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// `sub` is missing or unusable, or userinfo speaks of someone else.
    Subject,
    /// The userinfo endpoint refused our request, so claims that it would have sent are missing.
    Userinfo,
    /// `at_hash` does not fit the access token.
    AccessTokenHash,
    /// `hd` is not the configured Google Workspace domain.
    HostedDomain,
    /// The sign-in should have been fresh and is not.
    NotFresh,
    /// More groups than the provider puts into a token ("overage"); fewer are never taken instead.
    TooManyGroups,
    /// A claim or attribute on which access depends cannot be read, lies beyond a limit, or is missing from a response for
    /// AWS.
    Claims,
    /// The token endpoint refused the code.
    Code,
    /// A response that nobody here asked for, where none is taken.
    Unsolicited,
    /// Neither the SAML response nor the assertion in it is signed as configured.
    Unsigned,
    /// Assertions or signatures are not where SAML puts them: the mark of a wrapped or doctored document.
    Structure,
    /// The assertion could not be decrypted. Nothing says why.
    Decryption,
    /// `Status` is not success.
    Status,
    /// `Destination` is not our address.
    Destination,
    /// `InResponseTo` is not the request we sent.
    InResponseTo,
    /// `Conditions` are missing, or one of them is not known.
    Conditions,
    /// No bearer confirmation for our address and in time.
    Confirmation,
    /// There is no `AuthnStatement`: the provider does not say that anybody signed in.
    AuthnStatement,
}

impl RejectReason {
    /// A stable word for the audit trail and for metrics.
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

/// What a provider's side of a sign-in can end in.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider or the request was denied (`access_denied` and its like).
    #[error("the identity provider refused: {error}")]
    Refused {
        /// `error` of the authorization response, one of the registered words or `other`.
        error: &'static str,
        /// What the provider said about it (`error_description`, `StatusMessage`), as [`crate::base::text::one_line`], for the
        /// operator's log; never for the page, since a browser brought it.
        explanation: Option<String>,
    },
    /// The provider's answer did not convince us. The detail is for the operator's log, never for the page.
    #[error("the identity provider's answer was not accepted ({})", reason.code())]
    Rejected {
        /// Which check.
        reason: RejectReason,
        /// What exactly, without secrets.
        detail: String,
    },
    /// The provider and our settings for it do not fit together: nobody can sign in until an administrator has mended that.
    /// What exactly is for the operator's log.
    #[error("the identity provider is not set up correctly")]
    Misconfigured(#[source] Source),
    /// The provider cannot be reached or answers nonsense.
    #[error("the identity provider is unavailable")]
    Unavailable(#[source] Source),
}

impl ProviderError {
    /// A rejection with its detail.
    pub fn rejected(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self::Rejected {
            reason,
            detail: detail.into(),
        }
    }
}

/// An upstream identity provider, OIDC or SAML. [`IdentityProvider::begin`] and [`IdentityProvider::complete`] are a sign-in,
/// whose result holds one [`Identity`].
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Its id in the configuration.
    fn id(&self) -> &ProviderId;

    /// How people know it.
    fn title(&self) -> &str;

    /// The mail domains whose people are sent here, and about which it is believed.
    fn domains(&self) -> &[EmailDomain];

    /// Begins a sign-in. `state` comes back verbatim with the browser.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    async fn begin(
        &self,
        state: &State,
        demand: &AuthnRequirements,
    ) -> Result<(Challenge, Correlation), ProviderError>;

    /// Ends a sign-in: consumes what `begin` remembered and verifies everything the provider said.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<VerifiedSignIn, ProviderError>;

    /// What to send the browser with after the session here has ended, so that it ends at the provider too (OIDC
    /// RP-Initiated Logout 1.0, SAML Profiles 4.4); none where the provider has no such place. What is to be remembered
    /// for its answer comes along, where the answer is looked at. `state` comes back with the browser.
    async fn begin_sign_out(
        &self,
        identity: &Identity,
        state: &State,
    ) -> Option<(Challenge, Option<Correlation>)>;

    /// What only SAML can; none for any other kind of provider.
    fn saml(&self) -> Option<&dyn SamlServiceProvider>;
}

/// A sign-in under way, found by the digest of its `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// At which provider: a callback elsewhere is refused (mix-up, RFC 9700 4.4).
    pub provider: ProviderId,
    /// In which browser.
    pub browser: SecretDigest,
    /// What the adapter remembers.
    pub correlation: Correlation,
    /// Where it goes on.
    pub return_to: ReturnTo,
    /// The places that it took of the limit on sign-ins.
    #[serde(default)]
    pub begun_from: Option<AddressSlots>,
}

impl Record for PendingSignIn {
    const KIND: &'static str = "sign-in";
}

/// A sign-out under way at a provider, found by the digest of its `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingSignOut {
    /// At which provider.
    pub provider: ProviderId,
    /// What the adapter remembers.
    pub correlation: Correlation,
}

impl Record for PendingSignOut {
    const KIND: &'static str = "sign-out";
}
