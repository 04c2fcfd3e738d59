//! The SQL database: URL, connections and schema. Adapters such as [`crate::audit`] own their tables.

mod open_error;
mod pool;
mod postgres_error;
mod schema;
mod statement;
mod url;

pub use self::open_error::OpenDatabaseError;
pub use self::pool::Database;
pub(crate) use self::pool::{Backend, SQLITE_SETTINGS, answered};
#[cfg(test)]
pub(crate) use self::schema::SQLITE;
pub(crate) use self::statement::{sortable, values};
pub use self::url::{DatabaseUrl, InvalidDatabaseUrl};
