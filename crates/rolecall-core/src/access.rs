//! `access.toml`, parsed: who may use which role, when, and for how long.
