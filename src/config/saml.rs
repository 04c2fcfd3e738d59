//! `saml = { … }` of a `[[provider]]`.

use std::sync::Arc;

use chrono::TimeDelta;
use rolecall_core::access::Audience;
use rolecall_core::aws::{Recipient, Region};
use rolecall_core::base::limits;
use rolecall_core::config_file::{Located, Reader, Value};
use url::Url;

use super::provider::{CommonSettings, ProviderContext};
use super::provider_files::FileReader;
use super::secret_ref::Secrets;
use crate::idp::saml::{
    Addresses, AttributeNames, AwsApplication, Binding, DecryptionKeys, MetadataSource, OwnKey,
    SamlPolicy, SamlSettings, SamlTrust, SigningKeys, TrustOptions,
};
use crate::idp::{SettingsFinding, http};
use crate::regions;

/// Default interval for fetching metadata from a URL.
const REFRESH: TimeDelta = TimeDelta::hours(1);
/// Metadata is fetched for key rollovers, not for every sign-in.
const REFRESH_MIN: TimeDelta = TimeDelta::minutes(1);
const REFRESH_MAX: TimeDelta = TimeDelta::days(7);

/// `saml = { … }` as far as it could be read. Missing values have been reported.
pub struct Saml {
    metadata: Option<Metadata>,
    signing_keys: Vec<OwnKey>,
    encryption_keys: Vec<OwnKey>,
    sign_requests: bool,
    request_binding: Option<Binding>,
    name_id_format: Option<String>,
    allow_idp_initiated: bool,
    aws: Option<AwsApplication>,
}

/// `metadata = { … }`
struct Metadata {
    source: MetadataSource,
    options: TrustOptions,
}

impl Saml {
    /// Reads the table.
    pub fn read(
        table: Reader<'_>,
        context: &ProviderContext<'_>,
        files: &FileReader<'_>,
        leeway: Option<TimeDelta>,
    ) -> Self {
        let on = |key| table.boolean(key).unwrap_or(false);
        let signing_keys = own_keys(&table, "signing_keys", files);
        let encryption_keys = own_keys(&table, "encryption_keys", files);
        let pem = encryption_keys.iter().map(|key| key.pem().expose());
        let policy = SamlPolicy {
            allow_sha1: on("allow_sha1"),
            allow_cbc: on("allow_cbc"),
            require_signed_response: on("require_signed_response"),
            require_signed_assertion: on("require_signed_assertion"),
            subject_attribute: table
                .string("subject_attribute")
                .map(|name| name.value.to_owned()),
            // Cannot fail: each one was parsed as a certificate before.
            decryption_keys: DecryptionKeys::from_pem(pem.map(str::as_bytes)).unwrap_or_default(),
            leeway: leeway.unwrap_or(limits::SAML_LEEWAY),
        };
        let sign_requests = table
            .boolean("sign_requests")
            .unwrap_or(!signing_keys.is_empty());
        let metadata = table.required("metadata");
        let metadata = metadata.and_then(|value| metadata_of(&value, files, &policy));
        let saml = Self {
            metadata,
            // Without its keys, the gateway cannot sign.
            sign_requests: sign_requests && context.secrets == Secrets::Read,
            signing_keys,
            encryption_keys,
            request_binding: table
                .value("request_binding")
                .and_then(|value| value.parse_with(parse_binding).map(|binding| binding.value)),
            name_id_format: table
                .value("name_id_format")
                .and_then(|value| value.parse_with(parse_format))
                .map(|format| format.value),
            allow_idp_initiated: on("allow_idp_initiated"),
            aws: table.table("aws").and_then(|aws| application(aws, context)),
        };
        table.done();
        saml
    }

    /// The settings of a provider with findings about them; `None` if a required value is missing.
    pub fn complete(
        self,
        common: CommonSettings,
        context: &ProviderContext<'_>,
    ) -> Option<(SamlSettings, Vec<SettingsFinding>)> {
        let id = common.id?;
        let metadata = self.metadata?;
        let mut attributes = AttributeNames::default();
        for (names, given) in [
            (&mut attributes.email, common.claims.email),
            (&mut attributes.name, common.claims.name),
            (&mut attributes.groups, common.claims.groups),
        ] {
            *names = given.map_or_else(|| std::mem::take(names), |name| vec![name]);
        }
        let settings = SamlSettings {
            addresses: Addresses::of(context.public_url?, &id)?,
            id,
            title: common.title?,
            options: metadata.options,
            metadata: metadata.source,
            signing_keys: self.signing_keys,
            encryption_keys: self.encryption_keys,
            sign_requests: self.sign_requests,
            request_binding: self.request_binding,
            name_id_format: self.name_id_format,
            allow_idp_initiated: self.allow_idp_initiated,
            domains: common.domains,
            attributes,
            step_up: common.step_up,
            mfa: common.mfa.unwrap_or_else(SamlSettings::default_mfa),
            aws: self.aws,
        };
        let findings = settings.findings();
        Some((settings, findings))
    }
}

/// Reads `{ file = "…" }` or `{ url = "https://…", refresh = "1h" }`, both with optional `entity_id` and `certificate`.
/// A file is read and parsed once, here.
fn metadata_of(value: &Value<'_>, files: &FileReader<'_>, policy: &SamlPolicy) -> Option<Metadata> {
    let table = value.table("metadata")?;
    let (file, url) = (table.string("file"), table.value("url"));
    let refresh = table.duration("refresh");
    let entity_id = table
        .string("entity_id")
        .map(|entity_id| entity_id.value.to_owned());
    let certificate = table
        .value("certificate")
        .map(|value| certificate(&value, files));
    let keys = match certificate {
        None => None,
        // An invalid certificate is an error; ignoring it would skip the verification of the metadata.
        Some(read) => Some(read?),
    };
    let options = TrustOptions {
        entity_id,
        metadata_keys: keys,
        policy: policy.clone(),
    };
    let spot = table.spot();
    table.done();
    if let Some(refresh) = &refresh
        && !(REFRESH_MIN..=REFRESH_MAX).contains(&refresh.value)
    {
        refresh.spot.error(
            "refresh must be between 1m and 7d",
            "write refresh = \"1h\", or remove it",
        );
    }
    let source = match (file, url) {
        (Some(file), None) => match files.metadata(file.value, &options) {
            Ok(text) => trusted(value, &text, &options),
            Err(error) => {
                file.spot.error(
                    format!("cannot read the metadata file {}: {error}", file.value),
                    "save the metadata of the identity provider to this file; the path is relative to the folder of rolecall.toml",
                );
                None
            }
        },
        (None, Some(url)) => url
            .parse_with(parse_address)
            .map(|url| MetadataSource::Url {
                url: url.value,
                refresh: refresh.map_or(REFRESH, |refresh| refresh.value),
            }),
        (Some(_), Some(_)) | (None, None) => {
            spot.error(
                "metadata requires either a file or a URL",
                "write { file = \"idp.xml\" } or { url = \"https://…\" }",
            );
            None
        }
    };
    Some(Metadata {
        source: source?,
        options,
    })
}

fn trusted(value: &Value<'_>, text: &str, options: &TrustOptions) -> Option<MetadataSource> {
    match SamlTrust::parse(text, options) {
        Ok(trust) => Some(MetadataSource::File(Arc::new(trust))),
        Err(error) => {
            value.spot().error(
                error.to_string(),
                "export the metadata of the identity provider again, and save it complete and unmodified",
            );
            None
        }
    }
}

/// Reads `certificate = { file = "…" }`: the certificate whose key must have signed the metadata.
fn certificate(value: &Value<'_>, files: &FileReader<'_>) -> Option<SigningKeys> {
    let table = value.table("a certificate")?;
    let file = table.required("file").and_then(|file| file.string());
    table.done();
    let file = file?;
    let read = files
        .document(file.value)
        .map_err(|error| error.to_string())
        .and_then(|pem| SigningKeys::from_pem(&pem).map_err(|error| error.to_string()));
    match read {
        Ok(keys) => Some(keys),
        Err(error) => {
            file.spot.error(
                format!("invalid certificate {}: {error}", file.value),
                "use the certificate, in PEM, of the key that signs the metadata",
            );
            None
        }
    }
}

/// Reads a list of key files of the gateway.
fn own_keys(table: &Reader<'_>, key: &'static str, files: &FileReader<'_>) -> Vec<OwnKey> {
    let mut keys = Vec::new();
    for value in table.list(key) {
        let Some(pem) = files.secret(&value) else {
            continue;
        };
        match OwnKey::from_pem(&pem) {
            Ok(key) => keys.push(key),
            Err(error) => value.spot().error(
                format!("invalid key in `{key}`: {error}"),
                "create one with `rolecalld keys certificate FILE`: an RSA key and its certificate, both in PEM",
            ),
        }
    }
    keys
}

/// Reads `aws = { start = "https://…", audience = "…" }`.
fn application(table: Reader<'_>, context: &ProviderContext<'_>) -> Option<AwsApplication> {
    let start = table
        .required("start")
        .and_then(|value| value.parse_with(parse_address));
    let audience: Option<Located<'_, Audience>> = table.parse("audience");
    table.done();
    let partition = context.partition;
    let audience = audience.map_or_else(
        || partition.saml_audience().to_owned(),
        |audience| audience.value.to_string(),
    );
    let regions = regions::of(partition)
        .iter()
        .filter_map(|(code, _)| Region::parse(code).ok())
        .filter_map(|region| Recipient::of(partition, &region));
    let global = format!("https://{}/saml", partition.sign_in_domain());
    let mut recipients: Vec<String> = regions.map(|recipient| recipient.to_string()).collect();
    if !recipients.contains(&global) {
        recipients.push(global.clone());
    }
    Some(AwsApplication {
        start: start?.value,
        // AWS accepts either audience.
        audiences: vec![audience, global],
        recipients,
    })
}

fn parse_address(text: &str) -> Result<Url, &'static str> {
    Url::parse(text)
        .ok()
        .filter(|url| http::callable(url) && url.fragment().is_none())
        .ok_or("write an https URL; http is allowed only on loopback")
}

fn parse_binding(text: &str) -> Result<Binding, &'static str> {
    match text {
        "redirect" => Ok(Binding::Redirect),
        "post" => Ok(Binding::Post),
        _ => Err("write \"redirect\" or \"post\", or remove it"),
    }
}

/// Parses a NameID format: a short name, or a URN (SAML Core 8.3).
fn parse_format(text: &str) -> Result<String, &'static str> {
    let full = match text {
        "persistent" => "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "transient" => "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
        "email" => "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "unspecified" => "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        text if text.contains(':') => text,
        _ => return Err("write persistent, transient, email, unspecified, or a full URN"),
    };
    Ok(full.to_owned())
}
