//! `rolecalld keys publish`, `confirm` and `rotate` with `url` in `[issuer]`: documents that another server publishes.

mod documents;
mod faults;
mod rotation;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use rolecall_testkit::bucket::Bucket;
use rolecalld::aws::keys::{KeyAlgorithm, SigningKey};
use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, change, folder, rolecalld};

const FILES: [&str; 2] = ["jwks", ".well-known/openid-configuration"];

fn keys(folder: &TempDir, arguments: &[&str]) -> Result<Ran> {
    let all = [&["keys"], arguments, &["--config", "rolecall.toml"]].concat();
    rolecalld(folder.path(), &all)
}

fn set_url(folder: &TempDir, url: &str) -> Result<()> {
    change(
        folder,
        "keys = \"keys/\"",
        &format!("keys = \"keys/\"\nurl = \"{url}\""),
    )
}

/// A folder whose documents are published in a bucket, with an active key.
pub fn published(path: &str) -> Result<(TempDir, Bucket)> {
    let (folder, bucket) = (folder()?, Bucket::start()?);
    set_url(&folder, &format!("{}{path}", bucket.url()))?;
    generate(&folder)?;
    upload(&folder, &bucket, path)?;
    Ok((folder, bucket))
}

/// Generates a key and returns its ID.
fn generate(folder: &TempDir) -> Result<String> {
    let ran = keys(folder, &["generate"])?;
    ensure!(
        ran.code == 0 && ran.err.contains("run `rolecalld keys publish`"),
        "{ran:?}"
    );
    let id = ran.out.split_whitespace().next().context("no key")?;
    Ok(id.to_owned())
}

fn upload(folder: &TempDir, bucket: &Bucket, path: &str) -> Result<()> {
    let ran = keys(folder, &["publish", "out"])?;
    ensure!(ran.code == 0, "{ran:?}");
    bucket.upload(&folder.path().join("out"), path, &FILES)
}

/// Moves all times of a file of the key directory a day into the past.
fn age(folder: &TempDir, file: &str) -> Result<()> {
    let path = folder.path().join("keys").join(file);
    let mut value: Value = serde_json::from_slice(&fs::read(&path)?)?;
    age_times(&mut value);
    Ok(fs::write(path, value.to_string())?)
}

fn age_times(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Ok(at) = text.parse::<DateTime<Utc>>() {
                *text = (at - TimeDelta::hours(25)).to_rfc3339();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(age_times),
        Value::Object(members) => members.values_mut().for_each(age_times),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub fn foreign_key() -> Result<Value> {
    let key = SigningKey::generate(KeyAlgorithm::Es256, DateTime::UNIX_EPOCH)?;
    Ok(key.jwk().clone())
}

/// Adds a key to the key set in the bucket.
pub fn inject(bucket: &Bucket, path: &str, key: Value) -> Result<()> {
    let mut jwks: Value = serde_json::from_str(&bucket.get(path).context("no key set")?)?;
    jwks["keys"].as_array_mut().context("keys")?.push(key);
    bucket.put(path, jwks.to_string());
    Ok(())
}
