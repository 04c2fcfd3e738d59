//! The files that a `[[provider]]` names: secrets, keys, certificates and metadata. They are reloaded while the gateway
//! runs; `rolecall.toml` itself is not.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rolecall_core::aws::Partition;
use rolecall_core::base::secret::{SecretDigest, SecretText};
use rolecall_core::config_file::{Document, Value};
use rolecall_core::identity::ProviderId;
use url::Url;

use super::secret_ref::{self, Secrets};
use super::{LoadError, Settings, access, folder, read, read_bounded};
use crate::idp::ProviderSettings;
use crate::idp::saml::{MetadataReader, TrustOptions};

/// The files of one provider, with a digest of their contents.
#[derive(Clone, Debug)]
pub struct ProviderFiles {
    /// ID of the provider.
    pub id: ProviderId,
    /// Paths of the files.
    pub paths: Vec<PathBuf>,
    /// Digest of all contents, to detect changes.
    pub contents: SecretDigest,
    /// SHA-256 of the files that are not secrets, hexadecimal.
    documents: String,
}

/// All providers with the current contents of their files.
#[derive(Debug)]
pub struct ProvidersRead {
    /// The settings of every provider.
    pub settings: Vec<ProviderSettings>,
    /// The files of every provider.
    pub files: Vec<ProviderFiles>,
    /// SHA-256 of the files that are not secrets, hexadecimal, for the audit trail.
    pub digest: String,
}

/// The `[[provider]]` sections of `rolecall.toml` as of the start.
#[derive(Clone, Debug)]
pub struct ProviderSource {
    path: PathBuf,
    /// The whole file, treated as a secret because a URL in it may contain a password.
    text: SecretText,
    public_url: Url,
    partition: Partition,
}

impl ProviderSource {
    /// The source for the file at `path` with this `text`, which was parsed into `settings`.
    pub fn new(path: &Path, text: String, settings: &Settings) -> Self {
        Self {
            path: path.to_owned(),
            text: SecretText::new(text),
            public_url: settings.public_url.clone(),
            partition: settings.aws.partition,
        }
    }

    /// Reads the providers with the current contents of their files.
    ///
    /// # Errors
    /// [`LoadError`], with all errors in these files.
    pub fn read(&self) -> Result<ProvidersRead, LoadError> {
        let document = Document::parse(&self.path, self.text.expose());
        let public_url = Some(self.public_url.clone());
        let folder = folder(&self.path);
        let context = (folder, Secrets::Read);
        let providers = read::providers(&document.root(), public_url, self.partition, context);
        let errors = document.into_findings().errors;
        if errors.is_empty() {
            let files = providers.files;
            Ok(ProvidersRead {
                digest: access::digest(files.iter().map(|one| one.documents.as_bytes())),
                settings: providers.settings,
                files,
            })
        } else {
            Err(LoadError::in_files(errors))
        }
    }
}

/// Reads files relative to a folder and records them.
pub struct FileReader<'a> {
    folder: &'a Path,
    secret_use: Secrets,
    paths: RefCell<Vec<PathBuf>>,
    documents: RefCell<Vec<String>>,
    secrets: RefCell<Vec<SecretText>>,
}

impl<'a> FileReader<'a> {
    /// A reader for files in this folder.
    pub fn new(folder: &'a Path, secret_use: Secrets) -> Self {
        Self {
            folder,
            secret_use,
            paths: RefCell::default(),
            documents: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// Reads a file that is not a secret, such as metadata.
    ///
    /// # Errors
    /// If it cannot be read or is larger than the maximum size of a configuration file.
    pub fn document(&self, file: &str) -> io::Result<String> {
        let path = self.folder.join(file);
        let text = read_bounded(&path)?;
        self.paths.borrow_mut().push(path);
        self.documents.borrow_mut().push(text.clone());
        Ok(text)
    }

    /// Reads the metadata of a SAML provider. From a federation's aggregate, only the entity of the options is
    /// returned.
    ///
    /// # Errors
    /// If it cannot be read or is larger than the maximum size of metadata.
    pub fn metadata(&self, file: &str, options: &TrustOptions) -> io::Result<String> {
        let path = self.folder.join(file);
        let text = MetadataReader::new(options).read(File::open(&path)?)?;
        self.paths.borrow_mut().push(path);
        self.documents.borrow_mut().push(text.clone());
        Ok(text)
    }

    /// Reads the secret that a value refers to; reports errors. `None` also if secrets are not read.
    pub fn secret(&self, value: &Value<'_>) -> Option<SecretText> {
        if self.secret_use == Secrets::Skip {
            secret_ref::check_reference(value, self.folder);
            return None;
        }
        let (secret, path) = secret_ref::read_with_path(value, self.folder)?;
        self.paths.borrow_mut().extend(path);
        self.secrets.borrow_mut().push(secret.clone());
        Some(secret)
    }

    /// The record of all files that were read for the provider `id`.
    pub fn finish(self, id: ProviderId) -> ProviderFiles {
        let (documents, secrets) = (self.documents.into_inner(), self.secrets.into_inner());
        let secrets = secrets.iter().map(|secret| secret.expose().as_bytes());
        let read: Vec<&[u8]> = documents
            .iter()
            .map(String::as_bytes)
            .chain(secrets)
            .collect();
        ProviderFiles {
            id,
            paths: self.paths.into_inner(),
            contents: SecretDigest::of("rolecall/provider-files/v1", &read),
            documents: access::digest(documents.iter().map(String::as_bytes)),
        }
    }
}
