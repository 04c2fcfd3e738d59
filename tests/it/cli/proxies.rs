//! Log messages about proxies that are not configured in `[listen]`: one per cause, with the reason for unknown
//! addresses.

use anyhow::{Result, ensure};
use rolecall_harness::TestStackSettings;
use rolecall_testkit::http::client;

use super::serve::{Serving, serving_with};
use crate::operate::until;

const WARNING: &str = " WARN ";
const REQUESTS: usize = 3;

/// The warnings of a gateway process after three requests with these headers.
async fn warnings(
    change: impl FnOnce(&mut TestStackSettings),
    headers: &[(&str, &str)],
) -> Result<(Serving, Vec<String>)> {
    let serving = serving_with(change).await?;
    for _ in 0..REQUESTS {
        let mut request = client()?.get(serving.stack.at("/jwks"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ensure!(request.send().await?.status().is_success());
    }
    // A request completes before its log line is read; warnings about it are written earlier.
    let requests = |log: &str| log.matches("route=\"/jwks\"").count();
    let seen = || Some(serving.process.output()).filter(|log| requests(log) == REQUESTS);
    let log = until("a line for each request", async || Ok(seen())).await?;
    let about = |line: &&str| {
        line.contains(WARNING) && (line.contains("forwarded") || line.contains("trusted_proxies"))
    };
    let found = log.lines().filter(about).map(str::to_owned).collect();
    Ok((serving, found))
}

fn trusting(settings: &mut TestStackSettings) {
    settings.trusted_proxies = vec!["127.0.0.1/32".to_owned()];
}

#[tokio::test]
async fn unexpected_header_causes_one_warning() -> Result<()> {
    let (_serving, found) = warnings(trusting, &[("forwarded", "for=192.0.2.1")]).await?;
    ensure!(
        found.len() == 1
            && found[0].contains("proxy=127.0.0.1")
            && found[0].contains("set listen.client_address = \"forwarded\""),
        "{found:?}"
    );
    let forwarded = |settings: &mut TestStackSettings| {
        trusting(settings);
        settings.listen = "client_address = \"forwarded\"".to_owned();
    };
    let (_serving, found) = warnings(forwarded, &[("x-forwarded-for", "192.0.2.1")]).await?;
    ensure!(
        found.len() == 1 && found[0].contains("set listen.client_address = \"x-forwarded-for\""),
        "{found:?}"
    );
    Ok(())
}

#[tokio::test]
async fn untrusted_private_peer_causes_one_warning() -> Result<()> {
    let nobody = |_: &mut TestStackSettings| ();
    let another = |settings: &mut TestStackSettings| {
        settings.trusted_proxies = vec!["192.0.2.9/32".to_owned()];
    };
    for (change, header) in [
        (nobody as fn(&mut TestStackSettings), "x-forwarded-for"),
        (nobody, "forwarded"),
        (another, "x-forwarded-for"),
    ] {
        let (_serving, found) = warnings(change, &[(header, "for=192.0.2.1")]).await?;
        ensure!(
            found.len() == 1
                && found[0].contains("peer=127.0.0.1")
                && found[0].contains("not in listen.trusted_proxies"),
            "{header}: {found:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn correct_configuration_causes_no_warning() -> Result<()> {
    for (change, headers) in [
        (
            trusting as fn(&mut TestStackSettings),
            &[("x-forwarded-for", "192.0.2.1")][..],
        ),
        (
            trusting,
            &[
                ("x-forwarded-for", "192.0.2.1"),
                ("forwarded", "for=192.0.2.2"),
            ],
        ),
        (trusting, &[]),
        (|_| (), &[]),
        (
            |settings| settings.listen = "client_address = \"peer\"".to_owned(),
            &[("x-forwarded-for", "192.0.2.1")],
        ),
    ] {
        let (_serving, found) = warnings(change, headers).await?;
        ensure!(found.is_empty(), "{headers:?}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unknown_address_is_logged_with_reason() -> Result<()> {
    let headers = [("x-forwarded-for", "192.0.2.1, unknown, 127.0.0.1")];
    let (serving, found) = warnings(trusting, &headers).await?;
    ensure!(
        found.len() == 1 && found[0].contains("entry 2 from the right is not an address"),
        "{found:?}"
    );
    let log = serving.process.output();
    let said = |line: &&str| {
        line.contains("unknown_address=entry 2 from the right") && line.contains("route=\"/jwks\"")
    };
    ensure!(log.lines().filter(said).count() == REQUESTS, "{log}");
    Ok(())
}
