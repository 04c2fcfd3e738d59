//! Adapter: AWS. STS, the console's sign-in endpoint, and the gateway's own keys and tokens that IAM trusts.
//!
//! The gateway holds no AWS credential: a role is assumed with a proof, its own or the provider's. What AWS answers is turned into
//! core's words at once; nothing of a token or of credentials reaches an error or a log from here.

mod federation;
mod http;
pub mod keys;
mod saml_issuer;
mod settings;
mod sts;
mod token_issuer;

pub use federation::SignInEndpoint;
pub use saml_issuer::{
    DocumentError, RespondError, ResponseContent, ResponseIssuer, SamlAttribute,
};
pub use settings::{AwsSettings, WrongRegion};
pub use sts::{Endpoints, StsClient, http_client};
pub use token_issuer::{Document, MintError, TokenIssuer};

/// Directives of `tracing_subscriber`'s `EnvFilter`, to stand after whatever an operator asks for: below these levels the
/// SDK and the HTTP libraries print requests and answers. Today's versions wrap bodies so that they do not show; nobody
/// has promised that of tomorrow's.
pub const LOG_CEILING: &[&str] = &[
    "aws_config=warn",
    "aws_runtime=warn",
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
