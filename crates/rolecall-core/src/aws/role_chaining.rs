//! Role chaining: a role that is assumed with the credentials of another role (IAM User Guide, "Roles terms and concepts").
//! STS limits such a session to one hour, and the console's sign-in endpoint takes no `SessionDuration` for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{AccountId, CallerIdentity, PrincipalKind};

/// Lifetime of the report that STS treated an account's sessions as chained. After it a longer session is requested again.
const REPORT_LIFE: TimeDelta = TimeDelta::hours(1);
/// Maximum number of reports; one more replaces the oldest.
const REPORTS_MAX: usize = 1_024;

/// State of the gateway's own AWS credentials: their principal, and accounts with role chaining.
#[derive(Clone, Debug, Default)]
pub struct OwnCredentialsState {
    /// The principal; `None` until STS has reported it.
    identity: Option<CallerIdentity>,
    /// The accounts for which STS reported role chaining, with the expiry of the report.
    reported: BTreeMap<AccountId, DateTime<Utc>>,
}

impl OwnCredentialsState {
    /// A copy with the response of `GetCallerIdentity`.
    pub fn identified(&self, identity: CallerIdentity) -> Self {
        Self {
            identity: Some(identity),
            reported: self.reported.clone(),
        }
    }

    /// A copy without an identity, after STS rejected the credentials.
    pub fn unidentified(&self) -> Self {
        Self {
            identity: None,
            reported: self.reported.clone(),
        }
    }

    /// A copy, after STS refused a session of this account as too long for role chaining.
    pub fn chaining_reported(&self, account: AccountId, now: DateTime<Utc>) -> Self {
        let mut reported = self.reported.clone();
        reported.retain(|_, until| *until > now);
        if reported.len() >= REPORTS_MAX
            && let Some((oldest, _)) = reported.iter().min_by_key(|(_, until)| **until)
        {
            let oldest = oldest.clone();
            reported.remove(&oldest);
        }
        reported.insert(account, now + REPORT_LIFE);
        Self {
            identity: self.identity.clone(),
            reported,
        }
    }

    /// The principal; `None` until STS has reported it.
    pub fn identity(&self) -> Option<&CallerIdentity> {
        self.identity.as_ref()
    }
}

/// Decides at a point in time whether a role that is assumed with the gateway's credentials counts as chained.
#[derive(Clone, Debug)]
pub struct RoleChaining {
    own: Arc<OwnCredentialsState>,
    now: DateTime<Utc>,
}

impl RoleChaining {
    /// The state `own` at `now`.
    pub fn new(own: Arc<OwnCredentialsState>, now: DateTime<Utc>) -> Self {
        Self { own, now }
    }

    /// Whether it is unknown if sessions in this account are chained, because the principal of the gateway's credentials is not known.
    pub fn is_unknown_for(&self, account: &AccountId) -> bool {
        self.own.identity.is_none() && !self.is_reported(account)
    }

    /// Whether sessions in this account are chained. They are unless the gateway is known to have the keys of an IAM user: a
    /// session of one hour is granted in either case.
    pub fn applies_to(&self, account: &AccountId) -> bool {
        let identity = self.own.identity.as_ref();
        let is_user = identity.is_some_and(|own| own.kind() == PrincipalKind::User);
        !is_user || self.is_reported(account)
    }

    fn is_reported(&self, account: &AccountId) -> bool {
        let reported = self.own.reported.get(account);
        reported.is_some_and(|until| *until > self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_of_a_user_are_not_chained_and_reports_end() {
        let account = AccountId::parse("111122223333").unwrap();
        let now = DateTime::UNIX_EPOCH;
        let at = |own: &OwnCredentialsState, now| RoleChaining::new(Arc::new(own.clone()), now);
        let unknown = OwnCredentialsState::default();
        assert!(at(&unknown, now).applies_to(&account));
        let identified = |arn: &str| unknown.identified(CallerIdentity::parse(arn).unwrap());
        let role = identified("arn:aws:sts::999988887777:assumed-role/gateway/i-1");
        assert!(at(&role, now).applies_to(&account));
        let user = identified("arn:aws:iam::999988887777:user/gateway");
        assert!(!at(&user, now).applies_to(&account));
        let reported = user.chaining_reported(account.clone(), now);
        assert!(at(&reported, now).applies_to(&account));
        let other = AccountId::parse("444455556666").unwrap();
        assert!(!at(&reported, now).applies_to(&other));
        assert!(!at(&reported, now + REPORT_LIFE).applies_to(&account));
        // Without an identity chaining is assumed but not known, unless STS has reported it.
        assert!(at(&unknown, now).is_unknown_for(&account));
        assert!(!at(&user, now).is_unknown_for(&account));
        let refused = reported.unidentified();
        assert!(!at(&refused, now).is_unknown_for(&account));
        assert!(at(&refused, now).is_unknown_for(&other));
        assert!(at(&refused, now).applies_to(&other));
    }

    #[test]
    fn reports_are_bounded() {
        let mut own = OwnCredentialsState::default();
        for n in 0..=REPORTS_MAX {
            let account = AccountId::parse(&format!("{n:012}")).unwrap();
            let now = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(i64::try_from(n).unwrap());
            own = own.chaining_reported(account, now);
        }
        assert_eq!(own.reported.len(), REPORTS_MAX);
        assert!(
            !own.reported
                .contains_key(&AccountId::parse("000000000000").unwrap())
        );
    }
}
