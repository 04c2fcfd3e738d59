//! The profiles for the roles of a user.

use rolecall_core::access::{Account, Grants, PermissionSet, VariantName};
use rolecall_wire::config::{Profile, unique_names};
use rolecall_wire::shell;

use crate::web::pages::format;

/// A profile for each role, including locked roles, because the file outlives the sign-in.
pub fn profiles(grants: &Grants) -> Vec<Profile> {
    let mut profiles: Vec<(String, Profile)> = Vec::new();
    let mut add =
        |account: &Account, set: &PermissionSet, variant: Option<&VariantName>, comment| {
            let mut parts = vec![account.name.as_str(), set.name.as_str()];
            parts.extend(variant.map(VariantName::as_str));
            let profile = Profile {
                name: shell::profile_name(&parts),
                account: account.id.to_string(),
                role: set.role_name(variant),
                comment,
            };
            profiles.push((account.name.to_string(), profile));
        };
    for grant in grants.iter() {
        add(
            grant.account(),
            grant.permission_set(),
            grant.variant(),
            None,
        );
    }
    for locked in grants.locked() {
        let comment = Some(format::all_of(&locked.unmet));
        add(
            &locked.account,
            &locked.permission_set,
            locked.variant.as_ref(),
            comment,
        );
    }
    profiles.sort_by(|(left_account, left), (right_account, right)| {
        let key =
            |account, profile: &Profile| (account, profile.account.clone(), profile.role.clone());
        key(left_account.clone(), left).cmp(&key(right_account.clone(), right))
    });
    unique_names(profiles.into_iter().map(|(_, profile)| profile).collect())
}
