//! Bearer secrets: whoever holds one is believed, so none can be printed, compared or stored in clear.
//!
//! A secret is found again by its [`SecretDigest`]; two secrets are never compared byte by byte.

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

use crate::base::Entropy;

/// SHA-256 of a secret under a purpose. Safe to store: the secrets have 256 random bits, so the digest cannot be
/// inverted by guessing, and equal digests of different purposes do not occur.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Digest of `parts` under `purpose`; parts are length-prefixed, so that no two lists run together.
    pub fn of(purpose: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 characters of what `Display` writes: 96 bits tell things apart and keep lines short.
    pub(crate) fn short(&self) -> impl fmt::Display {
        Base64Display::new(
            self.0.first_chunk::<12>().map_or(&[], <[u8; 12]>::as_slice),
            &URL_SAFE_NO_PAD,
        )
    }

    /// What `Display` wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().map(Self).ok()
    }
}

impl fmt::Display for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &URL_SAFE_NO_PAD).fmt(f)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretDigest({self})")
    }
}

/// Text that is a secret: redacted in `Debug`, wiped when dropped, without `==`.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself; every call is a place to look at in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Defines a bearer secret: a newtype over [`SecretText`] with its own digest purpose.
macro_rules! bearer {
    ($(#[$doc:meta])* $name:ident, $purpose:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name($crate::base::secret::SecretText);

        impl $name {
            /// Takes ownership of the text.
            pub fn new(text: impl Into<String>) -> Self {
                Self($crate::base::secret::SecretText::new(text))
            }

            /// The text itself; every call is a place to look at in review.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }

            /// What the store may know of it.
            pub fn digest(&self) -> $crate::base::secret::SecretDigest {
                $crate::base::secret::SecretDigest::of($purpose, &[self.0.expose().as_bytes()])
            }
        }
    };
}

bearer!(
    /// What a browser's session cookie holds: 256 random bits and the key of its person, base64url.
    SessionSecret, "rolecall/session/v1"
);

impl SessionSecret {
    /// Characters of one that we made.
    pub const CHARACTERS: usize = 2 * TOKEN_CHARACTERS;

    /// A new one. It carries the key of its person, which is no secret, so that all that decides over the session can be
    /// asked for at once. Nobody can put another person's there: the record is found by the digest of the whole.
    pub fn generate(entropy: &dyn Entropy, person: SecretDigest) -> Self {
        Self::new(format!("{}{person}", random_token(entropy)))
    }

    /// The key of its person; none in what we did not make.
    pub fn person(&self) -> Option<SecretDigest> {
        SecretDigest::parse(self.expose().get(TOKEN_CHARACTERS..)?)
    }
}

bearer!(
    /// What the browser that began a sign-in holds until it comes back: 256 random bits, base64url.
    BrowserSecret, "rolecall/browser/v1"
);
bearer!(
    /// `state` of a sign-in (RFC 6749 4.1.1): 256 random bits, base64url; the pending sign-in is found by its digest.
    State, "rolecall/state/v1"
);
bearer!(
    /// A token that `AssumeRoleWithWebIdentity` takes.
    WebIdentityToken, "rolecall/web-identity/v1"
);

bearer!(
    /// A SAML response, as standard base64: what a provider's browser form holds, and what `AssumeRoleWithSAML` and AWS's
    /// sign-in endpoint take.
    SamlResponse, "rolecall/saml-response/v1"
);

bearer!(
    /// Leads back to the console after AWS's sign-out: 256 random bits, base64url, for one use in one session.
    ConsoleTicket, "rolecall/console-ticket/v1"
);

bearer!(
    /// Ends the client sessions that outlived a sign-out: 256 random bits, base64url, for one use.
    SignOutTicket, "rolecall/sign-out-ticket/v1"
);

impl SignOutTicket {
    /// The key of forms that only the holder of this ticket may send.
    pub fn form_key(&self) -> SecretText {
        self.0.clone()
    }
}

bearer!(
    /// What a registered client calls the portal's interface with (RFC 6749 1.4).
    AccessToken, "rolecall/access-token/v1"
);
bearer!(
    /// What a registered client gets its next access token with (RFC 6749 1.5).
    RefreshToken, "rolecall/refresh-token/v1"
);
bearer!(
    /// `code` of an authorization response (RFC 6749 4.1.2): 256 random bits, base64url.
    AuthorizationCode, "rolecall/authorization-code/v1"
);
bearer!(
    /// `device_code` (RFC 8628 3.2): what the client polls with; 256 random bits, base64url.
    DeviceCode, "rolecall/device-code/v1"
);
bearer!(
    /// `client_secret` of a registered client. Its clients are public, so it proves nothing but that it belongs to the id.
    ClientSecret, "rolecall/client-secret/v1"
);

bearer!(
    /// Leads the browser from a provider's response for AWS to what it was for: 256 random bits, base64url, for one use in
    /// one session.
    ProofTicket, "rolecall/proof-ticket/v1"
);

/// Writes a secret in clear, for the inside of a sealed [`crate::record::Record`] and nowhere else
/// (`#[serde(with = "…")]`, so that each place is spelled out).
pub(crate) mod sealed_text {
    use super::SecretText;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(text: &SecretText, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text.expose())
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<SecretText, D::Error> {
        String::deserialize(from).map(SecretText::new)
    }
}

/// Characters of 256 bits as base64url without padding.
pub const TOKEN_CHARACTERS: usize = 43;

/// 256 random bits as base64url without padding.
pub fn random_token(entropy: &dyn Entropy) -> String {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    entropy.fill(bytes.as_mut());
    URL_SAFE_NO_PAD.encode(bytes.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_redacts_secrets() {
        assert_eq!(
            format!("{:?}", SessionSecret::new("hunter2")),
            "SessionSecret([secret])"
        );
    }

    #[test]
    fn digests_separate_purposes_and_parts() {
        assert_ne!(
            SessionSecret::new("x").digest(),
            BrowserSecret::new("x").digest()
        );
        assert_ne!(
            SecretDigest::of("p", &[b"ab", b"c"]),
            SecretDigest::of("p", &[b"a", b"bc"])
        );
    }
}
