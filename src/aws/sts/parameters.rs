//! Parameters common to the `AssumeRole*` operations, as types of the SDK.

use aws_sdk_sts::types::PolicyDescriptorType;
use rolecall_core::aws::RoleSessionParameters;

/// `DurationSeconds`
pub(super) fn duration(session: &RoleSessionParameters) -> i32 {
    session.duration.seconds().cast_signed()
}

/// `Policy`
pub(super) fn policy(session: &RoleSessionParameters) -> Option<String> {
    let policy = session.session_policy.as_ref();
    policy.map(|policy| policy.as_str().to_owned())
}

/// `PolicyArns`; `None` if there are none.
pub(super) fn policy_arns(session: &RoleSessionParameters) -> Option<Vec<PolicyDescriptorType>> {
    let arns = session.policy_arns.iter();
    let managed: Vec<PolicyDescriptorType> = arns
        .map(|arn| PolicyDescriptorType::builder().arn(arn.as_str()).build())
        .collect();
    Some(managed).filter(|managed| !managed.is_empty())
}
