//! Parameters that `AssumeRoleWithWebIdentity` and `AssumeRoleWithSAML` share: role, duration and session policies.

use serde_json::Value;

use super::error::{AwsError, ErrorCode};
use super::wire::Parameters;

/// AWS does not publish how much space session policies and tags share. Here tags count in full and policies, which
/// compress, by a quarter. Seven tags of the length of GitHub's are then too large, as observed at AWS.
const PACKED_BYTES: usize = 1_024;

/// The shared parameters, within their limits.
pub(super) struct AssumeRoleParameters<'a> {
    pub role_arn: &'a str,
    pub seconds: u64,
    policy: Option<&'a str>,
    policy_arns: Vec<&'a str>,
}

impl<'a> AssumeRoleParameters<'a> {
    /// Reads the parameters and adds validation errors to `parameters`.
    pub fn read(parameters: &mut Parameters<'a>) -> Self {
        let request = AssumeRoleParameters {
            role_arn: parameters.required("RoleArn", 20, 2_048),
            seconds: parameters.duration(),
            policy: parameters.get("Policy"),
            policy_arns: parameters.list("PolicyArns", ".arn"),
        };
        if let Some(policy) = request.policy {
            parameters.length("policy", policy, 1, 2_048);
        }
        if request.policy_arns.len() > 10 {
            let count = format!("'{} members'", request.policy_arns.len());
            parameters.add_error(
                &count,
                "policyArns",
                "Member must have length less than or equal to 10",
            );
        }
        for (n, arn) in (1..).zip(&request.policy_arns) {
            parameters.length(&format!("policyArns.{n}.member.arn"), arn, 20, 2_048);
        }
        request
    }

    /// The account ID in the role ARN.
    pub fn account(&self) -> Result<&'a str, AwsError> {
        account_of(self.role_arn)
            .ok_or_else(|| AwsError::new(ErrorCode::ValidationError, "Request ARN is invalid"))
    }

    /// Checks that the inline session policy is JSON with statements that do not specify a principal.
    pub fn check_policy(&self) -> Result<(), AwsError> {
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

/// The account ID in a role ARN.
pub(super) fn account_of(role_arn: &str) -> Option<&str> {
    let (account, role) = role_arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    role.starts_with("role/").then_some(account)
}
