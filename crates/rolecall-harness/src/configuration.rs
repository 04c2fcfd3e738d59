//! The configuration files of the gateways of a stack: `rolecall.toml`, access policy, secrets and TLS certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::base::Entropy as _;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecalld::world::SystemEntropy;

use crate::files::write_secret;
use crate::sample_data::{CLIENT_ID, CLIENT_SECRET, PROVIDER_ID};
use crate::seed_aws::gateway_principal;
use crate::settings::TestStackSettings;

/// Addresses of the other parts of the stack.
pub(crate) struct Endpoints<'a> {
    pub(crate) public_url: &'a str,
    pub(crate) issuer: &'a str,
    /// Origin of the AWS emulator.
    pub(crate) aws: &'a str,
    /// Origin of STS.
    pub(crate) sts: &'a str,
    /// `[[provider]]` table of the SAML provider; empty without one.
    pub(crate) saml_provider: &'a str,
}

/// Writes a certificate for `localhost` and its key. Returns the PEM of the authority that signed it.
pub(crate) fn write_tls_certificate(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let authority = CertificateAuthority::generate()?;
    let certificate = authority.issue(&["localhost"])?;
    fs::write(folder.join("tls.crt"), certificate.certificate_pem)?;
    write_secret(&folder.join("tls.key"), &certificate.key_pem)?;
    authority.pem()
}

/// Writes `rolecall.toml` and the files that it references.
pub(crate) fn write(
    folder: &Path,
    settings: &TestStackSettings,
    endpoints: &Endpoints<'_>,
) -> anyhow::Result<()> {
    let mut key = [0_u8; 32];
    SystemEntropy.fill(&mut key);
    write_secret(&folder.join("seal.key"), STANDARD.encode(key).as_bytes())?;
    write_secret(&folder.join("client.secret"), CLIENT_SECRET.as_bytes())?;
    fs::write(folder.join("access.toml"), &settings.access)?;
    fs::write(folder.join("rolecall.toml"), text(settings, endpoints))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

fn text(settings: &TestStackSettings, endpoints: &Endpoints<'_>) -> String {
    let Endpoints {
        public_url,
        issuer,
        aws,
        sts,
        saml_provider,
    } = endpoints;
    let (store, database, more) = (&settings.store, &settings.database, &settings.more);
    let (proxies, listen) = (&settings.trusted_proxies, &settings.listen);
    let tls = match settings.tls {
        true => r#"tls = { certificate = "tls.crt", key = { file = "tls.key" } }"#,
        false => "",
    };
    let issuer_url = settings.issuer_url.as_ref();
    let issuer_url = issuer_url.map_or_else(String::new, |url| format!("url = \"{url}\""));
    let (partition, regions) = (settings.partition.name(), settings.partition.regions());
    let principal = gateway_principal(settings.partition);
    let (region, fallback_regions) = regions.split_first().unwrap_or((&"", &[]));
    format!(
        r#"public_url = "{public_url}"
access = ["access.toml"]

[listen]
address = "127.0.0.1:0"
management = "127.0.0.1:0"
trusted_proxies = {proxies:?}
{listen}
{tls}

[store]
url = "{store}"
sealing_keys = [{{ file = "seal.key" }}]

[database]
url = "{database}"

[issuer]
keys = "keys/"
{issuer_url}

[aws]
partition = "{partition}"
sts_region = "{region}"
sts_fallback_regions = {fallback_regions:?}
endpoints = {{ sts = "{sts}", signin = "{aws}" }}
gateway_principal = "{principal}"

[portal]
contact = "platform@example.com"

[[provider]]
id = "{PROVIDER_ID}"
title = "Example ID"
oidc = {{ issuer = "{issuer}", client_id = "{CLIENT_ID}", client_secret = {{ file = "client.secret" }} }}
mfa = {{ amr = ["mfa", "otp", "hwk"] }}
domains = ["example.com"]

{more}
{saml_provider}"#
    )
}
