//! Every story and every attack on the flows, told to the gateway's verbs in a scripted fixture.
//!
//! Nothing here opens a socket or reads a clock: [`fixture`] plays the store, the trail, the providers and AWS, each of
//! which can be made to fail at any call.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail as tests do"
)]

mod at_provider;
mod auth_time;
mod clients;
mod console;
mod counters;
mod ending;
mod ends;
mod fixture;
mod issue;
mod issue_failures;
mod issue_limits;
mod limits;
mod listing;
mod login;
mod order;
mod outages;
mod properties;
mod refusals;
mod renewal;
mod saml;
mod saml_issuing;
mod sealing;
mod session;
mod sessions;
mod sign_in;
mod sign_out;
mod single_logout;
