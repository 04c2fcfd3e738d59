//! Adapter for AWS: STS, Organizations, the console sign-in endpoint, and the gateway's own keys, tokens and SAML responses that IAM
//! trusts.
//!
//! Roles are assumed with a token or assertion of the gateway or of the provider, or with AWS credentials of the gateway
//! (`trust = "caller"`). Responses of AWS are converted to types of core; tokens and credentials never appear in errors or logs.

mod account_reader;
mod federation;
mod http;
mod issuer_documents;
pub mod keys;
mod organizations;
mod saml_issuer;
mod settings;
mod shell;
mod sts;
mod token_issuer;

pub use account_reader::{LiveAccount, LiveSamlProvider};
pub use federation::SignInEndpoint;
pub use issuer_documents::{
    Comparison, DISCOVERY_PATH, Difference, IssuerDocument, IssuerDocuments, JWKS_PATH, Severity,
};
pub use organizations::{OrganizationsClient, OrganizationsError, OrganizationsProgress};
pub use saml_issuer::{
    DocumentError, RespondError, ResponseContent, ResponseIssuer, SamlAttribute,
};
pub use settings::{AwsSettings, WrongRegion};
pub use shell::ShellAws;
pub use sts::{Endpoints, OwnCredentials, StsClient, http_client, own_credentials};
pub use token_issuer::{MintError, TokenIssuer};

/// `EnvFilter` directives that are appended to the configured log filter. Below these levels the SDK and the HTTP
/// libraries could log whole requests and responses, including secrets.
pub const LOG_CEILING: &[&str] = &[
    "aws_config=warn",
    "aws_runtime=warn",
    "aws_sdk_iam=warn",
    "aws_sdk_sso=warn",
    "aws_sdk_ssooidc=warn",
    "aws_sdk_organizations=warn",
    "aws_sdk_sts=warn",
    "aws_smithy_http=warn",
    "aws_smithy_http_client=warn",
    "aws_smithy_runtime=warn",
    "aws_smithy_runtime_api=warn",
    "h2=warn",
    "hyper=warn",
    "hyper_util=warn",
    "reqwest=warn",
    "rustls=warn",
];
