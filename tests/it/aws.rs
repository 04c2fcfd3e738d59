//! The AWS adapter against an AWS that checks what AWS checks.

mod console;
mod egress;
mod fixture;
mod issuing;
mod keys;
mod logs;
mod moto;
mod mutations;
mod outages;
mod saml;
mod saml_peers;
mod tokens;
