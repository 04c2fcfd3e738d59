//! AWS's types. All values are parsed, so a request to STS is well-formed.

mod account;
mod advice;
mod authorization;
mod caller_identity;
mod credentials;
mod destination;
mod duration;
mod earlier_calls;
mod external_id;
mod federated_user;
mod name;
mod oidc_provider;
mod packed_size;
mod provider_id_token;
mod refusal;
mod role_chaining;
mod role_policy;
mod saml;
mod session_policy;
mod sts;
mod tags;
mod web_identity;

pub use account::{
    AccountId, InvalidAccountId, InvalidRegion, InvalidRole, InvalidRoleArn, Partition, Region,
    RoleArn, RolePath,
};
pub use advice::{Advice, AdviceFacts, ProofFacts, advice, without_names};
pub use authorization::{
    AccessDenied, AuthorizationId, DecodedAuthorization, DenyingPolicy, EncodedMessage, ErrorText,
    InvalidDecodedMessage, MatchedStatement, PolicyKind, RequestCondition,
};
pub use caller_identity::{CallerIdentity, InvalidCallerIdentity, PrincipalKind};
pub use credentials::{ConsoleLink, ConsoleSignIn, Credentials, SignInError as ConsoleSignInError};
pub use destination::{Destination, InvalidDestination};
pub use duration::RoleSessionDuration;
pub use earlier_calls::{EarlierCalls, IntermediateSession};
pub use external_id::{ExternalId, InvalidExternalId};
pub use federated_user::{
    AccessKey, AccessKeyId, FederatedUserName, GetFederationToken, InvalidAccessKeyId,
};
pub use name::{InvalidSourceIdentity, RoleSessionName, SourceIdentity};
pub use oidc_provider::OidcProviderName;
pub use packed_size::PackedSize;
pub use provider_id_token::{ProviderIdToken, UnusableIdToken};
pub use refusal::{RefusalSubject, StsRefusal};
pub use role_chaining::{OwnCredentialsState, RoleChaining};
pub use role_policy::{InlinePolicy, InvalidInlinePolicy, InvalidRolePolicyArn, RolePolicyArn};
pub use saml::{
    ConsolePost, InvalidRecipient, InvalidSamlProvider, MintedSaml, Recipient, SamlClaims,
    SamlIssuer, SamlProviderArn, saml_entity_id,
};
pub use session_policy::{ActionVerdict, InvalidSessionPolicy, PolicyArn, SessionPolicy};
pub use sts::{
    AssumeRole, AssumeRoleWithSaml, AssumeRoleWithWebIdentity, AssumedRole, RoleSessionParameters,
    Sts, StsError, StsRequest,
};
pub use tags::{InvalidTag, RoleSessionTags, TagKey};
pub use web_identity::{LoginTokenClaims, WebIdentityClaims, WebIdentityIssuer};
