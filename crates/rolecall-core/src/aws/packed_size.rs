//! Packed size: the share of STS's space for session policies and session tags that a request takes.
//!
//! STS packs the inline policy, the ARNs and the tags into a binary format whose limit is not documented, and returns the
//! percentage that is used. The numbers here are bounds around published reports: tags of 400 characters took
//! 75 %, inline policies of 1,100 to 1,700 characters with many actions took 100 to 160 %, repetitive ones far less.

use super::{PolicyArn, RoleSessionTags, SessionPolicy};

/// The parts of a request that are packed, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedSize {
    policy: usize,
    arns: usize,
    tags: usize,
}

/// Characters per percent if little can be compressed.
const POLICY_CHARS_PER_PERCENT: usize = 12;
const TAG_CHARS_PER_PERCENT: usize = 5;
/// Characters per percent in the best packing that is known.
const POLICY_CHARS_PER_PERCENT_MAX: usize = 40;
const TAG_CHARS_PER_PERCENT_MAX: usize = 25;

impl PackedSize {
    /// The size of a request.
    pub fn of(policy: Option<&SessionPolicy>, arns: &[PolicyArn], tags: &RoleSessionTags) -> Self {
        let chars = |text: &str| text.chars().count();
        Self {
            policy: policy.map_or(0, |policy| chars(policy.as_str())),
            arns: arns.len(),
            tags: tags
                .iter()
                .map(|(key, value)| chars(key) + chars(value))
                .sum(),
        }
    }

    /// The percentage that STS is expected to report if it has reported none for similar requests.
    pub fn estimate(&self) -> usize {
        self.policy.div_ceil(POLICY_CHARS_PER_PERCENT)
            + self.arns
            + self.tags.div_ceil(TAG_CHARS_PER_PERCENT)
    }

    /// A lower bound of the percentage that STS reports.
    pub fn minimum(&self) -> usize {
        self.policy / POLICY_CHARS_PER_PERCENT_MAX + self.tags / TAG_CHARS_PER_PERCENT_MAX
    }

    /// Estimated number of characters that more tags can have.
    pub fn room_for_tags(&self) -> usize {
        100_usize.saturating_sub(self.estimate()) * TAG_CHARS_PER_PERCENT
    }

    /// Characters of the keys and values of the tags.
    pub fn tag_chars(&self) -> usize {
        self.tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::TagKey;

    #[test]
    fn estimates_are_near_what_was_reported_and_minima_below_it() {
        for (policy, arns, tags, reported) in [
            (1_690, 0, 0, 157),
            (1_270, 0, 0, 118),
            (0, 0, 400, 74),
            (0, 2, 60, 12),
        ] {
            let size = PackedSize { policy, arns, tags };
            let estimate = size.estimate();
            assert!(
                estimate.abs_diff(reported) * 5 <= reported,
                "{size:?}: {estimate}"
            );
            assert!(size.minimum() < reported, "{size:?}");
        }
        let size = PackedSize {
            policy: 0,
            arns: 0,
            tags: 400,
        };
        assert_eq!(size.room_for_tags(), 100);
        let full = PackedSize {
            policy: 2_048,
            arns: 10,
            tags: 3_000,
        };
        assert_eq!(full.room_for_tags(), 0);
        assert!(full.minimum() > 100);
    }

    #[test]
    fn keys_and_values_count_in_characters() {
        let mut tags = RoleSessionTags::default();
        tags.add(TagKey::parse("team").unwrap(), "Zürich").unwrap();
        let size = PackedSize::of(None, &[], &tags);
        assert_eq!((size.tag_chars(), size.estimate()), (10, 2));
        assert_eq!(
            PackedSize::of(None, &[], &RoleSessionTags::default()).estimate(),
            0
        );
    }
}
