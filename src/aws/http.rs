//! The one outbound HTTP client of this adapter that is not the SDK's: for the console's sign-in endpoint.
//!
//! It follows no redirect, takes the way out of `[egress]` and nothing of the environment, and reads no more of an answer than is
//! allowed.

use std::time::Duration;

use rolecall_core::base::Source;

use crate::egress::Egress;

/// For one connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes the client. Deadlines are the caller's.
///
/// # Errors
/// When the machine's root certificates cannot be read.
#[expect(
    clippy::disallowed_methods,
    reason = "adapters do not know one another, so this one has a client of its own"
)]
pub(super) fn client(egress: &Egress) -> Result<reqwest::Client, Source> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT);
    egress
        .applied_to(client)
        .and_then(reqwest::ClientBuilder::build)
        .map_err(|error| error.without_url().into())
}

/// The body of an answer of at most `bytes_max` bytes.
///
/// # Errors
/// When it is longer, or the connection breaks.
pub(super) async fn body(
    mut answer: reqwest::Response,
    bytes_max: usize,
) -> Result<Vec<u8>, Source> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(format!("the answer is longer than {bytes_max} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
