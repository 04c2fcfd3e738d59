//! The source of an error that an adapter translated.

use std::error::Error as StdError;

/// An error of some library, boxed, for logs only.
pub type Source = Box<dyn StdError + Send + Sync>;
