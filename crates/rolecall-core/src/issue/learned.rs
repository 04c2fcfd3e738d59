//! Limits of AWS that are learned from its recent responses. Each replica keeps them in memory: a bounded number, for
//! [`limits::LEARNED_KEPT`].

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::aws::{PackedSize, RoleArn, RoleSessionDuration};
use crate::base::limits;
use crate::base::secret::SecretDigest;

/// See the module.
#[derive(Default)]
pub(crate) struct Learned {
    /// Roles that permit only shorter sessions than were requested, with the shortest duration that AWS refused.
    short_roles: Mutex<Recent<RoleArn, RoleSessionDuration>>,
    /// Packed sizes that STS reported, by person, role and session policies.
    sizes: Mutex<Recent<SecretDigest, Observed>>,
}

/// Responses of STS to requests with the same session policies.
#[derive(Clone, Copy, Default)]
struct Observed {
    /// The last request, and its packed size in percent.
    last: Option<(PackedSize, usize)>,
    /// Characters of the tags of the smallest request that was refused, and when this expires. Accepted requests do not
    /// extend it.
    refused: Option<(usize, DateTime<Utc>)>,
}

/// Expected packed size of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prediction {
    /// Percentage of the space for session policies and tags.
    pub(super) percent: usize,
    /// Whether a request of more than 100 % is certain to be refused.
    pub(super) is_certain: bool,
}

impl Learned {
    /// AWS refused a session of this duration because of the role's `MaxSessionDuration`, which the refusal does not contain.
    pub(super) fn duration_was_refused(
        &self,
        role: &RoleArn,
        refused: RoleSessionDuration,
        now: DateTime<Utc>,
    ) {
        let mut short = lock(&self.short_roles);
        let known = short.get(role, now).copied();
        let shortest = known.map_or(refused, |known| known.min(refused));
        short.put(role.clone(), shortest, now);
    }

    /// Whether AWS is known to refuse a session of this duration: it refused one that is as long, or shorter. The role's other
    /// permission sets and variants, whose sessions are shorter, are not affected.
    pub(super) fn exceeds_maximum(
        &self,
        role: impl FnOnce() -> RoleArn,
        duration: RoleSessionDuration,
        now: DateTime<Utc>,
    ) -> bool {
        let short = lock(&self.short_roles);
        // Pages ask for each of hundreds of roles, and nearly always nothing is known of any.
        !short.entries.is_empty()
            && short
                .get(&role(), now)
                .is_some_and(|shortest| duration >= *shortest)
    }

    /// STS reported how much a request took. More than 100 % was refused.
    pub(super) fn size_is(
        &self,
        limits: SecretDigest,
        size: PackedSize,
        percent: usize,
        now: DateTime<Utc>,
    ) {
        let mut sizes = lock(&self.sizes);
        let mut observed = sizes.get(&limits, now).copied().unwrap_or_default();
        let chars = size.tag_chars();
        observed.last = Some((size, percent));
        let known = observed.refused.filter(|(_, until)| *until > now);
        observed.refused = if percent > 100 {
            let smallest = known.map_or(chars, |(smallest, _)| smallest.min(chars));
            Some((smallest, now + limits::LEARNED_KEPT))
        } else {
            // As large a request was accepted: it is not the size of the tags alone.
            known.filter(|(smallest, _)| *smallest > chars)
        };
        sizes.put(limits, observed, now);
    }

    /// Estimates the packed size, scaled by the ratio that the last request with the same session policies had.
    pub(super) fn predict(
        &self,
        limits: SecretDigest,
        size: PackedSize,
        now: DateTime<Utc>,
    ) -> Prediction {
        let observed = lock(&self.sizes).get(&limits, now).copied();
        let observed = observed.unwrap_or_default();
        let scaled = observed.last.map_or(size.estimate(), |(last, percent)| {
            size.estimate() * percent.max(1) / last.estimate().max(1)
        });
        let was_refused = observed
            .refused
            .is_some_and(|(smallest, until)| until > now && size.tag_chars() >= smallest);
        let (least, more) = (size.minimum(), was_refused.then_some(101));
        Prediction {
            percent: scaled.max(least).max(more.unwrap_or_default()),
            is_certain: least > 100 || was_refused,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A map of at most [`limits::LEARNED_MAX`] entries, each with its expiry.
struct Recent<K, V> {
    entries: HashMap<K, (DateTime<Utc>, V)>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    /// Replaces an entry. A full map loses the entry that would expire first.
    fn put(&mut self, key: K, value: V, now: DateTime<Utc>) {
        let entries = &mut self.entries;
        if entries.len() >= limits::LEARNED_MAX && !entries.contains_key(&key) {
            entries.retain(|_, (until, _)| *until > now);
            let first = entries.iter().min_by_key(|(_, (until, _))| *until);
            let first = first.map(|(key, _)| key.clone());
            if entries.len() >= limits::LEARNED_MAX
                && let Some(first) = first
            {
                entries.remove(&first);
            }
        }
        entries.insert(key, (now + limits::LEARNED_KEPT, value));
    }

    fn get(&self, key: &K, now: DateTime<Utc>) -> Option<&V> {
        let (until, value) = self.entries.get(key)?;
        (*until > now).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::aws::{RoleSessionTags, TagKey};

    fn size(tag_chars: usize) -> PackedSize {
        let mut tags = RoleSessionTags::default();
        let mut left = tag_chars;
        for n in 10.. {
            let value = "x".repeat(left.saturating_sub(2).min(256));
            if left < 2 {
                break;
            }
            left -= 2 + value.len();
            tags.add(TagKey::parse(&n.to_string()).unwrap(), &value)
                .unwrap();
        }
        PackedSize::of(None, &[], &tags)
    }

    #[test]
    fn predictions_follow_what_sts_reported() {
        let learned = Learned::default();
        let now = DateTime::UNIX_EPOCH;
        let limits = |name: &str| SecretDigest::of("test", &[name.as_bytes()]);
        let predict = |name, chars| learned.predict(limits(name), size(chars), now);
        let open = |percent| Prediction {
            percent,
            is_certain: false,
        };
        let refused = |percent| Prediction {
            percent,
            is_certain: true,
        };
        assert_eq!(predict("a", 400), open(80));
        assert_eq!(predict("a", 600), open(120));
        learned.size_is(limits("a"), size(400), 20, now);
        assert_eq!(predict("a", 600), open(30));
        assert_eq!(predict("a", 2_400), open(120));
        assert_eq!(predict("b", 600), open(120), "others have their own");
        learned.size_is(limits("a"), size(600), 134, now);
        assert_eq!(predict("a", 600), refused(134));
        assert_eq!(predict("a", 900), refused(201));
        assert_eq!(predict("a", 400), open(89));
        // Replicas and requests at the same time can send a larger one. The smallest counts.
        learned.size_is(limits("a"), size(900), 134, now);
        assert!(predict("a", 600).is_certain && !predict("a", 599).is_certain);
        // A smaller one is accepted: the larger ones still are not.
        learned.size_is(limits("a"), size(400), 90, now);
        assert_eq!(predict("a", 400), open(90));
        assert_eq!(predict("a", 600), refused(135));
        // As large a one is accepted.
        learned.size_is(limits("a"), size(600), 50, now);
        assert_eq!(predict("a", 600), open(50));
        // An accepted request does not prolong what is remembered of a refusal.
        learned.size_is(limits("d"), size(600), 134, now);
        let almost = now + limits::LEARNED_KEPT - chrono::TimeDelta::seconds(1);
        learned.size_is(limits("d"), size(400), 60, almost);
        let predict_d = |at| learned.predict(limits("d"), size(600), at).is_certain;
        assert!(predict_d(almost) && !predict_d(now + limits::LEARNED_KEPT));
        let later = now + limits::LEARNED_KEPT;
        assert_eq!(learned.predict(limits("a"), size(600), later), open(120));
        assert!(predict("c", 2_600).is_certain, "nothing packs so well");
        learned.size_is(limits("c"), size(10), 0, now);
        assert_eq!(predict("c", 20).percent, 2);
    }

    #[test]
    fn durations_as_long_as_a_refused_one_exceed_the_maximum() {
        let learned = Learned::default();
        let now = DateTime::UNIX_EPOCH;
        let role: RoleArn = "arn:aws:iam::111122223333:role/Developer".parse().unwrap();
        let hours = |hours: u32| RoleSessionDuration::from_seconds(hours * 3_600).unwrap();
        let exceeding = |now| {
            let exceeds = |of: &u32| learned.exceeds_maximum(|| role.clone(), hours(*of), now);
            (1..=12).filter(exceeds).min()
        };
        assert_eq!(exceeding(now), None);
        learned.duration_was_refused(&role, hours(12), now);
        assert_eq!(exceeding(now), Some(12));
        learned.duration_was_refused(&role, hours(4), now);
        assert_eq!(exceeding(now), Some(4));
        learned.duration_was_refused(&role, hours(8), now);
        assert_eq!(exceeding(now), Some(4), "the shorter one is kept");
        assert_eq!(exceeding(now + limits::LEARNED_KEPT), None);
    }

    #[test]
    fn entries_are_forgotten_and_bounded() {
        let start = DateTime::UNIX_EPOCH;
        let mut recent = Recent::default();
        for n in 0..=limits::LEARNED_MAX {
            let now = start + TimeDelta::milliseconds(i64::try_from(n).unwrap());
            recent.put(n, n, now);
        }
        assert_eq!(recent.entries.len(), limits::LEARNED_MAX);
        assert_eq!(recent.get(&0, start), None, "the oldest made room");
        assert_eq!(recent.get(&1, start), Some(&1));
        recent.put(1, 7, start);
        assert_eq!(recent.entries.len(), limits::LEARNED_MAX);
        assert_eq!(recent.get(&1, start), Some(&7));
        let later = start + limits::LEARNED_KEPT + TimeDelta::seconds(60);
        assert_eq!(recent.get(&1, later), None);
        recent.put(0, 0, later);
        assert_eq!(recent.entries.len(), 1, "what is forgotten makes room");
    }
}
