//! Tests of all flows, and attacks on them, with a scripted fixture.
//!
//! Nothing here opens a socket or reads a clock: [`fixture`] implements the store, the audit trail, the providers and
//! AWS. Each can fail at any call.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail as tests do"
)]

mod at_provider;
mod auth_time;
mod caller_trust;
mod clients;
mod console;
mod counters;
mod decode;
mod durations;
mod federation_token;
mod fixture;
mod issue;
mod issue_failures;
mod issue_limits;
mod limits;
mod listing;
mod login;
mod login_proof;
mod outages;
mod packed;
mod people;
mod properties;
mod provider_oidc;
mod refusals;
mod removed_provider;
mod renewal;
mod saml;
mod saml_issuing;
mod sealing;
mod session;
mod session_end;
mod sessions;
mod sign_in;
mod sign_out;
mod single_logout;
mod step_up;
mod sts_requests;
mod verification;
