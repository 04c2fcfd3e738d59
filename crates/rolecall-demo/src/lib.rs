//! A gateway and the world around it in one process: identity provider, AWS, people, accounts. The demo, the tests and
//! the benchmark all start this one house; nothing leaves the machine and nothing is kept.

mod house;
mod plan;
mod saml;
mod terminal;

pub use house::{House, HouseSettings, Replica};
pub use plan::{
    ACCESS, ACCOUNTS, CLIENT_ID, CLIENT_SECRET, PROVIDER_ID, SAML_PROVIDER_ID, access_by_both,
};
pub use saml::SamlHouse;
