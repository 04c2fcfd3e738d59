//! `oidc = { … }` of a `[[provider]]`.

use rolecall_core::identity::EmailDomain;
use rolecall_core::secret::SecretText;
use rolecall_core::toml_reader::{Reader, Value};

use super::provider::{Common, Surroundings};
use super::provider_files::FileReader;
use crate::idp::{Algorithm, ClaimNames, Finding, OidcSettings};

/// What is asked for when nothing is said: who the person is, their address and their name.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// `oidc = { … }`, as far as it could be read. Whatever is missing here has been reported.
pub struct Oidc {
    issuer: Option<String>,
    client_id: Option<String>,
    secret: Option<SecretText>,
    scopes: Vec<String>,
    hosted_domain: Option<EmailDomain>,
    algorithms: Vec<Algorithm>,
    extra_audiences: Vec<String>,
    endpoint_hosts: Vec<String>,
}

impl Oidc {
    /// Reads it.
    pub fn read(table: Reader<'_>, files: &FileReader<'_>) -> Self {
        let text = |key| {
            table
                .required(key)
                .and_then(|value| value.string())
                .map(|text| text.value.to_owned())
        };
        let texts = |key| -> Vec<String> {
            let texts = table.strings(key);
            texts.iter().map(|text| text.value.to_owned()).collect()
        };
        let algorithm = |value: &Value<'_>| {
            let parsed = value.parse_with(|name| {
                Algorithm::parse(name)
                    .ok_or("one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")
            });
            parsed.map(|algorithm| algorithm.value)
        };
        let or = |given: Vec<String>, usual: &[&str]| match given.is_empty() {
            true => usual.iter().map(|text| (*text).to_owned()).collect(),
            false => given,
        };
        let algorithms: Vec<Algorithm> = table
            .list("algorithms")
            .iter()
            .filter_map(algorithm)
            .collect();
        let oidc = Self {
            issuer: text("issuer"),
            client_id: text("client_id"),
            secret: table
                .value("client_secret")
                .and_then(|value| files.secret(&value)),
            scopes: or(texts("scopes"), &SCOPES),
            hosted_domain: table
                .value("hosted_domain")
                .and_then(|value| value.parse_with(EmailDomain::parse))
                .map(|domain| domain.value),
            algorithms: match algorithms.is_empty() {
                true => OidcSettings::ALGORITHMS.to_vec(),
                false => algorithms,
            },
            extra_audiences: texts("extra_audiences"),
            endpoint_hosts: texts("endpoint_hosts"),
        };
        table.done();
        oidc
    }

    /// The settings of a provider, and what is odd about them; none when something is missing.
    pub fn complete(
        self,
        common: Common,
        surroundings: &Surroundings<'_>,
    ) -> Option<(OidcSettings, Vec<Finding>)> {
        let (id, public_url) = (common.id?, surroundings.public_url?);
        let mut claims = ClaimNames::default();
        for (name, given) in [
            (&mut claims.email, common.claims.email),
            (&mut claims.name, common.claims.name),
            (&mut claims.groups, common.claims.groups),
        ] {
            *name = given.unwrap_or_else(|| std::mem::take(name));
        }
        let settings = OidcSettings {
            redirect_uri: public_url.join(&format!("/sign-in/{id}/callback")).ok()?,
            post_logout_redirect_uri: public_url.join("/signed-out").ok(),
            title: common.title?,
            id,
            issuer: self.issuer?,
            client_id: self.client_id?,
            client_secret: self.secret,
            scopes: self.scopes,
            hosted_domain: self.hosted_domain,
            domains: common.domains,
            claims,
            mfa: common.mfa.unwrap_or_default(),
            algorithms: self.algorithms,
            extra_audiences: self.extra_audiences,
            endpoint_hosts: self.endpoint_hosts,
        };
        let findings = settings.findings();
        Some((settings, findings))
    }
}
