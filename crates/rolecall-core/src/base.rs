//! The base of all modules: limits, secrets, strict parsers, and the ports for time and randomness.

mod clock;
pub mod duration;
mod error;
pub mod json;
pub mod limits;
mod newtype;
pub mod secret;
pub mod text;
mod thumbprint;
pub mod timestamp;
pub mod user_agent;

pub use clock::{Clock, Entropy};
pub use error::BoxError;
pub use thumbprint::KeyThumbprint;

pub(crate) use newtype::text_newtype;
