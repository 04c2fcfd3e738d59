//! What went wrong, and how each surface says so: [`sso::SsoError`], [`oauth::OAuthError`] and [`signin::AwsSignInError`] under
//! AWS's names, [`page::PageError`] for people and for programs of the company's own. What no handler has seen is a
//! [`request::RequestError`], which every surface has words for.

pub mod code;
pub mod explanation;
mod issue;
pub mod oauth;
pub mod page;
pub mod request;
mod sign_in;
pub mod signin;
pub mod sso;
pub mod surface;

#[cfg(test)]
mod tests;
