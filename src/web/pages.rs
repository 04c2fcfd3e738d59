//! The pages: one module each, with the handler, the view model of the askama template (`view`) and their tests. View models
//! contain text, flags and small structs. Askama escapes every value. Every state-changing form contains the CSRF token of
//! the session.

pub mod auto_post;
pub mod consent;
pub mod console;
pub mod credentials;
pub mod decode;
pub mod device;
pub mod error;
pub mod format;
pub mod layout;
pub mod locked;
pub mod portal;
pub mod role;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
pub mod start;
pub mod terminal;

#[cfg(test)]
mod tests;
