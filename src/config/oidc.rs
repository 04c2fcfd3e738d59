//! `oidc = { … }` of a `[[provider]]`.

use rolecall_core::base::limits;
use rolecall_core::base::secret::SecretText;
use rolecall_core::config_file::{Reader, Value};
use rolecall_core::identity::{ClaimPath, EmailDomain};

use super::provider::{CommonSettings, ProviderContext};
use super::provider_files::FileReader;
use crate::idp::{
    Algorithm, AssertionAudience, ClaimNames, ClientAuthentication, ClientKey, OidcSettings,
    SettingsFinding, UserinfoUse,
};

/// The default scopes.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// `oidc = { … }` as far as it could be read. Missing values have been reported.
pub struct Oidc {
    issuer: Option<String>,
    client_id: Option<String>,
    client: Client,
    userinfo: UserinfoUse,
    scopes: Vec<String>,
    hosted_domain: Option<EmailDomain>,
    algorithms: Vec<Algorithm>,
    extra_audiences: Vec<String>,
    endpoint_hosts: Vec<String>,
}

impl Oidc {
    /// Reads the table.
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
            client: Client::read(&table, files),
            userinfo: keyword(
                &table,
                "userinfo",
                UserinfoUse::parse,
                "\"when_needed\" or \"never\"",
            )
            .unwrap_or_default(),
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

    /// Whether the gateway authenticates at the token endpoint, with a secret or a key.
    pub fn is_confidential(&self) -> bool {
        self.client.is_confidential
    }

    /// The settings of a provider with findings about them; `None` if a required value is missing.
    pub fn complete(
        self,
        common: CommonSettings,
        context: &ProviderContext<'_>,
    ) -> Option<(OidcSettings, Vec<SettingsFinding>)> {
        let (id, public_url) = (common.id?, context.public_url?);
        let mut claims = ClaimNames::default();
        for (path, given) in [
            (&mut claims.email, common.claims.email),
            (&mut claims.name, common.claims.name),
            (&mut claims.groups, common.claims.groups),
        ] {
            if let Some(given) = given {
                *path = ClaimPath::parse(&given);
            }
        }
        let settings = OidcSettings {
            redirect_uri: public_url.join(&format!("/sign-in/{id}/callback")).ok()?,
            post_logout_redirect_uri: public_url.join("/signed-out").ok(),
            title: common.title?,
            id,
            issuer: self.issuer?,
            client_id: self.client_id?,
            client_secret: self.client.secret,
            client_authentication: self.client.authentication,
            client_key: self.client.key,
            client_assertion_audience: self.client.assertion_audience,
            userinfo: self.userinfo,
            scopes: self.scopes,
            hosted_domain: self.hosted_domain,
            domains: common.domains,
            claims,
            mfa: common.mfa.unwrap_or_default(),
            step_up: common.step_up,
            auth_time: common.auth_time.unwrap_or_default(),
            leeway: common.leeway.unwrap_or(limits::LEEWAY),
            algorithms: self.algorithms,
            extra_audiences: self.extra_audiences,
            endpoint_hosts: self.endpoint_hosts,
        };
        let findings = settings.findings();
        Some((settings, findings))
    }
}

/// Client authentication at the token endpoint.
struct Client {
    secret: Option<SecretText>,
    authentication: Option<ClientAuthentication>,
    key: Option<ClientKey>,
    assertion_audience: AssertionAudience,
    /// Whether a secret or a key is configured, also if it was not read.
    is_confidential: bool,
}

impl Client {
    fn read(table: &Reader<'_>, files: &FileReader<'_>) -> Self {
        let secret = |key: &'static str| {
            let value = table.value(key)?;
            Some((value.spot(), files.secret(&value)?))
        };
        let key_id = table.string("client_key_id");
        let key = secret("client_key").and_then(|(spot, pem)| {
            let id = key_id.as_ref().map(|id| id.value.to_owned());
            let parsed = ClientKey::parse(&pem, id);
            parsed
                .map_err(|error| {
                    spot.error(
                        format!("invalid `client_key`: {error}"),
                        "create one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, and register its public key with the provider",
                    )
                })
                .ok()
        });
        let authentication = keyword(
            table,
            "client_authentication",
            ClientAuthentication::parse,
            "\"client_secret_basic\", \"client_secret_post\" or \"private_key_jwt\"",
        );
        check_credentials(table, authentication);
        Self {
            is_confidential: table.has("client_secret") || table.has("client_key"),
            secret: secret("client_secret").map(|(_, secret)| secret),
            authentication,
            key,
            assertion_audience: keyword(
                table,
                "client_assertion_audience",
                AssertionAudience::parse,
                "\"token_endpoint\" or \"issuer\"",
            )
            .unwrap_or_default(),
        }
    }
}

/// Reports an authentication method without its credential, and credentials that the method does not use.
fn check_credentials(table: &Reader<'_>, authentication: Option<ClientAuthentication>) {
    let (secret, key) = (table.has("client_secret"), table.has("client_key"));
    let by_key = authentication == Some(ClientAuthentication::PrivateKeyJwt);
    let spot = table.spot();
    match authentication {
        None if secret && key => spot.error(
            "both `client_secret` and `client_key` are set",
            "choose one: client_authentication = \"client_secret_basic\", \"client_secret_post\" or \"private_key_jwt\"",
        ),
        Some(method) if by_key && !key => spot.error(
            format!("{} requires `client_key`", method.name()),
            "add client_key = { file = \"…\" }, a private key in PEM",
        ),
        Some(method) if !by_key && !secret => spot.error(
            format!("{} requires `client_secret`", method.name()),
            "add client_secret = { file = \"…\" } or { env = \"NAME\" }",
        ),
        Some(method) if secret && key => spot.warning(
            format!(
                "`{}` has no effect with {}",
                if by_key { "client_secret" } else { "client_key" },
                method.name()
            ),
            "remove it",
        ),
        Some(_) | None => {}
    }
}

/// Reads a string with a fixed set of values.
fn keyword<T>(
    table: &Reader<'_>,
    key: &'static str,
    parse: fn(&str) -> Option<T>,
    words: &'static str,
) -> Option<T> {
    let value = table.value(key)?;
    let parsed = value.parse_with(|name| parse(name).ok_or(words));
    parsed.map(|keyword| keyword.value)
}
