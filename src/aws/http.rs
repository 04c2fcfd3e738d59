//! The HTTP client for the console sign-in endpoint. STS uses the client of the SDK.
//!
//! It follows no redirects, uses the proxy of `[egress]` and ignores the environment, and limits the size of responses.

use std::time::Duration;

use rolecall_core::base::BoxError;

use crate::egress::Egress;

/// Time limit for a connection, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Builds the client. Deadlines are set by the caller.
///
/// # Errors
/// If a CA certificate is invalid.
#[expect(
    clippy::disallowed_methods,
    reason = "adapters are independent of each other, so this one builds its own client"
)]
pub(super) fn client(egress: &Egress) -> Result<reqwest::Client, BoxError> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT);
    egress
        .apply_to(client)
        .and_then(reqwest::ClientBuilder::build)
        .map_err(|error| error.without_url().into())
}

/// Reads a response body of at most `bytes_max` bytes.
///
/// # Errors
/// If the body is larger, or the connection fails.
pub(super) async fn body(
    mut answer: reqwest::Response,
    bytes_max: usize,
) -> Result<Vec<u8>, BoxError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(format!("the response is larger than {bytes_max} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
