//! Servers that respond with something else, and documents that were changed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::bucket::BucketFault;
use serde_json::Value;

use super::{FILES, foreign_key, inject, keys, published};

#[test]
fn unusable_responses_are_reported_with_a_next_step() -> Result<()> {
    let (folder, bucket) = published("")?;
    let elsewhere = format!("{}/elsewhere", bucket.url());
    for (fault, expected, next) in [
        (
            BucketFault::Status(404),
            "returned status 404",
            "upload both documents",
        ),
        (
            BucketFault::Redirect(elsewhere),
            "with a redirect to",
            "at this URL itself",
        ),
        (
            BucketFault::Html,
            "returned a page (\"text/html\") instead of JSON",
            "content type application/json",
        ),
        (
            BucketFault::Huge(100 << 20),
            "is larger than",
            "not the document of `rolecalld keys publish`",
        ),
        (
            BucketFault::Slow(Duration::from_secs(60)),
            "did not respond in time",
            "from the internet",
        ),
    ] {
        bucket.set_fault(Some(fault.clone()));
        let ran = keys(&folder, &["confirm"])?;
        ensure!(
            ran.code == 1
                && ran.out.is_empty()
                && ran
                    .err
                    .contains("/.well-known/openid-configuration cannot be fetched: ")
                && ran.err.contains(expected),
            "{fault:?}: {ran:?}"
        );
        let hint = ran.err.split("\nhint: ").nth(1).context("no hint")?;
        ensure!(hint.contains(next), "{fault:?}: {ran:?}");
    }
    ensure!(
        !folder.path().join("keys/served.json").exists(),
        "nothing was observed"
    );
    drop(bucket);
    let ran = keys(&folder, &["confirm"])?;
    ensure!(
        ran.code == 1 && ran.err.contains("cannot connect to"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn changed_documents_are_reported_with_a_next_step() -> Result<()> {
    let (folder, bucket) = published("")?;
    let original = |file: &str| bucket.get(&format!("/{file}")).context("no document");
    let [jwks, discovery] = [original(FILES[0])?, original(FILES[1])?];
    let other = discovery.replace("\"issuer\":\"http://127", "\"issuer\":\"https://127");
    let elsewhere = discovery.replace("/jwks\"", "/keys\"");
    let empty = "{\"keys\":[]}".to_owned();
    for (file, body, expected, next) in [
        (
            FILES[1],
            other,
            "the discovery document has the issuer \"https://127",
            "correct `url` in [issuer]",
        ),
        (
            FILES[1],
            elsewhere,
            "has the jwks_uri",
            "find out who can write to this address",
        ),
        (
            FILES[1],
            "[]".to_owned(),
            "/.well-known/openid-configuration is invalid: not a JSON object",
            "keys publish",
        ),
        (
            FILES[0],
            empty,
            "does not contain the active key",
            "invalidate the cache",
        ),
        (
            FILES[0],
            String::new(),
            "/jwks is invalid: unexpected end",
            "keys publish",
        ),
    ] {
        bucket.put(&format!("/{file}"), body);
        let ran = keys(&folder, &["confirm"])?;
        ensure!(
            ran.code == 1 && ran.err.contains(expected),
            "{expected}: {ran:?}"
        );
        let hint = ran.err.split("\n  hint: ").nth(1).context("no hint")?;
        ensure!(hint.contains(next), "{expected}: {ran:?}");
        bucket.put("/jwks", jwks.clone());
        bucket.put("/.well-known/openid-configuration", discovery.clone());
    }
    inject(&bucket, "/jwks", foreign_key()?)?;
    let ran = keys(&folder, &["confirm", "--json"])?;
    let json: Value = serde_json::from_str(&ran.out)?;
    let problem = json["differences"][0]["problem"]
        .as_str()
        .context("no problem")?;
    ensure!(
        ran.code == 1 && problem.contains("not a key of this installation"),
        "{json}"
    );
    Ok(())
}
