//! `trust = "federation-token"`: the key of the account, and what its permission sets need.

use super::PolicyContext;
use crate::access::assignment::Scope;
use crate::access::catalog::Account;
use crate::access::permission_set::{PermissionSet, SessionPolicies};
use crate::access::trust::Trust;
use crate::aws::{AccessKey, AccessKeyId, RoleSessionDuration};
use crate::base::secret::SecretText;
use crate::config_file::{Reader, Spot, Value, quoted};

/// Reads `credentials`; none when there is an error in it.
pub(super) fn read(credentials: &Value<'_>, context: &PolicyContext<'_>) -> Option<AccessKey> {
    let reader = credentials.table("credentials")?;
    let id = secret(&reader, "access_key_id", context);
    let secret = secret(&reader, "secret_access_key", context);
    reader.done();
    let (Some(id), Some(secret)) = (id?, secret?) else {
        return Some(AccessKey::unread());
    };
    let parsed = AccessKeyId::parse(id.expose());
    if let Err(rule) = &parsed {
        credentials.invalid(format!("the file of access_key_id: {rule}"));
    }
    Some(AccessKey {
        id: parsed.ok()?,
        secret,
    })
}

/// `{ file = "…" }`; the inner value is `None` if secrets are not read.
fn secret(
    reader: &Reader<'_>,
    key: &'static str,
    context: &PolicyContext<'_>,
) -> Option<Option<SecretText>> {
    let value = reader.required(key)?;
    if value.as_text().is_some() {
        value.invalid("a secret is not part of the access policy: write { file = \"…\" }");
        return None;
    }
    let table = value.table(key)?;
    let file = table.required("file").and_then(|file| file.string());
    table.done();
    let file = file?;
    let read = context.files.read_secret(file.spot.path(), file.value);
    if let Err(reason) = &read {
        let message = format!("cannot use {}", quoted(file.value));
        file.spot.error(message, reason.as_str());
    }
    read.ok()
}

/// Reports sessions that are longer than AWS permits for a role. Only those of federated users can be.
pub(super) fn check_duration(
    spot: Spot<'_>,
    scope: &Scope,
    limit: Option<RoleSessionDuration>,
    accounts: &[Account],
    sets: &[PermissionSet],
) {
    let too_long = scope.pairs_within(None).find_map(|(account, set)| {
        let (account, set) = (accounts.get(account as usize)?, sets.get(set as usize)?);
        let configured = set.session_duration.into_iter().chain(limit).min()?;
        let is_too_long = account.trust.assumes_role() && configured > RoleSessionDuration::MAX;
        is_too_long.then_some((account, set, configured))
    });
    if let Some((account, set, configured)) = too_long {
        spot.error(
            format!(
                "sessions of {} in {} would last {configured}: AWS permits at most {} for a role",
                set.name,
                account.name,
                RoleSessionDuration::MAX
            ),
            "set session_duration of this assignment or of the permission set to 12h or less; only accounts with trust = \"federation-token\" permit up to 36h",
        );
    }
}

/// Reports a permission set that such an account cannot use, and one that asks for what such a session does not have.
pub(super) fn check(spot: Spot<'_>, scope: &Scope, accounts: &[Account], sets: &[PermissionSet]) {
    let pairs = scope.pairs_within(None).filter_map(|(account, set)| {
        let account = accounts.get(account as usize)?;
        let federated = matches!(account.trust, Trust::FederationToken(_));
        federated.then_some((account, sets.get(set as usize)?))
    });
    let pairs: Vec<_> = pairs.collect();
    if let Some((account, set)) = pairs.iter().find(|(_, set)| may_do_nothing(set)) {
        spot.error(
            format!(
                "{} needs `session_policy` or `policy_arns` in {}, whose trust is \"federation-token\"",
                set.name, account.name
            ),
            "without a session policy such a session has no permissions: add one, also to variants that replace it",
        );
    }
    let unbounded = pairs.iter().find_map(|(account, set)| {
        let mut variants = set.variants.iter();
        let variant = variants.find(|one| one.role.is_some() && one.session_policies.is_none())?;
        Some((account, set, variant))
    });
    if let Some((account, set, variant)) = unbounded {
        spot.error(
            format!(
                "the variant {}@{} has a role of its own, which is not used in {}: its trust is \"federation-token\"",
                set.name, variant.name, account.name
            ),
            "add `session_policy` or `policy_arns` to the variant; otherwise it would have the permissions of its permission set",
        );
    }
    let named = pairs.iter().find(|(_, set)| set.source_identity.is_some());
    if let Some((account, set)) = named {
        spot.warning(
            format!(
                "sessions of {} in {} have no source identity: its trust is \"federation-token\"",
                set.name, account.name
            ),
            "GetFederationToken has no source identity; use another `trust` where CloudTrail or policies depend on it",
        );
    }
}

fn may_do_nothing(set: &PermissionSet) -> bool {
    let variants = set.variants.iter();
    let replaced = variants.filter_map(|variant| variant.session_policies.as_ref());
    set.session_policies.is_empty() || replaced.into_iter().any(SessionPolicies::is_empty)
}
