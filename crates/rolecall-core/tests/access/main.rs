//! What `access.toml` grants, refuses and explains, asked through the public interface only.

mod example;
mod hostile;
mod mistakes;
mod properties;
mod rules;
mod support;
