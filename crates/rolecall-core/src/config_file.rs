//! Reading a configuration file whole: every key is read or reported, and every error is collected with its line.
//!
//! May import [`crate::base`].

mod error;
mod reader;
pub mod suggest;
mod value;

pub use error::{ConfigError, ConfigErrors};
pub use reader::{Document, Findings, Reader, Spot, quoted};
pub use value::{At, Value};
