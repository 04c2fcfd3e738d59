//! `[[account]]`

use std::collections::BTreeMap;

use super::{Names, PolicyContext, line_of_text, provider_oidc, trust};
use crate::access::catalog::{Account, AccountName, Audience, OuPath, is_tag_key, is_tag_value};
use crate::aws::{AccountId, Region};
use crate::config_file::{Located, Reader, quoted};

/// Reads one account; `None` if its ID or name has an error.
pub(super) fn read(
    reader: Reader<'_>,
    context: &PolicyContext<'_>,
    names: &mut Names,
) -> Option<Account> {
    let id = reader.required("id");
    let name = reader.required("name");
    for written in [&id, &name].into_iter().flatten() {
        names.mention(written.as_text());
    }
    let id: Option<Located<'_, AccountId>> = id.and_then(|id| id.parse());
    let name: Option<Located<'_, AccountName>> = name.and_then(|name| name.parse());
    let description = line_of_text(&reader, "description");
    let ou: Option<Located<'_, OuPath>> = reader.parse("ou");
    let tags = read_tags(&reader);
    let trust = trust::read(&reader, id.as_ref().map(|id| &id.value), context);
    let audience: Option<Located<'_, Audience>> = reader.parse("audience");
    if let Some(trust) = &trust {
        provider_oidc::check_account(reader.spot(), trust, audience.as_ref(), context, names);
    }
    let verify = reader.boolean("verify").unwrap_or_default();
    let sts_region: Option<Located<'_, Region>> = reader.parse("sts_region");
    if let Some(region) = &sts_region
        && !context.partition.contains(&region.value)
    {
        region.spot.error(
            format!(
                "the Region {} is not in the partition {}",
                region.value, context.partition
            ),
            "the partition is set in rolecall.toml, [aws]",
        );
    }
    reader.done();
    let (id, name) = (id?, name?);
    let at = |text, spot| Located { value: text, spot };
    names.take("account id", at(id.value.as_str(), id.spot));
    names.take("account", at(name.value.as_str(), name.spot));
    Some(Account {
        id: id.value,
        name: name.value,
        description,
        ou: ou.map(|ou| ou.value),
        tags,
        trust: trust?,
        audience: audience.map(|audience| audience.value),
        sts_region: sts_region.map(|region| region.value),
        verify,
    })
}

fn read_tags(reader: &Reader<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for (key, value) in reader.table("tags").iter().flat_map(Reader::entries) {
        if !is_tag_key(key.value) {
            let hint = "a tag's key is 1 to 256 characters without = and *";
            key.spot
                .error(format!("invalid tag {}", quoted(key.value)), hint);
        }
        let Some(text) = value.string() else { continue };
        if !is_tag_value(text.value) {
            value.invalid("a tag's value is 1 to 256 characters without *");
        }
        tags.insert(key.value.to_owned(), text.value.to_owned());
    }
    tags
}
