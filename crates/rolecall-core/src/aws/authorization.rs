//! Why AWS denied a request: the text of an error, an encoded authorization message, and what
//! `sts:DecodeAuthorizationMessage` returns for one.
//!
//! Nothing here decides access. Readers are lenient: what cannot be read is left out, and everything is bounded.

mod access_denied;
mod decoded;
mod error_text;

pub use access_denied::{AccessDenied, DenyingPolicy, PolicyKind};
pub use decoded::{
    DecodedAuthorization, InvalidDecodedMessage, MatchedStatement, RequestCondition,
};
pub use error_text::{AuthorizationId, EncodedMessage, ErrorText};
