//! What goes over the wire between AWS's clients and Rolecall: JSON and queries of `sso`, `sso-oidc` and `signin`; and text
//! that terminals and AWS's tools read: `~/.aws/config`, credentials in each format, shell quoting. No I/O, no other package
//! of Rolecall's, no C library.

pub mod config;
pub mod credentials;
pub mod http;
pub mod secret;
pub mod shell;
pub mod signin;
pub mod sso;
pub mod sso_oidc;
