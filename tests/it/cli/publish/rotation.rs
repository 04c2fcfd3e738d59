//! A key becomes active a day after the address was seen to serve it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::bucket::BucketFault;
use serde_json::{Value, json};

use super::super::change;
use super::{age, foreign_key, generate, inject, keys, published, upload};

#[test]
fn next_key_must_have_been_published_for_a_day() -> Result<()> {
    let (folder, bucket) = published("/a")?;
    let next = generate(&folder)?;
    // Created a day ago, but never uploaded.
    age(&folder, "keys.json")?;
    let refused = |expected: &str| -> Result<()> {
        let ran = keys(&folder, &["rotate"])?;
        ensure!(
            ran.code == 1 && ran.out.is_empty() && ran.err.contains(expected),
            "{expected}: {ran:?}"
        );
        ensure!(ran.err.contains("hint: "), "{ran:?}");
        Ok(())
    };
    refused(&format!(
        "the next key, {next}, was not found at {}/a/jwks",
        bucket.url()
    ))?;
    let ran = keys(&folder, &["confirm"])?;
    ensure!(
        ran.code == 1
            && ran
                .err
                .contains(&format!("does not contain the next key, {next}")),
        "{ran:?}"
    );

    upload(&folder, &bucket, "/a")?;
    let ran = keys(&folder, &["confirm"])?;
    ensure!(
        ran.code == 0
            && ran.err.is_empty()
            && ran.out.contains(&format!("{next}  published since ")),
        "{ran:?}"
    );
    refused("less than a day ago; it can be activated from ")?;

    age(&folder, "served.json")?;
    // A copy from before, as a stale cache serves it: the key starts again.
    let current = bucket.get("/a/jwks").context("no key set")?;
    let mut stale: Value = serde_json::from_str(&current)?;
    stale["keys"].as_array_mut().context("keys")?.pop();
    bucket.put("/a/jwks", stale.to_string());
    refused(&format!("the next key, {next}, was not found at"))?;
    bucket.put("/a/jwks", current.clone());
    refused("less than a day ago")?;

    age(&folder, "served.json")?;
    bucket.set_fault(Some(BucketFault::Status(403)));
    refused("returned status 403")?;
    bucket.set_fault(None);
    inject(&bucket, "/a/jwks", foreign_key()?)?;
    refused("which is not a key of this installation")?;
    bucket.put("/a/jwks", current);
    let ran = keys(&folder, &["rotate"])?;
    ensure!(ran.code == 0 && ran.out.starts_with(&next), "{ran:?}");
    // Nothing has to be uploaded: both keys were there before.
    let ran = keys(&folder, &["confirm", "--json"])?;
    let json: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        ran.code == 0
            && json["differences"] == json!([])
            && json["keys"].as_array().is_some_and(|keys| keys.len() == 2),
        "{json}"
    );
    Ok(())
}

#[test]
fn record_of_another_address_does_not_count() -> Result<()> {
    let (folder, bucket) = published("")?;
    generate(&folder)?;
    age(&folder, "keys.json")?;
    upload(&folder, &bucket, "")?;
    ensure!(keys(&folder, &["confirm"])?.code == 0);
    age(&folder, "served.json")?;
    let record = folder.path().join("keys/served.json");
    ensure!(record.metadata()?.mode() & 0o777 == 0o600);
    change(
        &folder,
        &format!("url = \"{}\"", bucket.url()),
        &format!("url = \"{}/b\"", bucket.url()),
    )?;
    upload(&folder, &bucket, "/b")?;
    let ran = keys(&folder, &["rotate"])?;
    ensure!(
        ran.code == 1 && ran.err.contains("less than a day ago"),
        "{ran:?}"
    );
    for invalid in [
        "{",
        "{}",
        "{\"issuer\":1,\"since\":{}}",
        "{\"issuer\":\"\",\"since\":{\"a\":\"2026-01-01T00:00:00Z\"}}",
    ] {
        fs::write(&record, invalid)?;
        let ran = keys(&folder, &["rotate"])?;
        ensure!(
            ran.code == 1
                && ran.err.contains("served.json is invalid: ")
                && ran.err.contains("hint: delete this file"),
            "{invalid}: {ran:?}"
        );
    }
    fs::write(&record, "{}")?;
    fs::set_permissions(&record, fs::Permissions::from_mode(0o622))?;
    let ran = keys(&folder, &["rotate"])?;
    ensure!(
        ran.code == 1 && ran.err.contains("other users can access"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn emergency_does_not_wait_and_says_what_follows() -> Result<()> {
    let (folder, bucket) = published("")?;
    let next = generate(&folder)?;
    bucket.set_fault(Some(BucketFault::Status(503)));
    let before = bucket.requests();
    let ran = keys(&folder, &["rotate", "--emergency"])?;
    ensure!(
        ran.code == 0
            && ran.out.starts_with(&next)
            && ran.err.contains(
                "warning: until you have run `rolecalld keys publish` and uploaded both documents"
            ),
        "{ran:?}"
    );
    ensure!(bucket.requests() == before);
    Ok(())
}

#[test]
fn retired_key_in_the_documents_is_reported() -> Result<()> {
    let (folder, bucket) = published("")?;
    let first = keys(&folder, &["list"])?.out;
    let first = first.split_whitespace().next().context("no key")?;
    generate(&folder)?;
    upload(&folder, &bucket, "")?;
    let ran = keys(&folder, &["retire", first, "--emergency"])?;
    ensure!(
        ran.code == 0 && ran.err.contains("warning: until you have run"),
        "{ran:?}"
    );
    let ran = keys(&folder, &["confirm"])?;
    ensure!(
        ran.code == 1
            && ran.err.contains(&format!("still contains the key {first}"))
            && ran
                .err
                .contains("upload both documents now if the key has leaked"),
        "{ran:?}"
    );
    upload(&folder, &bucket, "")?;
    ensure!(keys(&folder, &["confirm"])?.code == 0);
    Ok(())
}
