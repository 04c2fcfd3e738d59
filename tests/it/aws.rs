//! The AWS adapter against an emulator that performs the checks of AWS.

mod caller;
mod console;
mod decode;
mod egress;
mod federation_token;
mod fixture;
mod foreign;
mod generated;
mod guard;
mod issuing;
mod keys;
mod logs;
mod moto;
mod mutations;
mod outages;
mod own_credentials;
mod saml;
mod saml_peers;
mod simulated;
mod table;
mod tokens;
