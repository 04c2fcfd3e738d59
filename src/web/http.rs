//! HTTP functions common to all surfaces: the guard around each route, extractors, cookies, CSRF tokens, the client
//! address, responses, and tasks that continue after their request.

pub mod address;
pub mod cookie;
pub mod csrf;
pub mod detached;
pub mod extract;
pub mod fetch_metadata;
pub mod guard;
pub mod pending_work;
pub mod reply;
