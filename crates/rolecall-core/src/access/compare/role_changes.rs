//! Differences of accounts, permission sets and variants, which do not depend on people.
//!
//! The documents of policies are not evaluated. What is removed or replaced and could permit more counts as a gain.

use std::fmt::Debug;

use crate::access::catalog::VariantName;
use crate::access::compare::{Change, Effect};
use crate::access::permission_set::{PermissionSet, RolePermissions, SessionPolicies, Variant};
use crate::access::policy::Policy;
use crate::aws::{AccountId, Destination, RolePath, RoleSessionDuration};

/// A permission set in both policies.
pub(super) struct SetComparison {
    pub(super) name: String,
    pub(super) old: Option<PermissionSet>,
    pub(super) new: Option<PermissionSet>,
    /// The permission set itself, then every variant of either policy by name.
    pub(super) slots: Vec<Slot>,
    /// Whether a slot differs.
    pub(super) differs: bool,
}

/// A permission set or one of its variants.
pub(super) struct Slot {
    /// The variant; `None` for the permission set itself.
    pub(super) variant: Option<VariantName>,
    pub(super) old: Option<Limits>,
    pub(super) new: Option<Limits>,
    /// Differences other than of durations, if it is in both policies.
    pub(super) changes: Vec<Change>,
}

/// Limits of the duration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) of_set: Option<RoleSessionDuration>,
    pub(super) of_variant: Option<RoleSessionDuration>,
}

/// The settings that apply to a slot.
struct Effective<'s> {
    role: &'s RolePath,
    session_policies: &'s SessionPolicies,
    permissions: &'s RolePermissions,
    destination: Option<&'s Destination>,
    set: &'s PermissionSet,
}

impl SetComparison {
    pub(super) fn new(name: &str, old: Option<PermissionSet>, new: Option<PermissionSet>) -> Self {
        let sides = [&old, &new];
        let sets = sides.into_iter().flatten();
        let mut variants: Vec<VariantName> = sets
            .flat_map(|set| set.variants.iter().map(|one| one.name.clone()))
            .collect();
        variants.sort();
        variants.dedup();
        let slots: Vec<Slot> = std::iter::once(None)
            .chain(variants.into_iter().map(Some))
            .map(|variant| Slot::new(variant, old.as_ref(), new.as_ref()))
            .collect();
        let differs = slots
            .iter()
            .any(|slot| slot.old != slot.new || !slot.changes.is_empty());
        Self {
            name: name.to_owned(),
            slots,
            differs,
            old,
            new,
        }
    }
}

impl Slot {
    fn new(
        variant: Option<VariantName>,
        old: Option<&PermissionSet>,
        new: Option<&PermissionSet>,
    ) -> Self {
        let found = |set: Option<&'_ PermissionSet>| -> Option<Limits> {
            let set = set?;
            let of_variant = match &variant {
                None => None,
                Some(name) => entry(set, name)?.session_duration,
            };
            Some(Limits {
                of_set: set.session_duration,
                of_variant,
            })
        };
        let (old_limits, new_limits) = (found(old), found(new));
        let changes = match (old, new, old_limits, new_limits) {
            (Some(old), Some(new), Some(_), Some(_)) => changes(
                &Effective::of(old, variant.as_ref()),
                &Effective::of(new, variant.as_ref()),
            ),
            (_, _, _, _) => Vec::new(),
        };
        Self {
            variant,
            old: old_limits,
            new: new_limits,
            changes,
        }
    }
}

fn entry<'s>(set: &'s PermissionSet, name: &VariantName) -> Option<&'s Variant> {
    set.variants.iter().find(|one| one.name == *name)
}

impl<'s> Effective<'s> {
    fn of(set: &'s PermissionSet, variant: Option<&VariantName>) -> Self {
        let variant = variant.and_then(|name| entry(set, name));
        let role = variant.and_then(|one| one.role.as_ref());
        Self {
            role: role.unwrap_or(&set.role),
            session_policies: variant
                .and_then(|one| one.session_policies.as_ref())
                .unwrap_or(&set.session_policies),
            permissions: match variant {
                Some(one) if role.is_some() => &one.permissions,
                Some(_) | None => &set.permissions,
            },
            destination: variant
                .and_then(|one| one.destination.as_ref())
                .or(set.destination.as_ref()),
            set,
        }
    }
}

/// The differences between two settings of one role.
fn changes(old: &Effective<'_>, new: &Effective<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.role != new.role {
        changes.push(Change {
            effect: Effect::Gain,
            what: "role",
            text: format!("assumes the role {} instead of {}", new.role, old.role),
        });
    }
    changes.extend(session_policies(old.session_policies, new.session_policies));
    let tags = |set: &PermissionSet| format!("{:?} {:?}", set.session_tags, set.source_identity);
    if tags(old.set) != tags(new.set) {
        changes.push(Change {
            effect: Effect::Gain,
            what: "session_tags",
            text:
                "session tags or source identity differ; policies in IAM may permit more with them"
                    .to_owned(),
        });
    }
    changes.extend(permissions(old.permissions, new.permissions));
    if old.destination != new.destination {
        changes.push(Change {
            effect: Effect::None,
            what: "destination",
            text: "the console opens on another page".to_owned(),
        });
    }
    changes
}

/// A first session policy restricts; any other difference may permit more.
fn session_policies(old: &SessionPolicies, new: &SessionPolicies) -> Option<Change> {
    if old.session_policy == new.session_policy && same(&old.policy_arns, &new.policy_arns) {
        return None;
    }
    let (effect, text) = match (old.is_empty(), new.is_empty()) {
        (true, _) => (Effect::Loss, "session policies restrict it now"),
        (false, true) => (Effect::Gain, "session policies no longer restrict it"),
        (false, false) => (
            Effect::Gain,
            "other session policies, which may permit more",
        ),
    };
    Some(Change {
        effect,
        what: "session_policy",
        text: text.to_owned(),
    })
}

/// What the IAM role may do, after it is generated again.
fn permissions(old: &RolePermissions, new: &RolePermissions) -> Vec<Change> {
    let mut changes = Vec::new();
    let named = |added: bool, of: &RolePermissions, from: &RolePermissions| -> Option<Change> {
        let mut arns = of.managed_policies.iter();
        let only = arns.find(|arn| !from.managed_policies.contains(arn))?;
        Some(Change {
            effect: Effect::Gain,
            what: "managed_policies",
            text: match added {
                true => format!("the role gets {only} and possibly others"),
                false => {
                    format!("the role loses {only} and possibly others, which may contain denies")
                }
            },
        })
    };
    changes.extend(named(true, new, old));
    changes.extend(named(false, old, new));
    if old.inline_policy != new.inline_policy {
        let denies = |policy: &Option<_>| format!("{policy:?}").contains("\"Deny\"");
        let removed = new.inline_policy.is_none() && !denies(&old.inline_policy);
        changes.push(Change {
            effect: if removed { Effect::Loss } else { Effect::Gain },
            what: "inline_policy",
            text: match removed {
                true => "the role loses its inline policy".to_owned(),
                false => "the inline policy of the role differs and may permit more".to_owned(),
            },
        });
    }
    if old.permissions_boundary != new.permissions_boundary {
        let added = old.permissions_boundary.is_none();
        changes.push(Change {
            effect: if added { Effect::Loss } else { Effect::Gain },
            what: "permissions_boundary",
            text: match added {
                true => "a permissions boundary restricts the role".to_owned(),
                false => "the permissions boundary is removed or replaced".to_owned(),
            },
        });
    }
    changes
}

/// The differences of an account that is in both policies, other than of its selectors: those change what rules cover.
pub(super) fn account_changes(old: &Policy, new: &Policy, id: &AccountId) -> Vec<Change> {
    let account = |policy: &Policy| {
        let at = *policy.0.account_by_id.get(id)?;
        Some(policy.0.accounts[at as usize].clone())
    };
    let (Some(old), Some(new)) = (account(old), account(new)) else {
        return Vec::new();
    };
    let differs = [
        (
            "trust",
            !same(&old.trust, &new.trust),
            Effect::Gain,
            "; another principal may assume the roles, and sessions may last longer",
        ),
        ("audience", old.audience != new.audience, Effect::None, ""),
        ("verify", old.verify != new.verify, Effect::None, ""),
    ];
    let differs = differs.into_iter().filter(|(_, differs, _, _)| *differs);
    differs
        .map(|(what, _, effect, consequence)| Change {
            effect,
            what,
            text: format!("`{what}` of the account differs{consequence}"),
        })
        .collect()
}

/// Whether two settings are equal: their debug text contains every field.
fn same<T: Debug + ?Sized>(old: &T, new: &T) -> bool {
    format!("{old:?}") == format!("{new:?}")
}
