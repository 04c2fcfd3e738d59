//! Parameters common to the `AssumeRole*` operations, as types of the SDK.

use aws_sdk_sts::error::BuildError;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use rolecall_core::aws::{PolicyArn, RoleSessionDuration, RoleSessionTags, SessionPolicy};

/// `DurationSeconds`
pub(super) fn duration(duration: RoleSessionDuration) -> i32 {
    duration.seconds().cast_signed()
}

pub(super) fn policy(policy: Option<&SessionPolicy>) -> Option<String> {
    policy.map(|policy| policy.as_str().to_owned())
}

/// `PolicyArns`; `None` if there are none.
pub(super) fn policy_arns(arns: &[PolicyArn]) -> Option<Vec<PolicyDescriptorType>> {
    let arns = arns.iter();
    let managed: Vec<PolicyDescriptorType> = arns
        .map(|arn| PolicyDescriptorType::builder().arn(arn.as_str()).build())
        .collect();
    Some(managed).filter(|managed| !managed.is_empty())
}

/// `Tags`; absent when there are none.
pub(super) fn tags(tags: &RoleSessionTags) -> Result<Option<Vec<Tag>>, BuildError> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()?;
    Ok(Some(tags).filter(|tags| !tags.is_empty()))
}

/// `TransitiveTagKeys`; absent when there are none.
pub(super) fn transitive_tag_keys(tags: &RoleSessionTags) -> Option<Vec<String>> {
    let keys: Vec<String> = tags.transitive().map(str::to_owned).collect();
    Some(keys).filter(|keys| !keys.is_empty())
}
