//! What people see: a module for each page, with its handler, its askama template (`view`) and their tests. View models are
//! plain text, flags and small structs. Every value is escaped by askama, every form that changes something carries the
//! session's CSRF token.

pub mod auto_post;
pub mod consent;
pub mod console;
pub mod credentials;
pub mod device;
pub mod error;
pub mod format;
pub mod layout;
pub mod portal;
pub mod role;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
pub mod start;
pub mod terminal;

#[cfg(test)]
mod tests;
