//! An HTTP client for requests that a test makes by hand.

/// A client that follows no redirect, keeps no cookie and uses no proxy.
///
/// # Errors
/// When the system has no certificates that TLS could use.
pub fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?)
}
