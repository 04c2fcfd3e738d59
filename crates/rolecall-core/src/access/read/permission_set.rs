//! `[[permission_set]]`

use super::{
    Names, PolicyContext, line_of_text, optional_tags, role_permissions, session_policies,
    session_size, session_tags, template,
};
use crate::access::catalog::{PermissionSetName, VariantName};
use crate::access::permission_set::{PermissionSet, RolePermissions, SessionPolicies, Variant};
use crate::aws::{Destination, RolePath, RoleSessionDuration};
use crate::config_file::{Located, Reader, Value, quoted};

/// Reads one permission set; `None` if its name or role has an error.
pub(super) fn read(
    reader: Reader<'_>,
    context: &PolicyContext<'_>,
    names: &mut Names,
) -> Option<PermissionSet> {
    let name = reader.required("name");
    names.mention(name.as_ref().and_then(Value::as_text));
    let name: Option<Located<'_, PermissionSetName>> = name.and_then(|name| name.parse());
    let role = match reader.value("role") {
        Some(role) => role.parse::<RolePath>().map(|role| role.value),
        None => name
            .as_ref()
            .and_then(|name| RolePath::parse(name.value.as_str()).ok()),
    };
    let description = line_of_text(&reader, "description");
    let session_duration = session_duration(&reader);
    let destination = destination(&reader, context);
    let session_policies = session_policies::read(&reader, context).unwrap_or_default();
    let session_tags = session_tags::read(&reader, context);
    let source_identity = template::read_source_identity(&reader, context);
    let permissions = role_permissions::read(&reader, context);
    let mut variants = Vec::new();
    for (key, value) in reader.table("variants").iter().flat_map(Reader::entries) {
        let base = Base {
            duration: session_duration,
            session_policies: &session_policies,
            permissions: &permissions,
        };
        let variant = variant(key, &value, context, base);
        variants.extend(variant.map(|variant| (key.spot, variant)));
    }
    reader.done();
    let name = name?;
    let at = Located {
        value: name.value.as_str(),
        spot: name.spot,
    };
    names.take("permission set", at);
    let set_variants = variants.iter().map(|(_, variant)| variant.clone());
    let set = PermissionSet {
        name: name.value,
        description,
        role: role?,
        session_duration,
        destination,
        session_policies,
        session_tags,
        source_identity,
        permissions,
        variants: set_variants.collect(),
    };
    session_size::warn(name.spot, &set, None);
    optional_tags::warn(name.spot, &set, None);
    for (spot, variant) in variants
        .iter()
        .filter(|(_, one)| one.session_policies.is_some())
    {
        session_size::warn(*spot, &set, Some(variant));
        optional_tags::warn(*spot, &set, Some(variant));
    }
    Some(set)
}

/// What a variant narrows.
#[derive(Clone, Copy)]
struct Base<'s> {
    duration: Option<RoleSessionDuration>,
    session_policies: &'s SessionPolicies,
    permissions: &'s RolePermissions,
}

fn variant(
    key: Located<'_, &str>,
    value: &Value<'_>,
    context: &PolicyContext<'_>,
    base: Base<'_>,
) -> Option<Variant> {
    let name = VariantName::parse(key.value);
    if let Err(rule) = &name {
        let message = format!("invalid variant {}", quoted(key.value));
        key.spot.error(message, rule.to_string());
    }
    let reader = value.table("a variant")?;
    let session_duration = session_duration(&reader);
    if let (Some(own), Some(base)) = (session_duration, base.duration)
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
    let description = line_of_text(&reader, "description");
    let role = reader.value("role");
    let (permissions, has_role) = (base.permissions, role.is_some());
    let variant = Variant {
        name: name.ok()?,
        description,
        role: role
            .and_then(|role| role.parse::<RolePath>())
            .map(|role| role.value),
        permissions: role_permissions::read_variant(&reader, context, has_role, permissions),
        session_duration,
        destination: destination(&reader, context),
        session_policies: session_policies::read_variant(
            key,
            &reader,
            context,
            base.session_policies,
        ),
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
        value.invalid(
            "AWS accepts 15m to 12h, and up to 36h in accounts with trust = \"federation-token\"",
        );
    }
    duration
}

fn destination(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Option<Destination> {
    let value = reader.value("destination")?;
    let parsed = value.parse_with(|text| Destination::parse(text, context.partition))?;
    Some(parsed.value)
}
