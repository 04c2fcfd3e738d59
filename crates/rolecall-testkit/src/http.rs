//! An HTTP client for single requests of a test.

/// A client that does not follow redirects, store cookies or use a proxy.
///
/// # Errors
/// If the system has no trusted certificates for TLS.
pub fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?)
}
