//! Templates of session tags and of the source identity.

use super::PolicyContext;
use crate::access::template::{Placeholder, Template};
use crate::aws::SourceIdentity;
use crate::config_file::{Located, Reader, Value};

/// `source_identity`
pub(super) fn read_source_identity(
    reader: &Reader<'_>,
    context: &PolicyContext<'_>,
) -> Option<Template> {
    let value = reader.value("source_identity")?;
    let template = parse(&value, context)?;
    let literal = template.value.literal_text();
    if let Err(error) = SourceIdentity::check_literal(&literal, context.partition) {
        value.invalid(error.to_string());
    }
    warn_of_shared(&template, context);
    Some(template.value)
}

/// Reads a template. `None` after an error, which is reported.
pub(super) fn read(value: &Value<'_>, context: &PolicyContext<'_>) -> Option<Template> {
    parse(value, context).map(|template| template.value)
}

fn parse<'d>(value: &Value<'d>, context: &PolicyContext<'_>) -> Option<Located<'d, Template>> {
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
            Placeholder::Claim(path) if path.as_str() == "email" => template.spot.warning(
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
    Some(template)
}

/// Warns of a source identity that two people can share: CloudTrail and trust policies take them for one. Of `{claims.email}`
/// there is a warning already.
fn warn_of_shared(template: &Located<'_, Template>, context: &PolicyContext<'_>) {
    let any = |wanted: fn(&Placeholder) -> bool| template.value.placeholders().any(wanted);
    if !any(Placeholder::identifies) {
        template.spot.warning(
            "two people can share this source identity: none of its placeholders identifies a person",
            "use {email|aws} or {subject|aws}: CloudTrail and trust policies must be able to distinguish people",
        );
    } else if context.providers.len() > 1 && !any(Placeholder::distinguishes_providers) {
        template.spot.warning(
            "two people can share this source identity: two providers can use the same value for different people",
            "add the provider, such as \"{provider}.{subject|aws}\", or use {email|aws}",
        );
    }
}
