//! Errors of each surface: [`sso::SsoError`], [`oauth::OAuthError`] and [`signin::AwsSignInError`] under AWS's exception
//! names, [`page::PageError`] for pages and their JSON form. A request that is rejected before a handler runs is a
//! [`request::RequestError`], which every surface can report.

pub mod code;
pub mod error_text;
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
