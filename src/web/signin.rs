//! `signin`, the interface of `aws login`: the pages to choose a role and to copy a code to a terminal, and the token endpoint
//! of the program.

mod authorize;
mod token;
pub mod view;

pub use authorize::{authorize, choose, confirmation};
pub use token::token;
