//! `session_tags` of a permission set.

use super::{PolicyContext, template};
use crate::access::attributes::{ACCOUNT_TAG, PERMISSION_SET_TAG};
use crate::access::permission_set::SessionTag;
use crate::access::template::Template;
use crate::aws::{RoleSessionTags, TagKey};
use crate::config_file::{Reader, Value, quoted};

/// The tags, in the order of the file.
pub(super) fn read(reader: &Reader<'_>, context: &PolicyContext<'_>) -> Vec<SessionTag> {
    let always = [ACCOUNT_TAG, PERMISSION_SET_TAG];
    let mut tags = Vec::new();
    let Some(table) = reader.table("session_tags") else {
        return tags;
    };
    let mut written = RoleSessionTags::default();
    for key in always.into_iter().filter_map(|key| TagKey::parse(key).ok()) {
        let _fits = written.add(key, "");
    }
    let mut entries: Vec<_> = table.entries().collect();
    entries.sort_by_key(|(key, _)| key.spot.offset());
    for (key, value) in entries {
        let parsed_key = TagKey::parse(key.value);
        if let Err(rule) = &parsed_key {
            let message = format!("invalid session tag {}", quoted(key.value));
            key.spot.error(message, rule.to_string());
        }
        let (Ok(parsed_key), Some((template, optional))) =
            (parsed_key, read_value(&value, context))
        else {
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
        tags.push(SessionTag {
            key: parsed_key,
            value: template,
            optional,
        });
    }
    tags
}

/// A template, or `{ value = "…", optional = true }`.
fn read_value(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<(Template, bool)> {
    if !value.is_table() {
        return template::read(value, context).map(|template| (template, false));
    }
    let table = value.table("a session tag")?;
    let template = table.required("value");
    let template = template.and_then(|template| template::read(&template, context));
    let optional = table.boolean("optional").unwrap_or(false);
    table.done();
    Some((template?, optional))
}
