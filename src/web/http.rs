//! What every surface needs of HTTP: the guard around each route, extractors, cookies, tokens of forms, the client's
//! address, answers, and work that outlives its request.

pub mod address;
pub mod cookie;
pub mod csrf;
pub mod detached;
pub mod extract;
pub mod fetch_metadata;
pub mod guard;
pub mod pending_work;
pub mod reply;
