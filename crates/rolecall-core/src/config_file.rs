//! Reads configuration files: every key is read or reported, and all errors are collected with their positions.
//!
//! May import [`crate::base`].

mod error;
mod reader;
pub mod suggest;
mod value;

pub use error::{ConfigError, ConfigErrors};
pub use reader::{Document, Findings, Reader, Spot, quoted};
pub use value::{Located, Value};
