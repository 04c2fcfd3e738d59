//! What the operations that issue credentials have in common: a role, a duration, session policies.

use serde_json::Value;

use super::error::{AwsError, ErrorCode};
use super::partition::Partition;
use super::wire::Parameters;

/// AWS does not publish how much space session policies and tags share. Here tags count in full and policies, which
/// compress, by a quarter. Seven tags of the length of GitHub's are then too large, as observed at AWS.
const PACKED_BYTES: usize = 1_024;

/// The parameters that all `AssumeRole*` operations have, within their limits.
pub(super) struct AssumeRoleParameters<'a> {
    pub role_arn: &'a str,
    pub seconds: u64,
    pub policies: SessionPolicies<'a>,
}

/// `Policy` and `PolicyArns`.
#[derive(Default)]
pub(super) struct SessionPolicies<'a> {
    pub policy: Option<&'a str>,
    pub policy_arns: Vec<&'a str>,
}

impl<'a> AssumeRoleParameters<'a> {
    /// Reads the parameters and adds validation errors to `parameters`.
    pub fn read(parameters: &mut Parameters<'a>) -> Self {
        AssumeRoleParameters {
            role_arn: parameters.required("RoleArn", 20, 2_048),
            seconds: parameters.duration(3_600, 43_200),
            policies: SessionPolicies::read(parameters),
        }
    }

    /// The account ID in the role ARN, which must be one of this partition.
    pub fn account(&self, partition: Partition) -> Result<&'a str, AwsError> {
        partition
            .account_of_role(self.role_arn)
            .ok_or_else(|| AwsError::new(ErrorCode::ValidationError, "Request ARN is invalid"))
    }

    /// See [`SessionPolicies::check`].
    pub fn check_policy(&self) -> Result<(), AwsError> {
        self.policies.check()
    }

    /// See [`SessionPolicies::packed`].
    pub fn packed(&self, tags: &[(String, String)]) -> Result<Option<usize>, AwsError> {
        self.policies.packed(tags)
    }
}

impl<'a> SessionPolicies<'a> {
    /// Reads them; what is wrong with them is added to the errors of `parameters`.
    pub fn read(parameters: &mut Parameters<'a>) -> Self {
        let policies = SessionPolicies {
            policy: parameters.get("Policy"),
            policy_arns: parameters.list("PolicyArns", ".arn"),
        };
        if let Some(policy) = policies.policy {
            parameters.length("policy", policy, 1, 2_048);
        }
        if policies.policy_arns.len() > 10 {
            let count = format!("'{} members'", policies.policy_arns.len());
            parameters.add_error(
                &count,
                "policyArns",
                "Member must have length less than or equal to 10",
            );
        }
        for (n, arn) in (1..).zip(&policies.policy_arns) {
            parameters.length(&format!("policyArns.{n}.member.arn"), arn, 20, 2_048);
        }
        policies
    }

    /// Inline session policies must be JSON with statements; they cannot name a principal.
    pub fn check(&self) -> Result<(), AwsError> {
        let malformed = |message: &str| AwsError::new(ErrorCode::MalformedPolicyDocument, message);
        let Some(policy) = self.policy else {
            return Ok(());
        };
        let document: Value = serde_json::from_str(policy)
            .map_err(|_| malformed("This policy contains invalid Json"))?;
        let statements: Vec<&Value> = match document.get("Statement") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            Some(_) | None => return Err(malformed("Syntax errors in policy.")),
        };
        for statement in statements {
            if !matches!(
                statement.get("Effect").and_then(Value::as_str),
                Some("Allow" | "Deny")
            ) {
                return Err(malformed("Syntax errors in policy."));
            }
            if statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some() {
                return Err(malformed("Policy document should not specify a principal."));
            }
        }
        Ok(())
    }

    /// `PackedPolicySize`: percentage of the allotted space, if there are tags or policies.
    pub fn packed(&self, tags: &[(String, String)]) -> Result<Option<usize>, AwsError> {
        let tag_bytes: usize = tags
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let policy_bytes = self.policy.map_or(0, str::len)
            + self.policy_arns.iter().map(|arn| arn.len()).sum::<usize>();
        match (tag_bytes + policy_bytes / 4) * 100 / PACKED_BYTES {
            _ if tag_bytes + policy_bytes == 0 => Ok(None),
            percent if percent > 100 => Err(AwsError::packed_too_large(percent)),
            percent => Ok(Some(percent)),
        }
    }
}
