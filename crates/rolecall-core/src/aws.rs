//! AWS's own nouns, parsed: an order to STS that type-checks is one that STS can read.

mod account;
mod advice;
mod credentials;
mod destination;
mod name;
mod order;
mod saml;
mod session_policy;
mod tags;

pub use account::{
    AccountId, InvalidAccountId, InvalidRegion, InvalidRole, Partition, Region, RoleArn, RolePath,
};
pub use advice::{Advice, AdviceFacts, ProofFacts, advice};
pub use credentials::{ConsoleLink, ConsoleSignIn, Credentials, SignInError as ConsoleSignInError};
pub use destination::{Destination, InvalidDestination};
pub use name::{InvalidSourceIdentity, RoleSessionName, SourceIdentity};
pub use order::{
    AssumeRole, Issued, LoginTokenClaims, Proof, RoleSessionDuration, Sts, StsError, StsRefusal,
    WebIdentityClaims, WebIdentityIssuer,
};
pub use saml::{
    ConsolePost, InvalidRecipient, InvalidSamlProvider, MintedSaml, Recipient, SamlClaims,
    SamlIssuer, SamlProviderArn,
};
pub use session_policy::{InvalidSessionPolicy, PolicyArn, SessionPolicy};
pub use tags::{InvalidTag, RoleSessionTags, TagKey};
