//! The emulated AWS of the house: every account trusts the gateway in both ways, as an OpenID provider and as a SAML
//! provider, and has the roles that it hands out. Which way is gone is up to the access policy.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rolecall_core::aws::{Partition, Region};
use rolecall_core::base::Clock;
use rolecall_testkit::aws::{Aws, Role};
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory, KeyUse};
use rolecalld::aws::{AwsSettings, ResponseIssuer};
use rolecalld::world::SystemEntropy;
use tempfile::TempDir;

use crate::plan::{ACCOUNTS, SAML_PROVIDER};

/// How the emulated roles may be used at most; the permission sets ask for less.
const ROLE_SESSION_MAX: Duration = Duration::from_secs(12 * 3_600);

/// The files of a directory of keys.
type Files = Vec<(String, Vec<u8>)>;

/// A directory of keys with one of each use. RSA keys take a while to make, so one process makes one for all its houses.
pub(super) fn make_keys(folder: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<KeyDirectory> {
    static MADE: Mutex<Option<Files>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.is_none() {
        let home = TempDir::new()?;
        let keys = KeyDirectory::new(home.path().join("keys")).used_for(KeyUse::Saml);
        keys.generate(KeyAlgorithm::Rs256, clock.now())?;
        *made = Some(read(keys.path())?);
    }
    let keys = folder.join("keys");
    write(&keys, made.as_deref().unwrap_or_default())?;
    drop(made);
    let keys = KeyDirectory::new(keys);
    keys.generate(KeyAlgorithm::Es256, clock.now())?;
    Ok(keys)
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        files.push((name.to_string_lossy().into_owned(), fs::read(&path)?));
    }
    Ok(files)
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    for (name, bytes) in files {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(name))?;
        std::io::Write::write_all(&mut file, bytes)?;
    }
    Ok(())
}

/// Registers the gateway in every account and makes the roles that it hands out.
pub(super) fn furnish(
    aws: &Aws,
    issuer: &str,
    keys: KeyDirectory,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<()> {
    let saml = ResponseIssuer::open(
        issuer,
        keys,
        AwsSettings {
            partition: Partition::Aws,
            sts_region: Region::parse("eu-west-1")?,
            sts_fallback_regions: Vec::new(),
            sts_endpoint: None,
            signin_endpoint: Some(aws.url().parse()?),
        },
        clock,
        Arc::new(SystemEntropy),
    )?;
    let metadata = saml.metadata().context("there is a key for SAML")?.body;
    let host = issuer
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    for (id, ..) in ACCOUNTS {
        let account = aws.account(id)?;
        let oidc = account.oidc_provider(issuer, &["sts.amazonaws.com"])?;
        let by_saml = account.saml_provider(SAML_PROVIDER, &metadata)?;
        for permission_set in ["Administrator", "Developer", "ReadOnly"] {
            let statement = |provider: &str, action: &str, (key, value): (String, String)| {
                serde_json::json!({
                    "Effect": "Allow",
                    "Principal": { "Federated": provider },
                    "Action": [action, "sts:TagSession", "sts:SetSourceIdentity"],
                    "Condition": {
                        "StringEquals": { key: value, "aws:RequestTag/rolecall:account": id },
                        "StringLike": { "aws:RequestTag/rolecall:permission-set": [permission_set, format!("{permission_set}@*")], "sts:SourceIdentity": "*@example.com" },
                    },
                })
            };
            let trust = serde_json::json!({ "Version": "2012-10-17", "Statement": [
                statement(&oidc, "sts:AssumeRoleWithWebIdentity", (format!("{host}:aud"), "sts.amazonaws.com".to_owned())),
                statement(&by_saml, "sts:AssumeRoleWithSAML", ("SAML:aud".to_owned(), format!("{}/saml", aws.url()))),
            ] });
            account.role(
                &format!("rolecall/{permission_set}"),
                Role::trusting(trust).lasting(ROLE_SESSION_MAX),
            )?;
        }
    }
    Ok(())
}
