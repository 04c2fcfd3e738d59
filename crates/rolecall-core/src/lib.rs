//! The ground floor of Rolecall: who somebody is, which roles they may use, and the flows between the two.
//!
//! Architecture invariant: this crate performs no I/O and reads no clock and no source of randomness; whatever it
//! needs it asks for through a port, a trait that stands beside what it serves. Policy evaluation cannot fail, a
//! [`access::Grant`] comes only from [`access::Policy`], and no AWS role is assumed without a grant.
//!
//! A feature is a folder: its types, its errors and its service. In this order, each may import those above it and no
//! others; `tests/tidy` checks it.
//!
//! | module | what |
//! |---|---|
//! | [`base`] | bounds, secrets, strict readers of JSON and text, user agents, thumbprints, the ports for time and randomness |
//! | [`config_file`] | reading a configuration file whole, with every error and its line |
//! | [`identity`] | a person some provider vouched for |
//! | [`record`] | the port of the store; sealed records over it; rate limits |
//! | [`aws`] | AWS's own nouns, parsed; the ports of STS and of the console |
//! | [`caller`] | who asks, and the facts that a policy may look at |
//! | [`access`] | `access.toml`: accounts, permission sets, assignments, denies; [`access::Policy::grants`] |
//! | [`audit`] | what happened, and the hash chain over it; the port of the trail; the journal that writes to it |
//! | [`entitlements`] | the policy that serves, and the facts it is asked about |
//! | [`session`] | sessions of browsers and of clients: finding, listing and ending them |
//! | [`sign_in`] | the port of identity providers; signing in and out |
//! | [`issue`] | a grant becomes credentials or a console sign-in |
//! | [`clients`] | AWS's clients: registration, consent, tokens, listings |
//! | [`aws_login`] | `aws login`: one role for one key |
//! | [`gateway`] | composes the services |

pub mod access;
pub mod audit;
pub mod aws;
pub mod aws_login;
pub mod base;
pub mod caller;
pub mod clients;
pub mod config_file;
pub mod entitlements;
pub mod gateway;
pub mod identity;
pub mod issue;
pub mod record;
pub mod session;
pub mod sign_in;
