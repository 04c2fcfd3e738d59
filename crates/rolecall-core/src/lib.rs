//! The ground floor of Rolecall: who somebody is, which roles they may use, and the flows between the two.
//!
//! Architecture invariant: this crate performs no I/O and reads no clock and no source of randomness; whatever it
//! needs of the world it asks for through a trait of [`port`]. Policy evaluation cannot fail, a
//! [`access::Grant`] comes only from [`access::Policy`], and no AWS role is assumed without a grant.
//!
//! | module | what |
//! |---|---|
//! | [`limits`] | every bound in the system, each with its reason |
//! | [`secret`] | bearer secrets: redacted, not comparable, stored by digest |
//! | [`identity`] | a person some provider vouched for |
//! | [`json`], [`text`] | JSON without two meanings; one harmless line of a text from outside |
//! | [`timestamp`] | timestamps from outside, within bounds |
//! | [`user_agent`] | what a `User-Agent` header says: a program and its version |
//! | [`dpop`] | proofs that a caller holds the key a token is bound to (RFC 9449) |
//! | [`aws`] | AWS's own nouns, parsed |
//! | [`access`] | `access.toml`: accounts, permission sets, assignments, denies; [`access::Policy::grants`] |
//! | [`config_error`], [`toml_reader`], [`suggest`] | reading a configuration file whole, with every mistake and its line |
//! | [`sign_in`], [`session`] | signing in and staying signed in |
//! | [`client`], [`client_session`] | AWS's command line and its like: what they are, and what a person allowed them |
//! | [`start_url`] | what AWS's clients call this installation |
//! | [`consent`], [`device`], [`authorization_code`] | how they are allowed it |
//! | [`audit`] | what happened, and the hash chain over it |
//! | [`port`] | what the world must provide |
//! | [`record`] | sealed records over a [`port::RecordStore`] |
//! | [`rate_limit`] | how often something may happen, counted in the store |
//! | [`gateway`] | the verbs |

pub mod access;
pub mod audit;
pub mod authorization_code;
pub mod aws;
pub mod aws_login;
pub mod client;
pub mod client_session;
pub mod config_error;
pub mod consent;
pub mod device;
pub mod dpop;
pub mod gateway;
pub mod identity;
pub mod json;
pub mod limits;
pub mod port;
pub mod rate_limit;
pub mod record;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod start_url;
pub mod suggest;
pub mod text;
pub mod timestamp;
pub mod toml_reader;
pub mod user_agent;
