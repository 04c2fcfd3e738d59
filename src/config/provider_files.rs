//! The files that one `[[provider]]` names: secrets, keys, certificates and metadata. They are read again while the gateway
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

use super::{LoadError, Settings, access, folder, read, read_bounded, secret_ref};
use crate::idp::ProviderSettings;
use crate::idp::saml::{MetadataReader, TrustOptions};

/// The files of one provider, as they were when they were read.
#[derive(Clone, Debug)]
pub struct ProviderFiles {
    /// Whose.
    pub id: ProviderId,
    /// Where they are.
    pub paths: Vec<PathBuf>,
    /// Tells whether something in them has changed.
    pub contents: SecretDigest,
    /// SHA-256 of those that are no secrets, hexadecimal.
    documents: String,
}

/// The providers with their files of one moment.
#[derive(Debug)]
pub struct ProvidersRead {
    /// Every provider.
    pub settings: Vec<ProviderSettings>,
    /// The files of each.
    pub files: Vec<ProviderFiles>,
    /// SHA-256 of the files that are no secrets, hexadecimal: for the audit trail.
    pub digest: String,
}

/// `[[provider]]` of `rolecall.toml` as it was at the start.
#[derive(Clone, Debug)]
pub struct ProviderSource {
    path: PathBuf,
    /// The whole file: a URL in it may hold a password.
    text: SecretText,
    public_url: Url,
    partition: Partition,
}

impl ProviderSource {
    /// The providers of the file at `path`, whose `text` makes these settings.
    pub fn new(path: &Path, text: String, settings: &Settings) -> Self {
        Self {
            path: path.to_owned(),
            text: SecretText::new(text),
            public_url: settings.public_url.clone(),
            partition: settings.aws.partition,
        }
    }

    /// The providers, with the files that they name as those are now.
    ///
    /// # Errors
    /// [`LoadError`], with what is wrong in any of them.
    pub fn read(&self) -> Result<ProvidersRead, LoadError> {
        let document = Document::parse(&self.path, self.text.expose());
        let public_url = Some(self.public_url.clone());
        let folder = folder(&self.path);
        let providers = read::providers(&document.root(), public_url, self.partition, folder);
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

/// Reads files relative to a folder and remembers what it has read.
pub struct FileReader<'a> {
    folder: &'a Path,
    paths: RefCell<Vec<PathBuf>>,
    documents: RefCell<Vec<String>>,
    secrets: RefCell<Vec<SecretText>>,
}

impl<'a> FileReader<'a> {
    /// Reads in this folder; has read nothing yet.
    pub fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            paths: RefCell::default(),
            documents: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// A file that is no secret, such as metadata.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than any configuration.
    pub fn document(&self, file: &str) -> io::Result<String> {
        let path = self.folder.join(file);
        let text = read_bounded(&path)?;
        self.paths.borrow_mut().push(path);
        self.documents.borrow_mut().push(text.clone());
        Ok(text)
    }

    /// A SAML provider's metadata: all of it, or the entity of the options where it is a federation's.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than any metadata.
    pub fn metadata(&self, file: &str, options: &TrustOptions) -> io::Result<String> {
        let path = self.folder.join(file);
        let text = MetadataReader::new(options).read(File::open(&path)?)?;
        self.paths.borrow_mut().push(path);
        self.documents.borrow_mut().push(text.clone());
        Ok(text)
    }

    /// The secret that a value names; reports what is wrong with it.
    pub fn secret(&self, value: &Value<'_>) -> Option<SecretText> {
        let (secret, path) = secret_ref::read_with_path(value, self.folder)?;
        self.paths.borrow_mut().extend(path);
        self.secrets.borrow_mut().push(secret.clone());
        Some(secret)
    }

    /// What was read for the provider `id`.
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
