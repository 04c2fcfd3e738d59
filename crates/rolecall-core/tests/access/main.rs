//! What `access.toml` grants, denies and explains, tested through the public API.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail as tests do"
)]

mod account_import;
mod changes;
mod compare;
mod compare_limits;
mod compare_properties;
mod compare_rules;
mod corpus;
mod coverage;
mod drift;
mod example;
mod federation_token;
mod filter;
mod form_errors;
mod hostile;
mod names;
mod people;
mod policy_errors;
mod properties;
mod provider_oidc;
mod provisioning;
mod role_permissions;
mod roles;
mod rules;
mod saved_organization;
mod session_limits;
mod shared_domain;
mod support;
mod unread;
mod unsupported_facts;
mod untrusted_email;
mod unusable;
