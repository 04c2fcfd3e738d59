//! The source of a translated error.

use std::error::Error as StdError;

/// An error of a library, for logs only.
pub type BoxError = Box<dyn StdError + Send + Sync>;
