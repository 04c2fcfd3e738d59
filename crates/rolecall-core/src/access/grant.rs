//! Grants: permissions to assume one role now.
//!
//! Only [`crate::access::Policy`] creates grants. They are never stored, and no role is assumed without one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::access::assignment::{AccountIndex, Assignment, SetIndex};
use crate::access::catalog::{Account, VariantName};
use crate::access::condition::Unmet;
use crate::access::duration_reason::DurationReason;
use crate::access::match_counter::MatchCounter;
use crate::access::permission_set::{PermissionSet, SessionPolicies, Variant};
use crate::access::trust::Trust;
use crate::aws::{AccountId, Destination, PolicyArn, RoleArn, RoleSessionDuration, SessionPolicy};

/// All roles that are granted to one person under the given circumstances, or those in one account. Cheap to clone.
#[derive(Clone)]
pub struct Grants(Arc<MatchCounter>);

impl Grants {
    pub(super) fn new(match_counter: MatchCounter) -> Self {
        Self(Arc::new(match_counter))
    }

    /// The grants, sorted by account name and ID, then permission set, then variant. A permission set precedes its
    /// variants.
    pub fn iter(&self) -> impl Iterator<Item = Grant> {
        let pairs = self.0.pairs();
        pairs.flat_map(move |(account, set)| self.with_variants(account, set))
    }

    /// The accounts with at least one grant, sorted by name and ID, after the given name and ID.
    pub fn accounts_after(&self, last: Option<(&str, &str)>) -> impl Iterator<Item = &Account> {
        let accounts = &self.0.contents.accounts;
        let first = last.map_or(0, |last| {
            accounts.partition_point(|one| (one.name.as_str(), one.id.as_str()) <= last)
        });
        let held = self.0.accounts().map(|account| account as usize);
        held.skip_while(move |account| *account < first)
            .map(|account| &accounts[account])
    }

    /// The grants in one account, in the order of [`Grants::iter`].
    pub fn of_account(&self, account: &AccountId) -> impl Iterator<Item = Grant> {
        let account = self.0.contents.account_by_id.get(account).copied();
        let sets = account.map(|account| self.0.sets_of(account).map(move |set| (account, set)));
        let pairs = sets.into_iter().flatten();
        pairs.flat_map(move |(account, set)| self.with_variants(account, set))
    }

    fn with_variants(&self, account: AccountIndex, set: SetIndex) -> impl Iterator<Item = Grant> {
        let variants = self.0.contents.sets[set as usize].variants.len();
        std::iter::once(None)
            .chain((0..variants).map(Some))
            .map(move |variant| self.grant(account, set, variant))
    }

    pub(super) fn contents(&self) -> &crate::access::policy::Contents {
        &self.0.contents
    }

    /// Number of usable grants.
    pub fn len(&self) -> usize {
        let variants = |set: SetIndex| self.0.contents.sets[set as usize].variants.len();
        self.0.pairs().map(|(_, set)| 1 + variants(set)).sum()
    }

    /// Whether there is no usable grant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the person has neither a granted nor a locked role.
    pub fn has_no_roles(&self) -> bool {
        self.is_empty() && self.locked().next().is_none()
    }

    /// The grant of a permission set, or of a variant of it, in an account; also if it is unusable because a claim is
    /// missing. Denied and unknown roles are indistinguishable.
    pub fn find(
        &self,
        account: &AccountId,
        permission_set: &str,
        variant: Option<&str>,
    ) -> Option<Grant> {
        let contents = &self.0.contents;
        let account = *contents.account_by_id.get(account)?;
        let set = contents.set_by_name(permission_set)?;
        let variant = match variant {
            None => None,
            Some(name) => Some(
                contents.sets[set as usize]
                    .variants
                    .iter()
                    .position(|variant| variant.name.as_str() == name)?,
            ),
        };
        self.0
            .holds(account, set)
            .then(|| self.grant(account, set, variant))
    }

    /// The roles that would be granted under other circumstances or with other claims, in the order of
    /// [`Grants::iter`].
    pub fn locked(&self) -> impl Iterator<Item = Locked> {
        let contents = &self.0.contents;
        self.0
            .locked()
            .into_iter()
            .flat_map(move |((account, set), lock)| {
                let permission_set = &contents.sets[set as usize];
                let assignments = lock
                    .assignments
                    .iter()
                    .map(|n| &contents.assignments[*n as usize]);
                let locked = Locked {
                    account: contents.accounts[account as usize].clone(),
                    permission_set: permission_set.clone(),
                    variant: None,
                    unmet: lock.unmet.to_vec(),
                    owners: owners(assignments),
                };
                let variants = permission_set.variants.iter().map(|v| Some(v.name.clone()));
                std::iter::once(None)
                    .chain(variants)
                    .map(|variant| Locked {
                        variant,
                        ..locked.clone()
                    })
                    .collect::<Vec<_>>()
            })
    }

    fn grant(&self, account: AccountIndex, set: SetIndex, variant: Option<usize>) -> Grant {
        Grant {
            match_counter: Arc::clone(&self.0),
            account,
            set,
            variant,
            role: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Permission to assume one role under the circumstances for which it was requested. Cheap to clone.
///
/// Its fields are private, so only a policy can create one:
///
/// ```compile_fail,E0451
/// use rolecall_core::access::Grant;
/// fn forge(honest: Grant) -> Grant {
///     Grant { account: 7, ..honest }
/// }
/// ```
#[derive(Clone)]
pub struct Grant {
    match_counter: Arc<MatchCounter>,
    account: AccountIndex,
    set: SetIndex,
    variant: Option<usize>,
    role: OnceLock<RoleArn>,
}

impl Grant {
    /// The account of the role.
    pub fn account(&self) -> &Account {
        &self.match_counter.contents.accounts[self.account as usize]
    }

    /// The permission set of the role.
    pub fn permission_set(&self) -> &PermissionSet {
        &self.match_counter.contents.sets[self.set as usize]
    }

    /// The variant of the permission set, if it is one.
    pub fn variant(&self) -> Option<&VariantName> {
        self.variant_entry().map(|variant| &variant.name)
    }

    /// ARN of the IAM role.
    pub fn role(&self) -> &RoleArn {
        self.role.get_or_init(|| {
            let own = self
                .variant_entry()
                .and_then(|variant| variant.role.as_ref());
            RoleArn::new(
                self.match_counter.contents.partition,
                self.account().id.clone(),
                own.unwrap_or(&self.permission_set().role).clone(),
            )
        })
    }

    /// How the role is assumed.
    pub fn trust(&self) -> &Trust {
        &self.account().trust
    }

    /// Whether the role is assumed with the credentials of another role.
    pub fn is_chained(&self) -> bool {
        match self.trust() {
            Trust::Caller(caller) => {
                !caller.via.is_empty() || self.match_counter.chaining.applies_to(&self.account().id)
            }
            Trust::GatewayOidc
            | Trust::GatewaySaml(_)
            | Trust::ProviderSaml(_)
            | Trust::ProviderOidc(_)
            | Trust::FederationToken(_) => false,
        }
    }

    /// Whether AWS takes a length of its own for a console session with these credentials. Otherwise it ends with them.
    pub fn console_takes_duration(&self) -> bool {
        self.trust().assumes_role() && !self.is_chained()
    }

    /// Maximum duration of a session: the shortest of the limits of the permission set, the variant, every assignment that
    /// grants the role, and role chaining.
    pub fn duration_max(&self) -> RoleSessionDuration {
        self.shortest().0
    }

    /// The setting that limits the duration.
    pub fn duration_reason(&self) -> DurationReason {
        self.duration().1
    }

    /// Maximum duration and the setting that limits it.
    pub fn duration(&self) -> (RoleSessionDuration, DurationReason) {
        self.with_reason(self.shortest())
    }

    /// Maximum duration if the gateway has the keys of an IAM user. `None` unless it is limited by role chaining only because the
    /// principal of the gateway's AWS credentials is not known yet.
    pub fn duration_with_user_keys(&self) -> Option<(RoleSessionDuration, DurationReason)> {
        let Trust::Caller(caller) = self.trust() else {
            return None;
        };
        let chaining = &self.match_counter.chaining;
        let is_presumed = caller.via.is_empty() && chaining.is_unknown_for(&self.account().id);
        let is_limit = matches!(self.shortest().1, Shortest::RoleChaining);
        (is_presumed && is_limit).then(|| self.with_reason(self.configured()))
    }

    fn with_reason(
        &self,
        (duration, shortest): (RoleSessionDuration, Shortest<'_>),
    ) -> (RoleSessionDuration, DurationReason) {
        let reason = match shortest {
            Shortest::Assignment(id) => DurationReason::Assignment(id.to_owned()),
            Shortest::Set => DurationReason::PermissionSet(self.permission_set().name.to_string()),
            Shortest::Variant(name) => DurationReason::Variant(name.to_string()),
            Shortest::AwsDefault => DurationReason::AwsDefault,
            Shortest::RoleChaining => DurationReason::RoleChaining,
        };
        (duration, reason)
    }

    /// IDs of the assignments that grant the role, in the order of the files.
    pub fn assignments(&self) -> impl Iterator<Item = &str> {
        self.granting().map(|assignment| &*assignment.id)
    }

    /// Owners of these assignments, sorted, without duplicates.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        let owners: BTreeSet<&str> = self.granting().filter_map(|a| a.owner.as_deref()).collect();
        owners.into_iter()
    }

    /// Page on which the console opens.
    pub fn destination(&self) -> Option<&Destination> {
        self.variant_entry()
            .and_then(|variant| variant.destination.as_ref())
            .or(self.permission_set().destination.as_ref())
    }

    /// `Policy` of the STS request.
    pub fn session_policy(&self) -> Option<&SessionPolicy> {
        self.session_policies().session_policy.as_ref()
    }

    /// `PolicyArns` of the STS request.
    pub fn policy_arns(&self) -> &[PolicyArn] {
        &self.session_policies().policy_arns
    }

    /// The form of the command line: `payments-prod/Developer@readonly`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.account().name, self.role_name())
    }

    /// The name of the role in AWS's APIs.
    pub fn role_name(&self) -> String {
        self.permission_set().role_name(self.variant())
    }

    fn variant_entry(&self) -> Option<&Variant> {
        self.permission_set().variants.get(self.variant?)
    }

    /// The session policies of the variant, or else of the permission set.
    pub fn session_policies(&self) -> &SessionPolicies {
        let of_set = &self.permission_set().session_policies;
        self.variant_session_policies().unwrap_or(of_set)
    }

    /// The session policies that the variant has of its own.
    pub fn variant_session_policies(&self) -> Option<&SessionPolicies> {
        self.variant_entry()?.session_policies.as_ref()
    }

    fn granting(&self) -> impl Iterator<Item = &Assignment> {
        let granting = self.match_counter.granting(self.account, self.set);
        granting
            .into_iter()
            .map(|number| &self.match_counter.contents.assignments[number as usize])
    }

    fn shortest(&self) -> (RoleSessionDuration, Shortest<'_>) {
        let configured = self.configured();
        match configured.0 > RoleSessionDuration::CHAINED_MAX && self.is_chained() {
            true => (RoleSessionDuration::CHAINED_MAX, Shortest::RoleChaining),
            false => configured,
        }
    }

    /// The shortest of the configured limits.
    fn configured(&self) -> (RoleSessionDuration, Shortest<'_>) {
        let set = self.permission_set();
        let of_set = set.session_duration.map(|limit| (limit, Shortest::Set));
        let of_assignments = self
            .granting()
            .filter_map(|one| Some((one.session_duration?, Shortest::Assignment(&one.id))));
        let of_variant = self.variant_entry().and_then(|variant| {
            Some((variant.session_duration?, Shortest::Variant(&variant.name)))
        });
        let base = of_set
            .into_iter()
            .chain(of_assignments)
            .min_by_key(|(limit, _)| *limit)
            .unwrap_or((RoleSessionDuration::DEFAULT, Shortest::AwsDefault));
        of_variant
            .filter(|(limit, _)| *limit < base.0)
            .unwrap_or(base)
    }
}

/// A borrowed [`DurationReason`].
enum Shortest<'g> {
    Assignment(&'g str),
    Set,
    Variant(&'g VariantName),
    AwsDefault,
    RoleChaining,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.label())
    }
}

/// A role that would be granted under other circumstances or with other claims.
#[derive(Clone, Debug)]
pub struct Locked {
    /// The account of the role.
    pub account: Account,
    /// The permission set of the role.
    pub permission_set: PermissionSet,
    /// The variant of the permission set, if it is one.
    pub variant: Option<VariantName>,
    /// The unmet conditions of the assignment that has the fewest.
    pub unmet: Vec<Unmet>,
    /// Owners of the assignments.
    pub owners: Vec<String>,
}

fn owners<'a>(assignments: impl Iterator<Item = &'a Assignment>) -> Vec<String> {
    let owners: BTreeSet<&String> = assignments.filter_map(|a| a.owner.as_ref()).collect();
    owners.into_iter().cloned().collect()
}
