//! The AWS adapter against an AWS that checks what AWS checks.

mod console;
mod egress;
mod issuing;
mod keys;
mod logs;
mod moto;
mod outages;
mod saml;
mod saml_peers;
mod tokens;
mod world;
