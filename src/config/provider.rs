//! `[[provider]]`: the identity providers.

use std::path::Path;

use rolecall_core::access::ProviderFacts;
use rolecall_core::identity::{EmailDomain, ProviderId};
use rolecall_core::secret::SecretText;
use rolecall_core::toml_reader::{Reader, Value};
use url::Url;

use super::secret_ref;
use crate::idp::{Algorithm, ClaimNames, MfaRule, OidcSettings};

/// What is asked for when nothing is said: who the person is, their address and their name.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// What `[[provider]]` says, over all of them.
#[derive(Default)]
pub struct Providers {
    /// Those that are complete.
    pub settings: Vec<OidcSettings>,
    /// What the access files must know, also of those that are not.
    pub facts: Vec<ProviderFacts>,
}

/// Reads every `[[provider]]`.
pub fn providers(root: &Reader<'_>, public_url: Option<&Url>, folder: &Path) -> Providers {
    let tables = root.tables("provider");
    if tables.is_empty() {
        root.spot().error(
            "no identity provider",
            "add a [[provider]]: nobody could sign in",
        );
    }
    let mut providers = Providers::default();
    for table in tables {
        let spot = table.spot();
        let Some(id) = table
            .required("id")
            .and_then(|value| value.parse::<ProviderId>())
            .map(|id| id.value)
        else {
            // The rest of it is read all the same, for its mistakes.
            read(table, None, public_url, folder);
            continue;
        };
        if providers.facts.iter().any(|known| known.id == id) {
            spot.error(
                format!("two providers are called {id}"),
                "give each an id of its own: it is part of its redirect URI",
            );
        }
        let (facts, settings) = read(table, Some(id), public_url, folder);
        providers.facts.extend(facts);
        providers.settings.extend(settings);
    }
    providers
}

fn read(
    table: Reader<'_>,
    id: Option<ProviderId>,
    public_url: Option<&Url>,
    folder: &Path,
) -> (Option<ProviderFacts>, Option<OidcSettings>) {
    let title = table
        .string("title")
        .map(|title| title.value.to_owned())
        .or_else(|| id.as_ref().map(ToString::to_string));
    let domains: Vec<EmailDomain> = table
        .list("domains")
        .iter()
        .filter_map(|value| value.parse_with(EmailDomain::parse))
        .map(|domain| domain.value)
        .collect();
    let (claims, mfa) = (claims(table.table("claims")), mfa(table.table("mfa")));
    if let Some(saml) = table.value("saml") {
        saml.spot().error(
            "this version of Rolecall signs people in with OIDC only",
            "use `oidc`, or wait for a version that takes SAML",
        );
    }
    if let Some(directory) = table.value("directory") {
        directory.spot().warning(
            "`directory` has no effect in this version",
            "groups come from the ID token or from userinfo",
        );
    }
    let oidc = table
        .required("oidc")
        .and_then(|value| value.table("oidc"))
        .map(|oidc| Oidc::read(oidc, folder));
    let spot = table.spot();
    table.done();
    let complete = || {
        let (id, oidc, public_url) = (id.clone()?, oidc?, public_url?);
        let settings = OidcSettings {
            redirect_uri: public_url.join(&format!("/sign-in/{id}/callback")).ok()?,
            post_logout_redirect_uri: public_url.join("/signed-out").ok(),
            title: title.clone()?,
            id,
            issuer: oidc.issuer?,
            client_id: oidc.client_id?,
            client_secret: oidc.secret,
            scopes: oidc.scopes,
            hosted_domain: oidc.hosted_domain,
            domains: domains.clone(),
            claims,
            mfa,
            algorithms: oidc.algorithms,
            extra_audiences: oidc.extra_audiences,
            endpoint_hosts: oidc.endpoint_hosts,
        };
        for finding in settings.findings() {
            let message = format!("{}: {}", finding.key, finding.message);
            if finding.fatal {
                spot.error(message, finding.hint)
            } else {
                spot.warning(message, finding.hint)
            }
        }
        Some(settings)
    };
    let settings = complete();
    let facts = id.zip(title).map(|(id, title)| ProviderFacts {
        id,
        title,
        domains: settings
            .as_ref()
            .map_or(domains, OidcSettings::believed_domains),
    });
    (facts, settings)
}

/// `oidc = { … }`, as far as it could be read. Whatever is missing here has been reported.
struct Oidc {
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
    fn read(table: Reader<'_>, folder: &Path) -> Self {
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
                .and_then(|value| secret_ref::read(&value, folder)),
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
}

fn claims(table: Option<Reader<'_>>) -> ClaimNames {
    let mut names = ClaimNames::default();
    let Some(table) = table else { return names };
    for (key, name) in [
        ("email", &mut names.email),
        ("name", &mut names.name),
        ("groups", &mut names.groups),
    ] {
        if let Some(text) = table.string(key) {
            *name = text.value.to_owned();
        }
    }
    table.done();
    names
}

fn mfa(table: Option<Reader<'_>>) -> MfaRule {
    let Some(table) = table else {
        return MfaRule::default();
    };
    let texts = |key| -> Vec<String> {
        table
            .strings(key)
            .into_iter()
            .map(|text| text.value.to_owned())
            .collect()
    };
    let rule = MfaRule {
        amr: texts("amr"),
        acr: texts("acr"),
    };
    table.done();
    rule
}
