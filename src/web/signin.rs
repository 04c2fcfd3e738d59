//! The interface that AWS's clients call `signin`, behind `aws login`: in the browser the choice of a role and the code to
//! carry to a terminal; for the program the token endpoint.

mod authorize;
mod token;
pub mod view;

pub use authorize::{authorize, choose, confirmation};
pub use token::token;
