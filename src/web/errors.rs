//! What went wrong, and how each surface says so.

pub mod dialect;
pub mod problem;
mod refusal;
mod sign_in;
