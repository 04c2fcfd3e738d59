//! Text that terminals and AWS's tools read: `~/.aws/config`, credentials in each format, shell quoting. No I/O, no other
//! package of Rolecall's, no C library.

pub mod config;
pub mod credentials;
pub mod shell;
