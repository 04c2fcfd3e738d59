//! What `access.toml` grants, refuses and explains, asked through the public interface only.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail as tests do"
)]

mod changes;
mod contested;
mod corpus;
mod example;
mod hostile;
mod mistakes;
mod mistakes_of_form;
mod properties;
mod roles;
mod rules;
mod support;
mod unread;
mod unsupported_facts;
mod untrusted_email;
mod unusable;
