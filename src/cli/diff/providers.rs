//! Identity providers whose settings differ. People of such a provider can have other identities, so rules can match them
//! that are the same in both versions.

use rolecall_core::access::{Effect, RuleEdit};
use rolecall_core::identity::ProviderId;
use serde::Serialize;

use crate::idp::ProviderSettings;

/// A provider that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderDifference {
    /// Its ID.
    pub id: ProviderId,
    /// What happened to it.
    pub edit: RuleEdit,
    /// Whether people of the provider may gain access. A provider that is removed only takes access.
    pub effect: Effect,
}

/// The providers whose settings differ so that the identities of people can differ.
pub fn differences(old: &[ProviderSettings], new: &[ProviderSettings]) -> Vec<ProviderDifference> {
    let find = |all: &[ProviderSettings], id: &ProviderId| {
        let found = all.iter().find(|one| one.id() == id);
        found.map(ProviderSettings::identity_settings)
    };
    let mut differences: Vec<ProviderDifference> = Vec::new();
    for id in old.iter().chain(new).map(ProviderSettings::id) {
        let (edit, effect) = match (find(old, id), find(new, id)) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(_), Some(_)) => (RuleEdit::Changed, Effect::Gain),
            (None, _) => (RuleEdit::Added, Effect::Gain),
            (Some(_), None) => (RuleEdit::Removed, Effect::Loss),
        };
        if differences.iter().all(|one| one.id != *id) {
            let id = id.clone();
            differences.push(ProviderDifference { id, edit, effect });
        }
    }
    differences
}
