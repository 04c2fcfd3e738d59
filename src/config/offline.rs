//! The configuration for commands that connect to nothing: they generate files, or examine the access policy.
//!
//! No secret is read, so that these commands can run where there is none, such as in the checks of a pull request. The
//! sections that they do not need are not read; `rolecalld check` validates everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall_core::aws::Partition;
use rolecall_core::config_file::{ConfigError, Document, Reader};
use rolecall_core::provisioning::{GatewayPrincipal, Installation};
use url::Url;

use super::secret_ref::Secrets;
use super::{
    AccessFiles, AccessRead, LoadError, folder, issuer, listen, rate_limits, read, read_text,
    sections,
};
use crate::aws::keys::KeyDirectory;
use crate::aws::{AwsSettings, ResponseIssuer};
use crate::idp::ProviderSettings;
use crate::world::{SystemClock, SystemEntropy};

/// Sections that are not read.
const UNREAD: [&str; 11] = [
    "administrator",
    "audit",
    "clients",
    "database",
    "egress",
    "event_sink",
    "limits",
    "portal",
    "session",
    "store",
    "workload",
];

/// The contents of `rolecall.toml` without secrets.
#[derive(Debug)]
pub struct OfflineSettings {
    /// `public_url`: the gateway's own origin.
    pub public_url: Url,
    /// `[issuer] keys`: directory of the signing keys, which need not exist.
    pub issuer_keys: PathBuf,
    /// `[issuer] url`, unless it is `public_url`.
    pub issuer_url: Option<Url>,
    /// `[aws]`: partition, Regions and endpoints.
    pub aws: AwsSettings,
    /// `[aws] gateway_principal`: the IAM role or user whose credentials the gateway has, for `trust = "caller"`.
    pub gateway_principal: Option<GatewayPrincipal>,
    /// `[[provider]]`, without secrets and keys.
    pub providers: Vec<ProviderSettings>,
    /// `access`: the files of the access policy.
    pub access: AccessFiles,
}

impl OfflineSettings {
    /// `iss` of the tokens for AWS, at which AWS fetches their keys.
    pub fn issuer(&self) -> &Url {
        self.issuer_url.as_ref().unwrap_or(&self.public_url)
    }

    /// What the configuration says about the gateway. Mail domains and metadata are not included.
    pub fn installation(&self) -> Installation<'_> {
        Installation {
            partition: self.aws.partition,
            role_claim: self.aws.role_claim,
            signin_endpoint: self.aws.signin_endpoint.as_ref(),
            principal: self.gateway_principal.as_ref(),
            public_url: &self.public_url,
            ..Installation::new(self.issuer(), &self.aws.sts_region)
        }
    }

    /// Metadata of the gateway as SAML provider; `None` if its keys cannot be read here.
    pub fn saml_metadata(&self) -> Option<String> {
        let issuer = ResponseIssuer::open(
            self.public_url.as_str().trim_end_matches('/'),
            KeyDirectory::new(self.issuer_keys.clone()),
            self.aws.clone(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let metadata = issuer.ok()?.metadata()?;
        Some(metadata.body.to_string())
    }
}

/// A configuration without secrets.
#[derive(Debug)]
pub struct LoadedOffline {
    /// `rolecall.toml`
    pub settings: OfflineSettings,
    /// The policy of the access files. Its digest does not cover secrets.
    pub access: AccessRead,
    /// Valid settings that are probably unintended, in the sections that are read.
    pub warnings: Vec<ConfigError>,
}

/// Reads the configuration at `path` without secrets, with other access files than those it names, unless `access` is empty.
///
/// # Errors
/// [`LoadError`], with all errors of what is read.
pub fn load_offline(path: &Path, access: &[PathBuf]) -> Result<LoadedOffline, LoadError> {
    let text = read_text(path)?;
    let document = Document::parse(path, &text);
    let root = document.root();
    let (settings, files) = settings(&root, folder(path), access);
    root.done();
    // As for the complete configuration: without valid TOML, errors in the access files would be unreliable.
    let files = files.filter(|_| document.is_valid_toml());
    let findings = document.into_findings();
    let mut errors = LoadError::in_files(findings.errors).0;
    let policy = files.map(|files| files.load_with(Secrets::Skip));
    match (settings, policy.transpose()) {
        (Some(settings), Ok(Some(policy))) if errors.is_empty() => {
            let mut warnings = findings.warnings;
            warnings.extend(policy.policy.warnings().iter().cloned());
            Ok(LoadedOffline {
                settings,
                access: policy,
                warnings,
            })
        }
        (_, Ok(_)) => Err(LoadError(errors)),
        (_, Err(more)) => {
            errors.extend(more.0);
            Err(LoadError(errors))
        }
    }
}

/// As [`load_offline`], without reading the access files.
///
/// # Errors
/// [`LoadError`], with all errors of what is read.
pub fn offline_settings(path: &Path) -> Result<OfflineSettings, LoadError> {
    let text = read_text(path)?;
    let document = Document::parse(path, &text);
    let root = document.root();
    let (settings, _) = settings(&root, folder(path), &[]);
    root.done();
    let errors = document.into_findings().errors;
    settings
        .filter(|_| errors.is_empty())
        .ok_or_else(|| LoadError::in_files(errors))
}

/// The access files are also returned if the settings are incomplete, so that their errors are reported in the same run.
fn settings(
    root: &Reader<'_>,
    folder: &Path,
    access: &[PathBuf],
) -> (Option<OfflineSettings>, Option<AccessFiles>) {
    let public_url = read::public_url(root);
    let configured = read::access_paths(root, folder);
    let paths = match access {
        [] => configured,
        _ => configured.map(|_| access.to_vec()),
    };
    let issuer = issuer::section(root, folder);
    let aws = root
        .required("aws")
        .and_then(|value| value.table("[aws]"))
        .and_then(|section| {
            rate_limits::sts_rate(&section);
            sections::aws(section)
        });
    let listen = root.table("listen");
    let trusted_proxies = listen.map(|section| listen::trusted_proxies(&section));
    for section in UNREAD {
        root.value(section);
    }
    let partition = aws.as_ref();
    let partition = partition.map_or(Partition::Aws, |aws| aws.settings.partition);
    let context = (folder, Secrets::Skip);
    let providers = read::providers(root, public_url.clone(), partition, context);
    let files = paths.map(|paths| AccessFiles {
        paths,
        partition,
        providers: providers.facts,
        trusted_proxies: trusted_proxies.unwrap_or_default(),
    });
    let complete = || {
        let (public_url, issuer, aws) = (public_url?, issuer?, aws?);
        Some(OfflineSettings {
            issuer_url: issuer.elsewhere(Some(&public_url)),
            issuer_keys: issuer.keys,
            public_url,
            aws: aws.settings,
            gateway_principal: aws.principal,
            providers: providers.settings,
            access: files.clone()?,
        })
    };
    (complete(), files)
}
