//! `[[permission_set]]`

use std::collections::BTreeMap;

use super::{Names, PolicyContext, line_of_text};
use crate::access::attributes::{ACCOUNT_TAG, PERMISSION_SET_TAG};
use crate::access::catalog::{Limits, PermissionSet, PermissionSetName, Variant, VariantName};
use crate::access::template::{Placeholder, Template};
use crate::aws::{
    Destination, PolicyArn, RolePath, RoleSessionDuration, RoleSessionTags, SessionPolicy,
    SourceIdentity, TagKey,
};
use crate::base::limits;
use crate::config_file::{At, Reader, Value, quoted};

/// Reads one permission set; `None` if its name or role has an error.
pub(super) fn read(
    reader: Reader<'_>,
    context: &PolicyContext<'_>,
    names: &mut Names,
) -> Option<PermissionSet> {
    let name = reader.required("name");
    names.mention(name.as_ref().and_then(Value::as_text));
    let name: Option<At<'_, PermissionSetName>> = name.and_then(|name| name.parse());
    let role = match reader.value("role") {
        Some(role) => role.parse::<RolePath>().map(|role| role.value),
        None => name
            .as_ref()
            .and_then(|name| RolePath::parse(name.value.as_str()).ok()),
    };
    let description = line_of_text(&reader, "description");
    let session_duration = session_duration(&reader);
    let destination = destination(&reader, context);
    let limits = session_limits(&reader, context).unwrap_or_default();
    let session_tags = session_tags(&reader, context);
    let source_identity = source_identity(&reader, context);
    let mut variants = Vec::new();
    for (key, value) in reader.table("variants").iter().flat_map(Reader::entries) {
        variants.extend(variant(key, &value, context, session_duration));
    }
    reader.done();
    let name = name?;
    let at = At {
        value: name.value.as_str(),
        spot: name.spot,
    };
    names.take("permission set", at);
    Some(PermissionSet {
        name: name.value,
        description,
        role: role?,
        session_duration,
        destination,
        limits,
        session_tags,
        source_identity,
        variants,
    })
}

fn variant(
    key: At<'_, &str>,
    value: &Value<'_>,
    context: &PolicyContext<'_>,
    base: Option<RoleSessionDuration>,
) -> Option<Variant> {
    let name = VariantName::parse(key.value);
    if let Err(rule) = &name {
        let message = format!("invalid variant {}", quoted(key.value));
        key.spot.error(message, rule.to_string());
    }
    let reader = value.table("a variant")?;
    let session_duration = session_duration(&reader);
    if let (Some(own), Some(base)) = (session_duration, base)
        && own > base
    {
        key.spot.warning(
            format!(
                "the variant {} sets {own}, its permission set {base}",
                quoted(key.value)
            ),
            "the shorter one applies: remove session_duration from the variant",
        );
    }
    let variant = Variant {
        name: name.ok()?,
        description: line_of_text(&reader, "description"),
        role: reader
            .value("role")
            .and_then(|role| role.parse::<RolePath>())
            .map(|role| role.value),
        session_duration,
        destination: destination(&reader, context),
        limits: session_limits(&reader, context),
    };
    reader.done();
    Some(variant)
}

/// `session_duration`, within the limits of AWS.
pub(super) fn session_duration(reader: &Reader<'_>) -> Option<RoleSessionDuration> {
    let value = reader.value("session_duration")?;
    let span = value.duration()?.value;
    let duration = u32::try_from(span.num_seconds())
        .ok()
        .and_then(RoleSessionDuration::from_seconds);
    if duration.is_none() {
        value.invalid("AWS accepts 15m to 12h");
    }
    duration
}

fn destination(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Option<Destination> {
    let value = reader.value("destination")?;
    let parsed = value.parse_with(|text| Destination::parse(text, context.partition))?;
    Some(parsed.value)
}

/// `session_policy` and `policy_arns`; `None` if both are absent.
fn session_limits(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Option<Limits> {
    let policy = reader.value("session_policy");
    let arns = reader.value("policy_arns");
    if policy.is_none() && arns.is_none() {
        return None;
    }
    let session_policy = policy.and_then(|value| session_policy(&value, context));
    let listed = arns.as_ref().and_then(Value::list).unwrap_or_default();
    if let (Some(arns), true) = (&arns, listed.len() > limits::POLICY_ARNS_MAX) {
        arns.invalid(format!("AWS accepts at most {}", limits::POLICY_ARNS_MAX));
    }
    let mut policy_arns = Vec::new();
    for value in listed {
        let Some(arn) = value.parse::<PolicyArn>() else {
            continue;
        };
        let partition = arn.value.as_str().split(':').nth(1);
        if partition != Some(context.partition.as_str()) {
            value.invalid(format!("it must be in the partition {}", context.partition));
        }
        policy_arns.push(arn.value);
    }
    Some(Limits {
        session_policy,
        policy_arns,
    })
}

/// `session_policy = { file = "…" }`, or the document itself as a string.
fn session_policy(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<SessionPolicy> {
    let text = match value.as_text() {
        Some(text) => text.to_owned(),
        None => {
            let reader = value.table("session_policy")?;
            let file = reader.required("file").and_then(|file| file.string());
            reader.done();
            let file = file?;
            let read = context.files.read(file.spot.path(), file.value);
            if let Err(reason) = &read {
                let message = format!("cannot read {}", quoted(file.value));
                file.spot.error(message, reason.as_str());
            }
            read.ok()?
        }
    };
    let policy = SessionPolicy::parse(&text);
    if let Err(error) = &policy {
        value.invalid(error.to_string());
    }
    policy.ok()
}

fn session_tags(reader: &Reader<'_>, context: &PolicyContext<'_>) -> BTreeMap<TagKey, Template> {
    let always = [ACCOUNT_TAG, PERMISSION_SET_TAG];
    let mut tags = BTreeMap::new();
    let Some(table) = reader.table("session_tags") else {
        return tags;
    };
    let mut written = RoleSessionTags::default();
    for key in always.into_iter().filter_map(|key| TagKey::parse(key).ok()) {
        let _fits = written.add(key, "");
    }
    for (key, value) in table.entries() {
        let parsed_key = TagKey::parse(key.value);
        if let Err(rule) = &parsed_key {
            let message = format!("invalid session tag {}", quoted(key.value));
            key.spot.error(message, rule.to_string());
        }
        let template = template(&value, context);
        let (Ok(parsed_key), Some(template)) = (parsed_key, template) else {
            continue;
        };
        if key.value.to_ascii_lowercase().starts_with("rolecall:") {
            key.spot.error(
                format!(
                    "the session tag {} is set by Rolecall itself",
                    quoted(key.value)
                ),
                "tags that begin with rolecall: are reserved: choose another key",
            );
            continue;
        }
        if let Err(error) = written.add(parsed_key.clone(), &template.literal_text()) {
            let message = format!("the session tag {} is invalid", quoted(key.value));
            key.spot.error(message, error.to_string());
        }
        tags.insert(parsed_key, template);
    }
    tags
}

fn source_identity(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Option<Template> {
    let value = reader.value("source_identity")?;
    let template = template(&value, context)?;
    let literal = template.literal_text();
    if let Err(error) = SourceIdentity::check_literal(&literal, context.partition) {
        value.invalid(error.to_string());
    }
    Some(template)
}

fn template(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<Template> {
    let template = value.parse_with(Template::parse)?;
    for placeholder in template.value.placeholders() {
        let trusted = || {
            context
                .providers
                .iter()
                .any(|provider| !provider.domains.is_empty())
        };
        match placeholder {
            Placeholder::Email if !trusted() => template.spot.warning(
                "no identity provider is trusted for any mail domain, so {email} is always missing",
                "set `domains` of a [[provider]] in rolecall.toml",
            ),
            Placeholder::Claim(name) if name == "email" => template.spot.warning(
                "{claims.email} is not verified and can be of any domain",
                "use {email}, which requires that the provider is trusted for the domain",
            ),
            Placeholder::Email
            | Placeholder::Name
            | Placeholder::Subject
            | Placeholder::Provider
            | Placeholder::Claim(_) => {}
        }
    }
    Some(template.value)
}
