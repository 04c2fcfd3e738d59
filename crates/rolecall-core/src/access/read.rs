//! Parses the files of `access.toml` into a [`Policy`] and reports all errors at once.
//!
//! Entries are read first and names are resolved afterwards, so the order of the files does not matter. If a file is
//! not valid TOML, names are not resolved, because many would be missing; errors of form in other files are still
//! reported.

mod account;
mod caller_trust;
mod federation_token;
mod optional_tags;
mod permission_set;
mod policy_file;
mod provider_oidc;
mod role_permissions;
mod rules;
mod session_policies;
mod session_size;
mod session_tags;
mod shared_domain;
mod template;
mod trust;
mod unsupported_facts;
mod when;
mod who;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use crate::access::assignment::{Assignment, Deny};
use crate::access::claim_names::ClaimNames;
use crate::access::index::Index;
use crate::access::policy::{Contents, Policy};
use crate::access::selector::Selectors;
use crate::aws::Partition;
use crate::base::limits;
use crate::base::secret::SecretText;
use crate::config_file::{ConfigError, ConfigErrors, Document, Located, Reader};
use crate::identity::{EmailDomain, ProviderId};

/// One file of the policy.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Path for messages; files that the policy refers to are relative to it.
    pub path: PathBuf,
    /// Content of the file.
    pub text: String,
}

/// Reads the files that a policy refers to, such as `session_policy = { file = "…" }`.
pub trait Files {
    /// Reads a file as text.
    ///
    /// # Errors
    /// Why the file cannot be read, as text for people.
    fn read(&self, relative_to: &Path, path: &str) -> Result<String, String>;

    /// Reads a file that holds a secret and nothing else. Where files have permissions, one that others can read is refused.
    /// `None` where the policy is only examined, so that no secret is needed.
    ///
    /// # Errors
    /// Why it cannot be used, for people.
    fn read_secret(&self, relative_to: &Path, path: &str) -> Result<Option<SecretText>, String> {
        self.read(relative_to, path)
            .map(|text| Some(SecretText::new(text)))
    }
}

/// The parts of the other configuration that a policy depends on.
pub struct PolicyContext<'a> {
    /// Partition of all accounts.
    pub partition: Partition,
    /// The identity providers that `who` may name.
    pub providers: &'a [ProviderFacts],
    /// Reader for referenced files.
    pub files: &'a dyn Files,
    /// `[listen] trusted_proxies`: networks whose hosts report the addresses of their clients.
    pub trusted_proxies: &'a [IpNet],
}

/// The parts of an identity provider's configuration that a policy depends on.
#[derive(Clone, Debug)]
pub struct ProviderFacts {
    /// The value of `provider = "…"`.
    pub id: ProviderId,
    /// Name of the provider on pages.
    pub title: String,
    /// Mail domains for which the provider is trusted.
    pub domains: Vec<EmailDomain>,
    /// Facts that the provider never reports.
    pub unsupported: UnsupportedFacts,
    /// Its protocol.
    pub protocol: ProviderProtocol,
}

/// The protocol of an identity provider.
#[derive(Clone, Debug, Default)]
pub enum ProviderProtocol {
    /// Its configuration has an error, which has been reported.
    #[default]
    Unknown,
    /// OpenID Connect.
    Oidc(OidcClientFacts),
    /// SAML 2.0.
    Saml,
}

/// The gateway as a client of an OpenID Connect provider.
#[derive(Clone, Debug)]
pub struct OidcClientFacts {
    /// `iss` of the provider's ID tokens.
    pub issuer: String,
    /// `client_id`
    pub client_id: String,
    /// Whether the gateway authenticates at the token endpoint, with a secret or a key.
    pub is_confidential: bool,
    /// Whether its ID tokens may be for other clients as well.
    pub has_extra_audiences: bool,
}

/// Facts that a provider never reports, so that a rule on them matches nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnsupportedFacts {
    /// Set if the provider sends no groups.
    pub groups: bool,
    /// Whether a second factor was used.
    pub second_factor: bool,
    /// When the person authenticated.
    pub sign_in_time: bool,
    /// Names of claims.
    pub claims: &'static [&'static str],
}

impl Policy {
    /// Parses all files of a policy.
    ///
    /// # Errors
    /// Every error in every file.
    pub fn parse(
        sources: &[PolicyFile],
        context: &PolicyContext<'_>,
    ) -> Result<Self, ConfigErrors> {
        let too_long: Vec<ConfigError> = sources.iter().filter_map(too_long).collect();
        ConfigErrors::ensure_none(too_long)?;
        let documents: Vec<Document<'_>> = sources
            .iter()
            .map(|source| Document::parse(&source.path, &source.text))
            .collect();
        let contents = read(&documents, context);
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        for document in documents {
            let findings = document.into_findings();
            errors.extend(findings.errors);
            warnings.extend(findings.warnings);
        }
        ConfigErrors::ensure_none(errors)?;
        Ok(Self(Arc::new(Contents {
            warnings,
            ..contents
        })))
    }
}

fn too_long(source: &PolicyFile) -> Option<ConfigError> {
    (source.text.len() > limits::POLICY_FILE_BYTES_MAX).then(|| ConfigError {
        path: source.path.clone(),
        line: 1,
        column: 1,
        message: format!("longer than {} bytes", limits::POLICY_FILE_BYTES_MAX),
        hint: Some("split it into several files".to_owned()),
    })
}

/// Reads what can be read. The result must only be used if no document has an error.
fn read<'d>(documents: &'d [Document<'d>], context: &PolicyContext<'_>) -> Contents {
    let mut names = Names::default();
    let mut accounts = Vec::new();
    let mut sets = Vec::new();
    let mut assignments = Vec::new();
    let mut denies = Vec::new();
    let mut entries = 0;
    for document in documents {
        let root = document.root();
        for reader in count_entries(root.tables("account"), &mut entries) {
            accounts.extend(account::read(reader, context, &mut names));
        }
        for reader in count_entries(root.tables("permission_set"), &mut entries) {
            sets.extend(permission_set::read(reader, context, &mut names));
        }
        for reader in count_entries(root.tables("assignment"), &mut entries) {
            assignments.push(rules::read_assignment(reader, context, &mut names));
        }
        for reader in count_entries(root.tables("deny"), &mut entries) {
            denies.push(rules::read_deny(reader, context, &mut names));
        }
        root.done();
    }
    accounts.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    sets.sort_by(|a, b| a.name.cmp(&b.name));
    let (mut resolved, mut resolved_denies) = (Vec::new(), Vec::new());
    if documents.iter().all(Document::is_valid_toml) {
        let mut selectors = Selectors::new(&accounts, &sets, &names.mentioned);
        for raw in denies {
            resolved_denies.extend(raw.resolve(&mut selectors));
        }
        for raw in assignments {
            resolved.extend(raw.resolve(
                &mut selectors,
                &resolved_denies,
                (&accounts, &sets),
                context,
            ));
        }
    }
    let account_by_id = (0..).zip(&accounts);
    let account_by_id: HashMap<_, _> = account_by_id.map(|(n, a)| (a.id.clone(), n)).collect();
    let rules = resolved.iter().map(|entry| &entry.who);
    let rules = rules.chain(resolved_denies.iter().map(|entry| &entry.who));
    Contents {
        partition: context.partition,
        claim_names: ClaimNames::new(rules, &sets),
        account_by_id,
        accounts,
        sets,
        assignment_index: Index::new(resolved.iter().map(|entry: &Assignment| &entry.who)),
        assignments: resolved,
        deny_index: Index::new(resolved_denies.iter().map(|entry: &Deny| &entry.who)),
        denies: resolved_denies,
        warnings: Vec::new(),
    }
}

/// Returns the entries up to the limit of all files together.
fn count_entries<'d>(tables: Vec<Reader<'d>>, entries: &mut usize) -> Vec<Reader<'d>> {
    let room = limits::POLICY_ENTRIES_MAX.saturating_sub(*entries);
    *entries += tables.len();
    if let Some(first_too_many) = tables.get(room) {
        first_too_many.spot().error(
            format!("more than {} entries", limits::POLICY_ENTRIES_MAX),
            "name accounts with selectors, and people by their groups",
        );
    }
    tables.into_iter().take(room).collect()
}

/// Names that are in use, with their location, and all names that occur. A reference to an entry with an error is not
/// also reported as unknown.
#[derive(Default)]
pub(in crate::access) struct Names {
    taken: HashMap<(&'static str, String), String>,
    mentioned: HashSet<String>,
    /// Providers whose ID tokens an account trusts.
    trusted: HashSet<ProviderId>,
}

impl Names {
    fn mention(&mut self, name: Option<&str>) {
        self.mentioned.extend(name.map(str::to_owned));
    }

    /// Whether no account before trusts the ID tokens of this provider.
    fn is_first_account_of(&mut self, provider: &ProviderId) -> bool {
        self.trusted.insert(provider.clone())
    }

    /// Registers a name of a kind; reports a duplicate.
    fn take(&mut self, kind: &'static str, name: Located<'_, &str>) {
        let spot = name.spot;
        let here = format!("{}:{}", spot.path().display(), spot.line());
        if let Some(first) = self.taken.get(&(kind, name.value.to_owned())) {
            spot.error(
                format!("duplicate {kind} {:?}", name.value),
                format!("it is already defined at {first}: rename or remove one of them"),
            );
        } else {
            self.taken.insert((kind, name.value.to_owned()), here);
        }
    }
}

/// A text for people: one line of limited length.
fn line_of_text(reader: &Reader<'_>, key: &'static str) -> Option<String> {
    let value = reader.value(key)?;
    let parsed = value.parse_with(|text| {
        let fits = !text.trim().is_empty()
            && text.chars().count() <= 256
            && !text.chars().any(char::is_control);
        fits.then(|| text.trim().to_owned())
            .ok_or("write one line of at most 256 characters")
    })?;
    Some(parsed.value)
}
