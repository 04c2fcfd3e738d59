//! The core of Rolecall: identities, the roles that they may use, and the flows that issue them.
//!
//! Invariants: this crate performs no I/O and reads neither clock nor randomness; everything external is a port, which
//! is a trait defined beside its use. Policy evaluation cannot fail, only [`access::Policy`] creates an
//! [`access::Grant`], and no AWS role is assumed without a grant.
//!
//! Each feature is a module with its types, errors and service. A module may import those above it in this list and no
//! others; `tests/tidy` checks it.
//!
//! | module | description |
//! |---|---|
//! | [`base`] | limits, secrets, strict parsers of JSON and text, user agents, thumbprints, the ports for time and randomness |
//! | [`config_file`] | reading configuration files, with every error and its position |
//! | [`identity`] | a person as asserted by an identity provider |
//! | [`record`] | the port of the store; sealed records; rate limits |
//! | [`aws`] | AWS's types; the ports of STS and of the console |
//! | [`caller`] | the caller, and the facts that a policy evaluates |
//! | [`access`] | `access.toml`: accounts, permission sets, assignments, deny rules; [`access::Policy::grants`] |
//! | [`people`] | people as of their last sign-in, for evaluating a policy later |
//! | [`organization`] | the accounts of an AWS organization, and their import into the access files |
//! | [`provisioning`] | what AWS accounts need: identity provider, roles, trust policies; [`provisioning::plan()`] |
//! | [`drift`] | differences between the plan of AWS accounts and what the accounts have; [`drift::compare`] |
//! | [`audit`] | audit events and their hash chain; the port of the audit trail; the journal that writes to it |
//! | [`entitlements`] | the current policy, and the facts with which it is evaluated |
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
pub mod drift;
pub mod entitlements;
pub mod gateway;
pub mod identity;
pub mod issue;
pub mod organization;
pub mod people;
pub mod provisioning;
pub mod record;
pub mod session;
pub mod sign_in;
