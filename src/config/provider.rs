//! `[[provider]]`: the identity providers.

use std::path::Path;

use rolecall_core::identity::{EmailDomain, ProviderId};
use rolecall_core::toml_reader::Reader;
use url::Url;

use super::secret_ref;
use crate::idp::{Algorithm, ClaimNames, MfaRule, OidcSettings};

/// What is asked for when nothing is said: who the person is, their address and their name.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// Reads one `[[provider]]`.
pub fn provider(table: &Reader<'_>, public_url: &Url, folder: &Path) -> Option<OidcSettings> {
    let spot = table.spot();
    let id = table
        .required("id")
        .and_then(|value| value.parse::<ProviderId>())
        .map(|id| id.value);
    let title = table.string("title").map(|title| title.value.to_owned());
    let domains: Vec<EmailDomain> = table
        .list("domains")
        .iter()
        .filter_map(|value| value.parse_with(EmailDomain::parse))
        .map(|domain| domain.value)
        .collect();
    let claims = claims(table.table("claims"));
    let mfa = mfa(table.table("mfa"));
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
        .and_then(|value| value.table("oidc"))?;
    let issuer = oidc
        .required("issuer")
        .and_then(|value| value.string())
        .map(|issuer| issuer.value.to_owned());
    let client_id = oidc
        .required("client_id")
        .and_then(|value| value.string())
        .map(|id| id.value.to_owned());
    let secret = oidc
        .value("client_secret")
        .map(|value| secret_ref::read(&value, folder));
    let hosted_domain = oidc
        .value("hosted_domain")
        .and_then(|value| value.parse_with(EmailDomain::parse))
        .map(|domain| domain.value);
    let texts = |key| -> Vec<String> {
        oidc.strings(key)
            .into_iter()
            .map(|text| text.value.to_owned())
            .collect()
    };
    let scopes = texts("scopes");
    let algorithms: Vec<Algorithm> = oidc
        .list("algorithms")
        .iter()
        .filter_map(|value| {
            value.parse_with(|name| {
                Algorithm::parse(name)
                    .ok_or("one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")
            })
        })
        .map(|algorithm| algorithm.value)
        .collect();
    let (extra_audiences, endpoint_hosts) = (texts("extra_audiences"), texts("endpoint_hosts"));
    oidc.done();
    let (id, issuer, client_id) = (id?, issuer?, client_id?);
    let settings = OidcSettings {
        redirect_uri: public_url.join(&format!("/sign-in/{id}/callback")).ok()?,
        post_logout_redirect_uri: public_url.join("/signed-out").ok(),
        title: title.unwrap_or_else(|| id.to_string()),
        id,
        issuer,
        client_id,
        client_secret: match secret {
            Some(read) => Some(read?),
            None => None,
        },
        scopes: if scopes.is_empty() {
            SCOPES.map(str::to_owned).to_vec()
        } else {
            scopes
        },
        hosted_domain,
        domains,
        claims,
        mfa,
        algorithms: if algorithms.is_empty() {
            OidcSettings::ALGORITHMS.to_vec()
        } else {
            algorithms
        },
        extra_audiences,
        endpoint_hosts,
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
