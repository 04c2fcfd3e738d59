//! Third-party responses of the corpus at `ROLECALL_CORPUS`, each with the information in its manifest.
//!
//! If the manifest contains no certificate, name or time, those of the document are used. This is as permissive as
//! possible, so that rejections have other causes.

use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use flate2::read::DeflateDecoder;
use openssl::x509::X509;
use rolecall_test_requirements::CORPUS;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecalld::idp::saml::{Expected, SamlPolicy, SamlTrust};
use serde_json::Value;

use super::trust;

/// Origin of the certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// The provider, according to the manifest.
    Manifest,
    /// The document itself.
    Embedded,
    /// A foreign certificate, because there is none with an acceptable key.
    Stranger,
}

/// A document.
pub struct Sample {
    /// Path in the corpus.
    pub file: String,
    /// `accept`, `reject`, …
    pub expect: String,
    /// Whether it is signed with SHA-1.
    pub sha1: bool,
    /// The XML document.
    pub xml: Vec<u8>,
    pub issuer: String,
    pub certificates: Vec<X509>,
    pub whose: Whose,
    pub now: DateTime<Utc>,
    recipients: Vec<String>,
    audiences: Vec<String>,
    in_response_to: Option<String>,
}

impl Sample {
    /// Trust in the provider of the document.
    pub fn trust(&self, allow_sha1: bool) -> Result<SamlTrust> {
        let policy = SamlPolicy {
            allow_sha1,
            ..SamlPolicy::default()
        };
        trust(&self.issuer, &self.certificates, policy).context(self.file.clone())
    }

    /// Calls `work` with the expected values.
    pub fn expecting<T>(&self, ask: impl FnOnce(&Expected<'_>) -> T) -> T {
        let recipients: Vec<_> = self.recipients.iter().map(String::as_str).collect();
        let audiences: Vec<_> = self.audiences.iter().map(String::as_str).collect();
        ask(&Expected {
            recipients: &recipients,
            audiences: &audiences,
            in_response_to: self.in_response_to.as_deref(),
            fresh_since: None,
        })
    }
}

/// All documents of the manifest.
pub struct Samples {
    pub samples: Vec<Sample>,
    /// Skipped documents, with the reason.
    pub skipped: Vec<(String, &'static str)>,
}

/// Reads the corpus; `None` without one.
pub fn samples() -> Result<Option<Samples>> {
    let Some(folder) = CORPUS.path() else {
        return Ok(None);
    };
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.jsonl"))?;
    let mut all = Samples {
        samples: Vec::new(),
        skipped: Vec::new(),
    };
    for line in manifest.lines() {
        let row: Value = serde_json::from_str(line)?;
        let file = text(&row["file"]);
        if !file.starts_with("saml/") {
            continue;
        }
        if row["kind"] != "saml-response" {
            all.skipped.push((file, kind(&row)));
        } else if folder.join(&file).exists() {
            let sample = sample(&folder, &row).with_context(|| file)?;
            all.samples.push(sample);
        } else {
            all.skipped.push((file, "is not in this copy"));
        }
    }
    Ok(Some(all))
}

fn kind(row: &Value) -> &'static str {
    match row["kind"].as_str() {
        Some("key") => "is a key or certificate",
        Some("metadata") => "is metadata",
        Some("saml-request") => "is a request, which is not supported",
        Some("saml-logout") => "is a logout message",
        _ => "is not a document",
    }
}

fn sample(folder: &Path, row: &Value) -> Result<Sample> {
    let xml = xml(
        &std::fs::read(folder.join(text(&row["file"])))?,
        &row["encoding"],
    )?;
    let (context, facts) = (&row["context"], &row["facts"]);
    let (whose, certificates) = certificates(folder, context, &xml)?;
    let root = &facts["root_attrs"];
    let named = |known: &Value, own: Vec<String>| match known.as_str() {
        Some(known) => vec![known.to_owned()],
        None => own,
    };
    let own = texts(&facts["recipients"]).into_iter();
    let own = own.chain(texts(&root["Destination"])).collect();
    let audience = if context["audience"].is_string() {
        &context["audience"]
    } else if context["audience_check"].is_string() {
        &Value::Null
    } else {
        &context["sp_entity"]
    };
    let asked = context["in_response_to"].as_str();
    let clock = [&context["clock"], &root["IssueInstant"]];
    let mut clock = clock.into_iter().filter_map(Value::as_str);
    let now = clock.find_map(|at| DateTime::parse_from_rfc3339(at).ok());
    let algorithms = texts(&facts["sig_algs"]).into_iter();
    Ok(Sample {
        file: text(&row["file"]),
        expect: text(&row["expect"]),
        sha1: algorithms
            .chain(texts(&facts["digest_algs"]))
            .any(|name| name.ends_with("sha1")),
        issuer: texts(&facts["issuers"])
            .first()
            .filter(|issuer| !issuer.trim().is_empty())
            .map_or_else(
                || "https://idp.example".to_owned(),
                |own| own.trim().to_owned(),
            ),
        certificates,
        whose,
        now: now.map_or(DateTime::UNIX_EPOCH, |now| now.to_utc()),
        recipients: named(&context["acs"], own),
        audiences: named(audience, texts(&facts["audiences"])),
        in_response_to: asked.or(root["InResponseTo"].as_str()).map(str::to_owned),
        xml,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A string, or an array of strings.
fn texts(value: &Value) -> Vec<String> {
    match value.as_array() {
        Some(values) => values.iter().map(text).collect(),
        None => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn xml(bytes: &[u8], encoding: &Value) -> Result<Vec<u8>> {
    if encoding == "raw" {
        return Ok(bytes.to_vec());
    }
    let letters: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD.decode(letters)?;
    if encoding == "base64" {
        return Ok(bytes);
    }
    let mut inflated = Vec::new();
    DeflateDecoder::new(bytes.as_slice()).read_to_end(&mut inflated)?;
    Ok(inflated)
}

/// Certificates with an acceptable key.
fn certificates(folder: &Path, context: &Value, xml: &[u8]) -> Result<(Whose, Vec<X509>)> {
    let named = context["idp_cert"].as_str().map(|file| folder.join(file));
    let described = context["idp_metadata"]
        .as_str()
        .map(|file| folder.join(file));
    let known = match (named, described.filter(|file| file.exists())) {
        (Some(file), _) => vec![X509::from_pem(&std::fs::read(file)?)?],
        (None, Some(file)) => embedded(&std::fs::read(file)?),
        (None, None) => Vec::new(),
    };
    let strong = |certificates: &[X509]| {
        trust("https://idp.example", certificates, SamlPolicy::default()).is_ok()
    };
    if strong(&known) {
        return Ok((Whose::Manifest, known));
    }
    let own = embedded(xml);
    if strong(&own) {
        return Ok((Whose::Embedded, own));
    }
    static STRANGER: OnceLock<Credential> = OnceLock::new();
    if STRANGER.get().is_none() {
        drop(STRANGER.set(Credential::generate(Algorithm::Rs256)?));
    }
    let stranger = STRANGER.get().context("the credential was just created")?;
    Ok((Whose::Stranger, vec![stranger.certificate().clone()]))
}

/// The certificates in a document of any structure.
fn embedded(xml: &[u8]) -> Vec<X509> {
    String::from_utf8_lossy(xml)
        .split("X509Certificate>")
        .skip(1)
        .step_by(2)
        .filter_map(|text| {
            let text: String = text.split('<').next()?.split_whitespace().collect();
            X509::from_der(&STANDARD.decode(text).ok()?).ok()
        })
        .collect()
}
