//! SAML 2.0 (Core, Bindings, Profiles and Metadata of March 2005).
//!
//! [`verify`] is the entry point: guard, signature, decryption, checks, in this order; the identity is read from
//! verified bytes only. [`SamlProvider`] is the flow around it. The verifier does no I/O and does not read the clock.

pub mod aggregate;
pub mod assertion;
mod attributes;
mod checks;
mod clocks;
mod decrypt;
mod expectation;
#[cfg(test)]
mod field;
mod for_aws;
pub mod guard;
mod held;
mod identity;
mod identity_from_claims;
pub mod keys;
mod logout;
mod message;
pub mod metadata;
mod own_keys;
mod provider;
pub mod redirect;
mod request;
mod scan;
mod settings;
pub mod signature;
pub mod signature_shape;
mod source;
mod statements;
#[cfg(test)]
mod testing;
pub mod trust;
mod verify;
mod xml;

pub use aggregate::MetadataReader;
pub use assertion::{Attribute, Expected, Signed, VerifiedAssertion};
pub use keys::{DecryptionKeys, InvalidKey, SigningKeys};
pub use metadata::RemoteMetadata;
pub use own_keys::{InvalidOwnKey, OwnKey};
pub use provider::SamlProvider;
pub use redirect::{Message, RedirectMessage};
pub use settings::{Addresses, AttributeNames, AwsApplication, MetadataSource, SamlSettings};
pub use trust::{Binding, Endpoint, InvalidMetadata, SamlPolicy, SamlTrust, TrustOptions};
pub use verify::{verify, verify_with};
