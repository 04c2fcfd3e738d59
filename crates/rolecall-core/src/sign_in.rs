//! Signing in: one port for every kind of identity provider, and what is remembered while the person is there.
//!
//! A sign-in begins in one browser at one provider and ends there; its record is taken out of the store before the
//! provider is asked anything, so it ends at most once. It returns to the `return_to` that was fixed when it began.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::identity::{EmailAddress, EmailDomain, Identity, ProviderId};
use crate::limits;
use crate::port::Source;
use crate::record::Record;
use crate::secret::{SecretDigest, SecretText, State};

/// What we send a browser to the provider with.
#[derive(Clone, Debug)]
pub enum Challenge {
    /// The authorization request (RFC 6749 4.1.1), as a redirect.
    Redirect(Url),
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
pub struct Demand {
    /// The provider shall ask the person again even if it remembers them (`prompt=login`, `ForceAuthn`), and what it
    /// answers must be fresh.
    pub fresh: bool,
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
    /// `at_hash` does not fit the access token.
    AccessTokenHash,
    /// `hd` is not the configured Google Workspace domain.
    HostedDomain,
    /// The sign-in should have been fresh and is not.
    NotFresh,
    /// More groups than the provider puts into a token ("overage"); fewer are never taken instead.
    TooManyGroups,
    /// More claims than we take.
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
    /// The provider or the person said no (`access_denied` and its like).
    #[error("the identity provider refused: {error}")]
    Refused {
        /// `error` of the authorization response, one of the registered words or `other`.
        error: &'static str,
    },
    /// The provider's answer did not convince us. The detail is for the operator's log, never for the page.
    #[error("the identity provider's answer was not accepted ({})", reason.code())]
    Rejected {
        /// Which check.
        reason: RejectReason,
        /// What exactly, without secrets.
        detail: String,
    },
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

/// An upstream identity provider, OIDC or SAML: two verbs and one [`Identity`].
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
        demand: &Demand,
    ) -> Result<(Challenge, Correlation), ProviderError>;

    /// Ends a sign-in: consumes what `begin` remembered and verifies everything the provider said.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn complete(
        &self,
        correlation: Correlation,
        callback: Callback,
    ) -> Result<Identity, ProviderError>;

    /// Where to send the browser after the session here has ended, so that it ends at the provider too
    /// (OIDC RP-Initiated Logout 1.0); none where the provider has no such place.
    async fn sign_out_url(&self, identity: &Identity) -> Option<Url>;
}

/// A place on our own origin: a path with an optional query, that no browser reads as another site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

/// Why a text is no [`ReturnTo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a return path begins with one / and stays on this site")]
pub struct InvalidReturnTo;

impl ReturnTo {
    /// The portal.
    pub fn portal() -> Self {
        Self("/".to_owned())
    }

    /// Parses a path on our own origin; refuses whatever some browser or proxy might take for another place: `//`,
    /// backslashes, control characters, spaces, dot segments, encoded slashes, fragments, and anything that does not
    /// survive a round through the URL Standard unchanged.
    ///
    /// # Errors
    /// [`InvalidReturnTo`].
    pub fn parse(text: &str) -> Result<Self, InvalidReturnTo> {
        let plain = text.len() <= limits::RETURN_TO_BYTES_MAX
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
        let path = text.split('?').next().unwrap_or_default();
        let path_plain = path.starts_with('/')
            && !path.contains("//")
            && !path.split('/').any(|segment| {
                segment.starts_with('.') && segment.trim_start_matches('.').is_empty()
            })
            && path.bytes().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~')
            });
        if !plain || !path_plain {
            return Err(InvalidReturnTo);
        }
        let base = Url::parse("https://origin.invalid/").map_err(|_| InvalidReturnTo)?;
        let joined = base.join(text).map_err(|_| InvalidReturnTo)?;
        let same = joined.origin() == base.origin() && &joined[url::Position::BeforePath..] == text;
        if same {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidReturnTo)
        }
    }

    /// Path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = InvalidReturnTo;
    fn try_from(text: String) -> Result<Self, InvalidReturnTo> {
        Self::parse(&text)
    }
}

impl From<ReturnTo> for String {
    fn from(place: ReturnTo) -> String {
        place.0
    }
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
}

impl Record for PendingSignIn {
    const KIND: &'static str = "sign-in";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_parse() {
        for good in [
            "/",
            "/sessions",
            "/console?account=111122223333&permission_set=Developer",
            "/a?x=https%3A%2F%2Fconsole.aws.amazon.com%2F",
            "/console?destination=https://console.aws.amazon.com/s3/",
        ] {
            assert_eq!(
                ReturnTo::parse(good).map(String::from),
                Ok(good.to_owned()),
                "{good}"
            );
        }
    }

    #[test]
    fn other_places_do_not() {
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/..//evil.example",
            "/.",
            "/a/../b",
            "/%2fevil.example",
            "/a b",
            "/a\tb",
            "/a#b",
            "\\/evil",
            "javascript:alert(1)",
            "/a/\u{2025}/",
            "/%2e%2e/x",
            "/@evil.example:",
        ] {
            assert_eq!(ReturnTo::parse(bad), Err(InvalidReturnTo), "{bad}");
        }
    }
}
