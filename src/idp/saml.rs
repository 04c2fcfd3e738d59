//! SAML 2.0 (Core, Bindings, Profiles and Metadata of March 2005): what an identity provider says over it.
//!
//! [`verify`] is the way in: guard, signature, decryption, checks, in that order, and identity is read from verified bytes
//! alone. Nothing here does I/O but [`metadata`], and nothing reads a clock.

pub mod assertion;
mod checks;
mod decrypt;
pub mod guard;
pub mod keys;
pub mod metadata;
pub mod redirect;
mod scan;
pub mod signature;
pub mod signature_shape;
mod statements;
#[cfg(test)]
mod testing;
pub mod trust;
mod verify;
mod xml;

pub use assertion::{Attribute, Expected, Signed, VerifiedAssertion};
pub use keys::{DecryptionKeys, InvalidKey, SigningKeys};
pub use metadata::RemoteMetadata;
pub use redirect::{Message, RedirectMessage};
pub use trust::{Binding, Endpoint, InvalidMetadata, SamlPolicy, SamlTrust, TrustOptions};
pub use verify::{verify, verify_with};
