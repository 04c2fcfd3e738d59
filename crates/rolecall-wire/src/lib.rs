//! Messages between AWS clients and Rolecall: JSON and queries of `sso`, `sso-oidc` and `signin`. Also text for shells and AWS
//! tools: `~/.aws/config`, formats of credentials and shell quoting. It has no I/O and depends neither on other packages of
//! Rolecall nor on C libraries.

pub mod config;
pub mod credentials;
pub mod http;
pub mod secret;
pub mod shell;
pub mod signin;
pub mod sso;
pub mod sso_oidc;
