//! AWS's types. All values are parsed, so a request to STS is well-formed.

mod account;
mod advice;
mod credentials;
mod destination;
mod duration;
mod name;
mod packed_size;
mod saml;
mod session_policy;
mod sts;
mod tags;
mod web_identity;

pub use account::{
    AccountId, InvalidAccountId, InvalidRegion, InvalidRole, Partition, Region, RoleArn, RolePath,
};
pub use advice::{Advice, AdviceFacts, ProofFacts, advice};
pub use credentials::{ConsoleLink, ConsoleSignIn, Credentials, SignInError as ConsoleSignInError};
pub use destination::{Destination, InvalidDestination};
pub use duration::RoleSessionDuration;
pub use name::{InvalidSourceIdentity, RoleSessionName, SourceIdentity};
pub use packed_size::PackedSize;
pub use saml::{
    ConsolePost, InvalidRecipient, InvalidSamlProvider, MintedSaml, Recipient, SamlClaims,
    SamlIssuer, SamlProviderArn,
};
pub use session_policy::{InvalidSessionPolicy, PolicyArn, SessionPolicy};
pub use sts::{
    AssumeRoleWithSaml, AssumeRoleWithWebIdentity, AssumedRole, RoleSessionParameters, Sts,
    StsError, StsRefusal, StsRequest,
};
pub use tags::{InvalidTag, RoleSessionTags, TagKey};
pub use web_identity::{LoginTokenClaims, WebIdentityClaims, WebIdentityIssuer};
