//! The SQL database: its URL, its connections and its schema. What is kept there belongs to the adapters over it, such as
//! [`crate::audit`].

mod open_error;
mod pool;
mod postgres_fault;
mod schema;
mod url;

pub use self::open_error::OpenDatabaseError;
pub use self::pool::Database;
pub(crate) use self::pool::{Place, SQLITE_SETTINGS, answered};
#[cfg(test)]
pub(crate) use self::schema::SQLITE;
pub use self::url::{DatabaseUrl, InvalidDatabaseUrl};
