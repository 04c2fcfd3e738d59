//! `config/rolecall.toml` and `docs/configuration.md` are complete: the file is valid as it is and with all optional
//! keys, and both contain every key that `src/config` reads.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context as _;
use chrono::DateTime;
use rolecall_core::base::secret::SecretText;
use rolecalld::config::{self, Loaded};
use rolecalld::idp::ProviderSettings;
use rolecalld::idp::saml::OwnKey;
use rolecalld::world::SystemEntropy;
use tempfile::TempDir;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn reference() -> anyhow::Result<String> {
    Ok(fs::read_to_string(
        repository().join("config/rolecall.toml"),
    )?)
}

/// A key and certificate for SAML, in PEM; created once, because this is slow.
fn key() -> anyhow::Result<&'static str> {
    static KEY: OnceLock<String> = OnceLock::new();
    if KEY.get().is_none() {
        let pem = OwnKey::generate("sso.example.com", DateTime::UNIX_EPOCH, &SystemEntropy)?;
        drop(KEY.set(pem.expose().to_owned()));
    }
    KEY.get()
        .map(String::as_str)
        .context("the key was just created")
}

/// The metadata of a SAML provider.
fn provider_metadata() -> anyhow::Result<String> {
    let key = OwnKey::from_pem(&SecretText::new(key()?))?;
    Ok(format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"https://adfs.example.com\">\
         <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><KeyDescriptor>\
         <KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{}</X509Certificate></X509Data></KeyInfo>\
         </KeyDescriptor><SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
         Location=\"https://adfs.example.com/adfs/ls/\"/></IDPSSODescriptor></EntityDescriptor>",
        key.certificate()
    ))
}

/// A folder with `text` as `rolecall.toml`, the shipped access files, and the files that `text` names. Secrets are left out
/// unless `with_secrets`.
fn folder(text: &str, with_secrets: bool) -> anyhow::Result<TempDir> {
    let folder = TempDir::new()?;
    for entry in fs::read_dir(repository().join("config"))? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    for secret in text
        .split("file = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        let path = folder.path().join(secret);
        // Metadata, and the certificate that verifies it.
        if !with_secrets && !secret.ends_with(".xml") && !secret.contains("federation") {
            continue;
        }
        let held = match secret.rsplit_once('.') {
            Some((_, "xml")) => provider_metadata()?,
            Some((_, "pem")) => key()?.to_owned(),
            // 32 bytes in base64 are valid both as a sealing key and as a client secret.
            Some(_) | None => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n".to_owned(),
        };
        fs::write(&path, held)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    fs::write(folder.path().join("corp-ca.pem"), key()?)?;
    fs::write(folder.path().join("rolecall.toml"), text)?;
    Ok(folder)
}

/// Loads `text` together with the shipped access files and all its secrets.
fn load(text: &str) -> anyhow::Result<Loaded> {
    let folder = folder(text, true)?;
    Ok(config::load(&folder.path().join("rolecall.toml"))?)
}

/// The reference with all optional keys enabled, and with the kinds of store and database that support all passwords.
pub fn with_every_key() -> anyhow::Result<String> {
    let switched_on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
            rest.to_owned()
        }
        Some(_) | None => line.to_owned(),
    };
    Ok(reference()?
        .lines()
        .map(switched_on)
        .collect::<Vec<_>>()
        .join("\n")
        .replace(
            "redis://127.0.0.1:6379/0",
            "redis-sentinel://127.0.0.1:26379/mymaster/0",
        )
        .replace(
            "sqlite:rolecall.db",
            "postgres://rolecall@127.0.0.1/rolecall",
        ))
}

#[test]
fn reference_is_valid() -> anyhow::Result<()> {
    let loaded = load(&reference()?)?;
    assert_eq!(loaded.settings.providers.len(), 2);
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(
        matches!(&warnings[..], [only] if only.contains("plain HTTP on 0.0.0.0:8443")),
        "{warnings:?}"
    );
    Ok(())
}

#[test]
fn reference_with_all_optional_keys_is_valid() -> anyhow::Result<()> {
    let loaded = load(&with_every_key()?)?;
    assert_eq!(loaded.settings.providers.len(), 6);
    assert!(loaded.settings.listen.tls.is_some());
    Ok(())
}

#[test]
fn reference_can_be_examined_without_secrets() -> anyhow::Result<()> {
    let text = with_every_key()?;
    let folder = folder(&text, false)?;
    let path = folder.path().join("rolecall.toml");
    assert!(config::load(&path).is_err(), "there are no secrets");
    let offline = config::load_offline(&path, &[])?;
    let complete = load(&text)?.settings;
    assert_eq!(offline.settings.public_url, complete.public_url);
    assert_eq!(offline.settings.providers.len(), complete.providers.len());
    let domains = offline.settings.access.email_domains();
    assert_eq!(domains, complete.access.email_domains());
    Ok(())
}

#[test]
fn documented_defaults_are_correct() -> anyhow::Result<()> {
    let loaded = load(&reference()?)?.settings;
    let text = reference()?;
    let ProviderSettings::Oidc(okta) = &loaded.providers[1] else {
        anyhow::bail!("the second provider uses OpenID Connect");
    };
    for (line, default) in [
        ("#address = ", loaded.listen.address.to_string()),
        ("#management = ", loaded.listen.management.to_string()),
        ("#prefix = ", loaded.store.prefix),
        ("#partition = ", loaded.aws.partition.to_string()),
        ("#email = ", okta.claims.email.to_string()),
        ("#name = ", okta.claims.name.to_string()),
        ("#groups = ", okta.claims.groups.to_string()),
    ] {
        assert!(
            text.contains(&format!("{line}\"{default}\"")),
            "{line} should show {default}"
        );
    }
    Ok(())
}

/// Keys of later versions, which the reader knows for a warning.
const LATER: [&str; 3] = ["directory", "administrator", "workload"];

/// All strings in `src/config` that are the first argument of a call and look like a key.
fn known_keys() -> anyhow::Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for entry in fs::read_dir(repository().join("src/config"))? {
        let text = fs::read_to_string(entry?.path())?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in code.split("(\"").skip(1) {
            let Some((word, rest)) = call.split_once('"') else {
                continue;
            };
            let is_key = !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                && rest.starts_with([')', ',']);
            if is_key && !LATER.contains(&word) {
                keys.insert(word.to_owned());
            }
        }
    }
    Ok(keys)
}

/// Whether the text contains the word on its own.
fn names(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

#[test]
fn every_key_is_documented() -> anyhow::Result<()> {
    let keys = known_keys()?;
    assert!(
        keys.contains("public_url")
            && keys.contains("sts_fallback_regions")
            && keys.contains("endpoint_hosts"),
        "too few keys found: {keys:?}"
    );
    let manual = fs::read_to_string(repository().join("docs/configuration.md"))
        .context("docs/configuration.md")?;
    // Without prose, the rest of the reference is TOML.
    let reference: String = with_every_key()?
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n");
    for key in keys {
        assert!(
            // `{ env = … }` cannot be enabled, because the variable would have to be set.
            key == "env" || names(&reference, &key),
            "{key} is missing in config/rolecall.toml"
        );
        assert!(
            manual
                .split('`')
                .skip(1)
                .step_by(2)
                .any(|code| names(code, &key)),
            "{key} is missing in docs/configuration.md"
        );
    }
    Ok(())
}

/// `docker-compose.yml`, and the configuration in its header as TOML.
fn compose() -> anyhow::Result<(String, String)> {
    let text = fs::read_to_string(repository().join("docker-compose.yml"))?;
    let (_, head) = text
        .split_once("and the providers:\n")
        .context("the configuration in its head")?;
    let (head, _) = head
        .split_once("# The gateway speaks plain HTTP")
        .context("the end of the configuration")?;
    let lines = head.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let toml = lines.collect::<Vec<_>>().join("\n");
    Ok((text, toml))
}

#[test]
fn compose_configuration_is_valid() -> anyhow::Result<()> {
    let (_, toml) = compose()?;
    let rest = "\n[aws]\nsts_region = \"eu-west-1\"\n\n[[provider]]\nid = \"okta\"\noidc = { issuer = \"https://example.okta.com\", client_id = \"x\", client_secret = { file = \"/run/secrets/provider-secret\" }, scopes = [\"openid\", \"groups\"] }\n";
    let text = format!(
        "public_url = \"https://sso.example.com\"\naccess = [\"access.toml\"]\n{toml}{rest}"
    );
    let loaded = load(&text.replace("/run/secrets/", ""))?;
    let listen = &loaded.settings.listen;
    assert_eq!(listen.trusted_proxies.len(), 1);
    assert!(
        !listen.management.ip().is_loopback(),
        "Prometheus must reach the management listener"
    );
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings.iter().all(|warning| !warning.contains("password")),
        "{warnings:?}"
    );
    Ok(())
}

#[test]
fn containers_are_restricted_as_documented() -> anyhow::Result<()> {
    let (text, toml) = compose()?;
    let proxy = toml
        .lines()
        .find_map(|line| {
            line.strip_prefix("trusted_proxies = [\"")?
                .split('/')
                .next()
        })
        .context("trusted_proxies")?;
    assert!(text.contains(&format!("gateway: {proxy} }}")), "{proxy}");
    let settings = text.lines().filter(|line| !line.starts_with('#'));
    for line in settings.clone().filter(|line| line.contains("ports:")) {
        let published = line.split('"').skip(1).step_by(2);
        for port in published {
            assert!(
                port.starts_with("127.0.0.1:"),
                "{port} is published on all interfaces"
            );
        }
    }
    for closed in ["--aclfile", "NOSUPERUSER", "internal: true", "core: 0"] {
        assert!(text.contains(closed), "{closed}");
    }
    Ok(())
}

/// Whether an image reference has a version and a digest.
fn is_pinned(image: &str) -> bool {
    let Some((name, digest)) = image.split_once("@sha256:") else {
        return false;
    };
    name.contains(':') && digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())
}

#[test]
fn third_party_images_are_pinned_by_digest() -> anyhow::Result<()> {
    let (compose, _) = compose()?;
    let dockerfile = fs::read_to_string(repository().join("Dockerfile"))?;
    let run = compose
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("image: "))
        .filter(|image| !image.starts_with("rolecall"));
    let mut stages = Vec::new();
    let mut built_on = Vec::new();
    for line in dockerfile.lines() {
        let Some(from) = line.strip_prefix("FROM ") else {
            continue;
        };
        let (image, stage) = from.split_once(" AS ").context("a stage has a name")?;
        if !stages.contains(&image) {
            built_on.push(image);
        }
        stages.push(stage);
    }
    let images: Vec<&str> = run.chain(built_on).collect();
    assert_eq!(images.len(), 4, "{images:?}");
    for image in images {
        assert!(is_pinned(image), "{image} has no digest");
    }
    Ok(())
}
