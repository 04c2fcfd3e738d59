//! Bearer secrets. They cannot be printed, compared, or stored in plaintext.
//!
//! A secret is looked up by its [`SecretDigest`]; two secrets are never compared byte by byte.

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

use crate::base::Entropy;

/// SHA-256 of a secret and a purpose. It is safe to store: secrets have 256 random bits, so the digest cannot be
/// inverted by guessing. Digests of different purposes differ.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Digest of `parts` for `purpose`. Parts are length-prefixed, so different lists have different digests.
    pub fn of(purpose: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The digest as 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 characters of the `Display` form. 96 bits are enough to distinguish sessions, and keep lines short.
    pub(crate) fn abbreviated(&self) -> impl fmt::Display {
        Base64Display::new(
            self.0.first_chunk::<12>().map_or(&[], <[u8; 12]>::as_slice),
            &URL_SAFE_NO_PAD,
        )
    }

    /// Parses the `Display` form.
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

/// A secret text: redacted in `Debug`, zeroized when dropped, without `==`.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The plaintext. Review every call.
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

            /// The plaintext. Review every call.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }

            /// The digest by which the store finds the record.
            pub fn digest(&self) -> $crate::base::secret::SecretDigest {
                $crate::base::secret::SecretDigest::of($purpose, &[self.0.expose().as_bytes()])
            }
        }
    };
}

bearer!(
    /// Value of the session cookie: 256 random bits and the key of the person, in base64url.
    SessionSecret, "rolecall/session/v1"
);

impl SessionSecret {
    /// Number of characters of a generated secret.
    pub const CHARACTERS: usize = 2 * TOKEN_CHARACTERS;

    /// Generates a secret. It contains the key of the person, which is not secret, so that everything that decides
    /// about the session can be read in one step. The key cannot be replaced: the record is found by the digest of the
    /// whole secret.
    pub fn generate(entropy: &dyn Entropy, person: SecretDigest) -> Self {
        Self::new(format!("{}{person}", random_token(entropy)))
    }

    /// The key of the person; `None` if the secret has another format.
    pub fn person(&self) -> Option<SecretDigest> {
        SecretDigest::parse(self.expose().get(TOKEN_CHARACTERS..)?)
    }
}

bearer!(
    /// Value of the cookie of a browser that started a sign-in: 256 random bits in base64url.
    BrowserSecret, "rolecall/browser/v1"
);
bearer!(
    /// `state` of a sign-in (RFC 6749 4.1.1): 256 random bits in base64url. The pending sign-in is found by its digest.
    State, "rolecall/state/v1"
);
bearer!(
    /// A token for `AssumeRoleWithWebIdentity`.
    WebIdentityToken, "rolecall/web-identity/v1"
);

bearer!(
    /// A SAML response in base64: from the form that a provider makes a browser post, or for `AssumeRoleWithSAML` and
    /// AWS's sign-in endpoint.
    SamlResponse, "rolecall/saml-response/v1"
);

bearer!(
    /// Ticket that continues to the console after AWS's sign-out: 256 random bits in base64url, for one use in one
    /// session.
    ConsoleTicket, "rolecall/console-ticket/v1"
);

bearer!(
    /// Ticket that ends the client sessions that remain after a sign-out: 256 random bits in base64url, for one use.
    SignOutTicket, "rolecall/sign-out-ticket/v1"
);

impl SignOutTicket {
    /// Key of the form tokens for the holder of this ticket.
    pub fn form_key(&self) -> SecretText {
        self.0.clone()
    }
}

bearer!(
    /// Access token of a registered client for the portal API (RFC 6749 1.4).
    AccessToken, "rolecall/access-token/v1"
);
bearer!(
    /// Refresh token of a registered client (RFC 6749 1.5).
    RefreshToken, "rolecall/refresh-token/v1"
);
bearer!(
    /// `code` of an authorization response (RFC 6749 4.1.2): 256 random bits, base64url.
    AuthorizationCode, "rolecall/authorization-code/v1"
);
bearer!(
    /// `device_code` with which a client polls (RFC 8628 3.2): 256 random bits in base64url.
    DeviceCode, "rolecall/device-code/v1"
);
bearer!(
    /// `client_secret` of a registered client. The clients are public, so it only proves that it belongs to the ID.
    ClientSecret, "rolecall/client-secret/v1"
);

bearer!(
    /// Ticket that continues a credential request after the provider's response for AWS: 256 random bits in base64url, for one use
    /// in one session.
    ProofTicket, "rolecall/proof-ticket/v1"
);

/// Serializes a secret in plaintext. Only for fields of sealed [`crate::record::Record`]s (`#[serde(with = "…")]`),
/// so that each use is explicit.
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
