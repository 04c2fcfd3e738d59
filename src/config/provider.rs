//! `[[provider]]`: identity providers.

use std::path::Path;

use chrono::TimeDelta;
use rolecall_core::access::{OidcClientFacts, ProviderFacts, ProviderProtocol, UnsupportedFacts};
use rolecall_core::aws::Partition;
use rolecall_core::base::limits;
use rolecall_core::config_file::{Reader, Spot};
use rolecall_core::identity::{EmailDomain, ProviderId};
use url::Url;

use super::oidc::Oidc;
use super::provider_files::{FileReader, ProviderFiles};
use super::saml::Saml;
use super::secret_ref::Secrets;
use crate::idp::{AuthTimeRule, MfaRule, ProviderSettings, SettingsFinding, StepUpRule};

/// The parts of the configuration that a provider depends on.
pub struct ProviderContext<'a> {
    /// `public_url`, if it is valid.
    pub public_url: Option<&'a Url>,
    /// The folder to which paths are relative.
    pub folder: &'a Path,
    /// The AWS partition of all accounts.
    pub partition: Partition,
    /// Whether secrets of providers are read.
    pub secrets: Secrets,
}

/// Keys common to all kinds of providers.
pub struct CommonSettings {
    /// `id`, part of the redirect URI. `None` after an error, which is reported.
    pub id: Option<ProviderId>,
    /// `title`: name on pages. `None` after an error, which is reported.
    pub title: Option<String>,
    /// `domains`: e-mail domains for which the provider is trusted.
    pub domains: Vec<EmailDomain>,
    /// `claims`: names of claims or attributes that replace the default ones.
    pub claims: ClaimNameOverrides,
    /// `mfa`: how the provider reports a second factor.
    pub mfa: Option<MfaRule>,
    /// `step_up`: what is requested where a role requires a second factor; `mfa.acr` by default.
    pub step_up: StepUpRule,
    /// `auth_time`: what a missing time of authentication means.
    pub auth_time: Option<AuthTimeRule>,
    /// `leeway`: tolerated clock difference.
    pub leeway: Option<TimeDelta>,
}

/// `claims = { … }`; keys that are not set are `None`.
#[derive(Default)]
pub struct ClaimNameOverrides {
    /// `email`: name of the claim with the e-mail address.
    pub email: Option<String>,
    /// `name`: name of the claim with the display name.
    pub name: Option<String>,
    /// `groups`: name of the claim with the groups.
    pub groups: Option<String>,
}

/// All `[[provider]]` sections.
#[derive(Default)]
pub struct Providers {
    /// Settings of the providers that are valid.
    pub settings: Vec<ProviderSettings>,
    /// What the access files need to know, also about providers with errors.
    pub facts: Vec<ProviderFacts>,
    /// The files that each provider names.
    pub files: Vec<ProviderFiles>,
}

/// Reads all `[[provider]]` sections.
pub fn providers(root: &Reader<'_>, context: &ProviderContext<'_>) -> Providers {
    let tables = root.tables("provider");
    if tables.is_empty() {
        root.spot().error(
            "no identity provider",
            "add a [[provider]]; without one, no user can sign in",
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
            // Read the other keys as well, to report their errors.
            let files = FileReader::new(context.folder, context.secrets);
            read(table, None, context, &files);
            continue;
        };
        if providers.facts.iter().any(|known| known.id == id) {
            spot.error(
                format!("duplicate provider id {id}"),
                "use a unique id for each provider; it is part of the provider's URLs",
            );
        }
        let files = FileReader::new(context.folder, context.secrets);
        let (facts, settings) = read(table, Some(id.clone()), context, &files);
        providers.files.push(files.finish(id));
        providers.facts.extend(facts);
        providers.settings.extend(settings);
    }
    providers
}

fn read(
    table: Reader<'_>,
    id: Option<ProviderId>,
    context: &ProviderContext<'_>,
    files: &FileReader<'_>,
) -> (Option<ProviderFacts>, Option<ProviderSettings>) {
    let mfa = table.table("mfa").map(mfa);
    let common = CommonSettings {
        title: table
            .string("title")
            .map(|title| title.value.to_owned())
            .or_else(|| id.as_ref().map(ToString::to_string)),
        domains: table
            .list("domains")
            .iter()
            .filter_map(|value| value.parse_with(EmailDomain::parse))
            .map(|domain| domain.value)
            .collect(),
        claims: claims(table.table("claims")),
        step_up: step_up(table.table("step_up"), mfa.as_ref()),
        mfa,
        auth_time: auth_time(&table),
        leeway: leeway(&table),
        id,
    };
    let facts = common
        .id
        .clone()
        .zip(common.title.clone())
        .map(|(id, title)| ProviderFacts {
            id,
            title,
            domains: common.domains.clone(),
            unsupported: UnsupportedFacts::default(),
            protocol: ProviderProtocol::Unknown,
        });
    if let Some(directory) = table.value("directory") {
        directory.spot().warning(
            "`directory` has no effect in this version",
            "groups are read from the ID token, the userinfo response or the SAML response",
        );
    }
    let oidc = table
        .value("oidc")
        .and_then(|value| value.table("oidc"))
        .map(|oidc| Oidc::read(oidc, files));
    let saml = table
        .value("saml")
        .and_then(|value| value.table("saml"))
        .map(|saml| Saml::read(saml, context, files, common.leeway));
    if table.has("oidc") == table.has("saml") {
        table.spot().error(
            "a provider requires exactly one protocol",
            "set either `oidc` or `saml`",
        );
    }
    let spot = table.spot();
    table.done();
    let is_confidential = oidc.as_ref().is_some_and(Oidc::is_confidential);
    let settings = match (oidc, saml) {
        (Some(oidc), None) => oidc
            .complete(common, context)
            .map(|(settings, findings)| (ProviderSettings::Oidc(Box::new(settings)), findings)),
        (None, Some(saml)) => saml
            .complete(common, context)
            .map(|(settings, findings)| (ProviderSettings::Saml(Box::new(settings)), findings)),
        (Some(_), Some(_)) | (None, None) => None,
    };
    let Some((settings, findings)) = settings else {
        return (facts, None);
    };
    report(findings, spot);
    let (domains, unsupported, protocol) = match &settings {
        ProviderSettings::Oidc(settings) => (
            settings.believed_domains(),
            settings.unsupported(),
            ProviderProtocol::Oidc(OidcClientFacts {
                issuer: settings.issuer.clone(),
                client_id: settings.client_id.clone(),
                is_confidential,
                has_extra_audiences: !settings.extra_audiences.is_empty(),
            }),
        ),
        ProviderSettings::Saml(settings) => (
            settings.domains.clone(),
            UnsupportedFacts::default(),
            ProviderProtocol::Saml,
        ),
    };
    let facts = facts.map(|facts| ProviderFacts {
        domains,
        unsupported,
        protocol,
        ..facts
    });
    (facts, Some(settings))
}

fn report(findings: Vec<SettingsFinding>, spot: Spot<'_>) {
    for finding in findings {
        let message = format!("{}: {}", finding.key, finding.message);
        if finding.fatal {
            spot.error(message, finding.hint)
        } else {
            spot.warning(message, finding.hint)
        }
    }
}

fn claims(table: Option<Reader<'_>>) -> ClaimNameOverrides {
    let Some(table) = table else {
        return ClaimNameOverrides::default();
    };
    let text = |key| table.string(key).map(|text| text.value.to_owned());
    let claims = ClaimNameOverrides {
        email: text("email"),
        name: text("name"),
        groups: text("groups"),
    };
    table.done();
    claims
}

/// Reads `auth_time`, which applies to OpenID Connect only: every SAML assertion has an `AuthnInstant`.
fn auth_time(table: &Reader<'_>) -> Option<AuthTimeRule> {
    let value = table.value("auth_time")?;
    if table.has("saml") {
        value.spot().error(
            "`auth_time` applies to OpenID Connect only",
            "remove `auth_time`: a SAML response always contains AuthnInstant",
        );
    }
    let rule =
        value.parse_with(|text| AuthTimeRule::parse(text).ok_or("\"required\" or \"assume_now\""));
    rule.map(|rule| rule.value)
}

/// Reads `leeway`, the tolerated clock difference, at most five minutes.
fn leeway(table: &Reader<'_>) -> Option<TimeDelta> {
    let leeway = table.duration("leeway")?;
    if leeway.value > limits::LEEWAY_MAX {
        leeway.spot.error(
            "`leeway` is longer than 5m",
            "synchronize the clocks of this host and of the provider (NTP), and write 5m or less",
        );
        return None;
    }
    Some(leeway.value)
}

fn mfa(table: Reader<'_>) -> MfaRule {
    let texts = |key| -> Vec<String> {
        let texts = table.strings(key);
        texts.iter().map(|text| text.value.to_owned()).collect()
    };
    let rule = MfaRule {
        amr: texts("amr"),
        acr: texts("acr"),
    };
    table.done();
    rule
}

/// Reads `step_up`. The contexts to request are `mfa.acr` if they are not set: a provider rejects those that it does not
/// know.
fn step_up(table: Option<Reader<'_>>, mfa: Option<&MfaRule>) -> StepUpRule {
    let acr = mfa.map(|mfa| mfa.acr.clone()).unwrap_or_default();
    let Some(table) = table else {
        return StepUpRule::new(acr, None);
    };
    let acr = match table.has("acr") {
        true => table
            .list("acr")
            .iter()
            .filter_map(|value| value.parse_with(context))
            .map(|context| context.value)
            .collect(),
        false => acr,
    };
    let reauthenticate = table.boolean("reauthenticate");
    if acr.is_empty() && reauthenticate == Some(false) {
        table.spot().error(
            "`step_up` requests nothing",
            "list in `acr` what the provider accepts as acr_values or as RequestedAuthnContext, or remove \
             `reauthenticate = false`",
        );
    }
    table.done();
    StepUpRule::new(acr, reauthenticate)
}

/// A value of `acr_values`, which are separated by spaces.
fn context(text: &str) -> Result<String, &'static str> {
    let valid = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    match valid {
        true => Ok(text.to_owned()),
        false => Err("write printable ASCII characters without spaces"),
    }
}
