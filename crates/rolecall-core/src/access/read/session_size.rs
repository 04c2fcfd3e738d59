//! Permission sets whose session policies and tags leave little of STS's space for the claims in their tags.

use crate::access::attributes::{ACCOUNT_TAG, PERMISSION_SET_TAG};
use crate::access::permission_set::{PermissionSet, Variant};
use crate::access::template::Template;
use crate::aws::{PackedSize, RoleSessionTags, TagKey};
use crate::config_file::Spot;

/// Characters that a claim may be expected to have: an e-mail address, or the path of an organizational unit.
const CLAIM_CHARS: usize = 64;

/// Warns if required tags probably do not fit with claims of [`CLAIM_CHARS`], of the permission set or of a variant with
/// session policies of its own.
pub(super) fn warn(spot: Spot<'_>, set: &PermissionSet, variant: Option<&Variant>) {
    let session_policies = variant.and_then(|variant| variant.session_policies.as_ref());
    let session_policies = session_policies.unwrap_or(&set.session_policies);
    let name = set.role_name(variant.map(|variant| &variant.name));
    let required = || set.session_tags.iter().filter(|tag| !tag.optional);
    let mut fixed = RoleSessionTags::default();
    let account = "0".repeat(12);
    for (key, value) in [(ACCOUNT_TAG, account.as_str()), (PERMISSION_SET_TAG, &name)] {
        if let Ok(key) = TagKey::parse(key) {
            let _known = fixed.add(key, value);
        }
    }
    for tag in required() {
        let _reported = fixed.add(tag.key.clone(), &tag.value.literal_text());
    }
    let size = PackedSize::of(
        session_policies.session_policy.as_ref(),
        &session_policies.policy_arns,
        &fixed,
    );
    let claims = required().flat_map(|tag| Template::placeholders(&tag.value));
    let claims: Vec<String> = claims.map(|one| format!("{{{one}}}")).collect();
    if size.estimate() > 100 {
        spot.warning(
            format!("the session policies and session tags of {name} probably exceed the space that AWS STS has for them: about {} %", size.estimate()),
            "shorten session_policy, or mark session tags as optional: STS compresses both, so only a session shows the exact number",
        );
    } else if !claims.is_empty() && size.room_for_tags() / claims.len() < CLAIM_CHARS {
        spot.warning(
            format!(
                "the session policies and session tags of {name} leave space for about {} characters of claims: longer values of {} probably do not fit",
                size.room_for_tags(),
                claims.join(", ")
            ),
            "shorten session_policy, or mark session tags as optional: { value = \"…\", optional = true }",
        );
    }
}
