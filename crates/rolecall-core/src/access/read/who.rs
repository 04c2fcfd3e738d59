//! `who = { … }`, in `access.toml` and for administrators in `rolecall.toml`.

use std::fmt::Display;

use super::ProviderFacts;
use super::shared_domain::SharedDomain;
use crate::access::who::{AnchoredPattern, RuleKind, Who};
use crate::config_file::{Located, Reader, Spot, Value, quoted, suggest};
use crate::identity::{ClaimPath, EmailAddress, ProviderId, Subject};

/// The keys that select people.
const NAMING: [&str; 5] = ["users", "subjects", "groups", "claims", "claims_matching"];

impl Who {
    /// Reads the table. After an error, the result must not be used.
    pub fn read(reader: Reader<'_>, providers: &[ProviderFacts], rule_kind: RuleKind) -> Self {
        let spot = reader.spot();
        let everyone = reader.boolean("everyone");
        let provider = reader.value("provider");
        let provider_id = provider
            .as_ref()
            .and_then(|value| find_provider(value, providers))
            .map(|facts| facts.id.clone());
        let users: Vec<Located<'_, EmailAddress>> = members(&reader, "users", EmailAddress::parse);
        if provider.is_none() || provider_id.is_some() {
            check_trusted(&users, providers, provider_id.as_ref());
        }
        if provider.is_none() && rule_kind == RuleKind::Assignment {
            warn_of_shared_domains(&users, providers);
        }
        let who = Self {
            everyone: everyone == Some(true),
            provider: provider_id,
            users: values(users),
            subjects: values(members(&reader, "subjects", Subject::parse)),
            groups: values(members(&reader, "groups", text)),
            claims: read_claims(&reader),
            claims_matching: read_patterns(&reader),
        };
        let workload = reader.value("workload");
        if let Some(value) = &workload {
            let message = "this version of Rolecall does not support `workload` yet";
            value.spot().error(message, "remove this entry");
        }
        let naming: Vec<&str> = NAMING.into_iter().filter(|key| reader.has(key)).collect();
        reader.done();
        if everyone == Some(false) {
            spot.error("`everyone` can only be true", "remove it");
        } else if everyone == Some(true) && !naming.is_empty() {
            let message = format!("`everyone` contradicts `{}`", naming.join("`, `"));
            spot.error(message, "every key must match: remove one of them");
        } else if everyone.is_none()
            && naming.is_empty()
            && provider.is_none()
            && workload.is_none()
        {
            let hint = "name groups, users, subjects or claims, or write everyone = true";
            spot.error("`who` matches nobody", hint);
        } else if rule_kind == RuleKind::Assignment {
            warn_of_wide_match(&who, spot, providers);
        }
        who
    }
}

fn warn_of_wide_match(who: &Who, spot: Spot<'_>, providers: &[ProviderFacts]) {
    match &who.provider {
        Some(provider) if !who.everyone && who.matches_everyone() => spot.warning(
            format!("this matches everyone who signs in with {provider}"),
            "if this is intended, add everyone = true",
        ),
        None if providers.len() > 1 && !who.matches_everyone() && who.users.is_empty() => spot
            .warning(
                "groups, subjects and claims without `provider` are accepted from any provider",
                "add provider = \"…\": another provider may use the same names for other people",
            ),
        Some(_) | None => {}
    }
}

/// The provider with this id; an unknown one is reported.
pub(super) fn find_provider<'p>(
    value: &Value<'_>,
    providers: &'p [ProviderFacts],
) -> Option<&'p ProviderFacts> {
    let written = value.string()?.value;
    let known = providers.iter().find(|facts| facts.id.as_str() == written);
    if known.is_none() {
        let ids = providers.iter().map(|facts| facts.id.as_str());
        let listed: Vec<&str> = ids.clone().collect();
        let otherwise = match listed.as_slice() {
            [] => "no [[provider]] is configured in rolecall.toml".to_owned(),
            [..] => format!("configured are: {}", listed.join(", ")),
        };
        let hint = suggest::hint(written, ids, &otherwise);
        value
            .spot()
            .error(format!("unknown provider {}", quoted(written)), hint);
    }
    known
}

/// Reports addresses of domains for which no provider is trusted: they would never match.
fn check_trusted(
    users: &[Located<'_, EmailAddress>],
    providers: &[ProviderFacts],
    provider: Option<&ProviderId>,
) {
    for user in users {
        let domain = user.value.domain();
        let mut candidates = providers
            .iter()
            .filter(|facts| provider.is_none_or(|id| facts.id == *id));
        if !candidates.any(|facts| facts.domains.contains(&domain)) {
            let trusted = match provider {
                Some(id) => format!("the provider {id} is not trusted"),
                None => "no provider is trusted".to_owned(),
            };
            user.spot.error(
                format!("{} never matches: {trusted} for {domain}", user.value),
                format!(
                    "add {:?} to `domains` of a [[provider]] in rolecall.toml",
                    domain.as_str()
                ),
            );
        }
    }
}

/// Reports a warning once per domain: each provider that is trusted for it can assert these addresses.
fn warn_of_shared_domains(users: &[Located<'_, EmailAddress>], providers: &[ProviderFacts]) {
    let mut warned = Vec::new();
    for user in users {
        let domain = user.value.domain();
        if warned.contains(&domain) {
            continue;
        }
        if let Some(shared) = SharedDomain::of(&domain, providers) {
            shared.warn(user.spot, &format!("{} is named", user.value));
        }
        warned.push(domain);
    }
}

fn read_claims(reader: &Reader<'_>) -> Vec<(ClaimPath, Vec<String>)> {
    let table = reader.table("claims");
    check_not_empty(table.as_ref());
    let entries = table.iter().flat_map(Reader::entries);
    entries
        .map(|(name, value)| {
            let values = values(members_of(&value, text));
            (ClaimPath::parse(name.value), values)
        })
        .collect()
}

fn read_patterns(reader: &Reader<'_>) -> Vec<(ClaimPath, AnchoredPattern)> {
    let table = reader.table("claims_matching");
    check_not_empty(table.as_ref());
    let entries = table.iter().flat_map(Reader::entries);
    entries
        .filter_map(|(name, value)| {
            let pattern = value.parse_with(AnchoredPattern::parse)?;
            Some((ClaimPath::parse(name.value), pattern.value))
        })
        .collect()
}

/// Reports an error for an empty table, which would match everyone.
fn check_not_empty(table: Option<&Reader<'_>>) {
    if let Some(table) = table
        && table.entries().next().is_none()
    {
        table
            .spot()
            .error("no claim is named", "name a claim, or remove the key");
    }
}

fn members<'d, T, E: Display>(
    reader: &Reader<'d>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<Located<'d, T>> {
    let value = reader.value(key);
    value
        .map(|value| members_of(&value, parse))
        .unwrap_or_default()
}

/// The members of a list, which must not be empty: an empty list would be ambiguous (nobody or everyone).
fn members_of<'d, T, E: Display>(
    value: &Value<'d>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<Located<'d, T>> {
    let Some(list) = value.list() else {
        return Vec::new();
    };
    if list.is_empty() {
        value.invalid("an empty list matches nobody: add a value, or remove the key");
    }
    list.iter()
        .filter_map(|member| member.parse_with(&parse))
        .collect()
}

/// A group name or a claim value: any text but the empty one, compared byte for byte.
fn text(written: &str) -> Result<String, &'static str> {
    if written.is_empty() {
        Err("an empty string matches nothing")
    } else {
        Ok(written.to_owned())
    }
}

fn values<T>(members: Vec<Located<'_, T>>) -> Vec<T> {
    members.into_iter().map(|member| member.value).collect()
}
