//! Session policies with a `Deny` that depends on an optional session tag. A person without the tag is not denied, and people can cause
//! that themselves: with a claim of their own that is missing, invalid or too long.

use crate::access::permission_set::{PermissionSet, Variant};
use crate::config_file::Spot;

/// Warns of such a `Deny` in the permission set, or in a variant with session policies of its own.
pub(super) fn warn(spot: Spot<'_>, set: &PermissionSet, variant: Option<&Variant>) {
    let limits = variant.and_then(|variant| variant.session_policies.as_ref());
    let Some(policy) = &limits.unwrap_or(&set.session_policies).session_policy else {
        return;
    };
    let name = set.role_name(variant.map(|variant| &variant.name));
    for tag in set.session_tags.iter().filter(|tag| tag.optional) {
        let key = &tag.key;
        if policy.denies_only_with_tag(key) {
            spot.warning(
                format!("a Deny of the session_policy of {name} depends on the session tag {key}, which is optional: it does not apply to people without the tag"),
                format!("remove `optional` from the tag, or deny sessions without it as well: \"Null\": {{ \"aws:PrincipalTag/{key}\": \"true\" }}"),
            );
        }
    }
}
