//! One role: trust policy, duration and permissions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Document, listed, shown};
use super::finding::{Finding, FindingKind, Fix};
use super::fix;
use super::observed::{ObservedAccount, ObservedRole, PolicyText};
use super::trust;
use crate::aws::AccountId;
use crate::provisioning::{Node, RolePlan};

/// The longest session with role chaining (IAM User Guide, "Roles terms and concepts").
const CHAINED_SECONDS_MAX: u32 = 3_600;

const DENY_NOTE: &str =
    "keep the policy until the sessions that it may revoke have expired, then delete it";

/// A role of the plan, and what the account has in its place.
pub(super) struct RoleComparison<'a> {
    pub account: &'a AccountId,
    pub plan: &'a RolePlan,
    pub observed: &'a ObservedAccount,
    pub found: &'a ObservedRole,
    /// Condition keys, in lower case, that requests of the gateway do not have.
    pub absent: &'a [String],
    pub findings: Vec<Finding>,
    /// What could not be compared.
    pub unseen: BTreeSet<String>,
}

/// A part of the plan as a JSON value.
fn value(node: &Node<String>) -> Value {
    serde_json::to_value(node).unwrap_or_default()
}

impl RoleComparison<'_> {
    fn add(&mut self, kind: FindingKind, found: String, fix: Fix) {
        self.findings.push(Finding {
            kind,
            account: Some(self.account.clone()),
            resource: Some(shown(&self.found.arn)),
            found,
            fix,
        });
    }

    /// Compares everything.
    pub fn compare(&mut self) {
        self.trust();
        self.duration();
        if self.plan.describes_permissions() {
            self.attached();
            self.inline();
            self.boundary();
        } else {
            self.unseen.insert(format!(
                "permissions of {}: the access files do not describe them",
                self.plan.path()
            ));
        }
    }

    fn trust(&mut self) {
        let node = self.plan.trust().node().fill(self.account);
        let Ok(model) = Document::parse(&value(&node)) else {
            return;
        };
        let name = self.found.name.as_str();
        let policy = node.compact();
        let update = || {
            fix::of_role([vec![
                "aws",
                "iam",
                "update-assume-role-policy",
                "--role-name",
                name,
                "--policy-document",
                &policy,
            ]])
        };
        self.chaining(&model);
        match self.found.trust.document() {
            Ok(found) => {
                for difference in trust::differences(&model, &found, self.absent) {
                    let fix = update();
                    self.add(difference.kind, difference.found, fix);
                }
            }
            Err(malformed) => {
                let fix = update();
                self.add(FindingKind::TrustUnreadable, malformed.0, fix);
            }
        }
    }

    /// Sessions that are requested with the credentials of a role.
    fn chaining(&mut self, model: &Document) {
        let seconds = self.plan.max_session_seconds();
        let principals = trust::principals(model);
        let mut roles = principals.iter().filter(|one| one.value.contains(":role/"));
        if let Some(principal) =
            roles.find(|one| one.kind == "AWS" && seconds > CHAINED_SECONDS_MAX)
        {
            let found = format!(
                "the permission set permits {seconds} seconds, and {} requests the sessions",
                shown(&principal.value)
            );
            let fix = fix::advice(
                "set session_duration of the permission set or assignment to at most \"1h\"; or give the gateway the credentials of an IAM user",
            );
            self.add(FindingKind::DurationChaining, found, fix);
        }
    }

    fn duration(&mut self) {
        let Some(&seconds) = self.observed.max_session_seconds.get(&self.found.arn) else {
            self.unseen.insert(format!(
                "MaxSessionDuration in account {}: it is only in the output of `aws iam list-roles`",
                self.account
            ));
            return;
        };
        let expected = self.plan.max_session_seconds();
        let kind = match seconds.cmp(&expected) {
            std::cmp::Ordering::Less => FindingKind::DurationShort,
            std::cmp::Ordering::Greater => FindingKind::DurationLong,
            std::cmp::Ordering::Equal => return,
        };
        let wanted = expected.to_string();
        let fix = fix::of_role([vec![
            "aws",
            "iam",
            "update-role",
            "--role-name",
            &self.found.name,
            "--max-session-duration",
            &wanted,
        ]]);
        let found = format!("MaxSessionDuration is {seconds} seconds instead of {expected}");
        self.add(kind, found, fix);
    }

    fn attached(&mut self) {
        let name = self.found.name.as_str();
        let mut expected = BTreeSet::new();
        let arns = self.plan.managed_policies().iter();
        expected.extend(arns.map(|arn| arn.fill(self.account)));
        let generated: Vec<(String, Node<String>)> = self
            .plan
            .customer_managed_policies()
            .map(|(policy, document)| (self.policy_arn(&policy), document.fill(self.account)))
            .collect();
        expected.extend(generated.iter().map(|(arn, _)| arn.clone()));
        for arn in expected.difference(&self.found.attached) {
            let attach = vec![
                "aws",
                "iam",
                "attach-role-policy",
                "--role-name",
                name,
                "--policy-arn",
                arn,
            ];
            let found = format!("{} is not attached", shown(arn));
            self.add(
                FindingKind::ManagedPolicyMissing,
                found,
                fix::of_role([attach]),
            );
        }
        for arn in self.found.attached.difference(&expected) {
            let detach = vec![
                "aws",
                "iam",
                "detach-role-policy",
                "--role-name",
                name,
                "--policy-arn",
                arn,
            ];
            let found = format!("{} is attached", shown(arn));
            self.add(
                FindingKind::ManagedPolicyExtra,
                found,
                fix::of_role([detach]),
            );
        }
        for (arn, document) in generated {
            match self.observed.policies.get(&arn) {
                Some(found) => self.generated_policy(&arn, &document, found),
                None if self.found.attached.contains(&arn) => {
                    self.unseen
                        .insert(format!("content of {arn}: it is not in the output"));
                }
                None => {}
            }
        }
    }

    /// ARN of a generated policy: with the path of the role.
    fn policy_arn(&self, name: &str) -> String {
        let partition = self.found.arn.split(':').nth(1).unwrap_or_default();
        format!(
            "arn:{partition}:iam::{}:policy{}{name}",
            self.account,
            self.plan.iam_path()
        )
    }

    fn generated_policy(&mut self, arn: &str, document: &Node<String>, found: &PolicyText) {
        let Some(difference) = difference(&value(document), found) else {
            return;
        };
        let policy = document.compact();
        let create = vec![
            "aws",
            "iam",
            "create-policy-version",
            "--policy-arn",
            arn,
            "--set-as-default",
            "--policy-document",
            &policy,
        ];
        let found = format!("{}: {difference}", shown(arn));
        self.add(
            FindingKind::ManagedPolicyDiffers,
            found,
            fix::of_role([create]),
        );
    }

    fn inline(&mut self) {
        let name = self.found.name.as_str();
        let expected = self
            .plan
            .inline_policy()
            .map(|node| node.fill(self.account));
        let expected_value = expected.as_ref().map(value);
        let is_expected = |found: &PolicyText| {
            let expected = expected_value.as_ref();
            expected.is_some_and(|expected| difference(expected, found).is_none())
        };
        // A policy with the same content under another name is not a difference.
        let same = self
            .found
            .inline
            .iter()
            .find(|(_, found)| is_expected(found));
        let same = same.map(|(name, _)| name.as_str());
        let own = RolePlan::INLINE_POLICY_NAME;
        if let (Some(expected), Some(expected_value), None) = (&expected, &expected_value, same) {
            let policy = expected.compact();
            let put = vec![
                "aws",
                "iam",
                "put-role-policy",
                "--role-name",
                name,
                "--policy-name",
                own,
                "--policy-document",
                &policy,
            ];
            let fix = fix::of_role([put]);
            match self
                .found
                .inline
                .get(own)
                .and_then(|found| difference(expected_value, found))
            {
                Some(difference) => {
                    let found = format!("the inline policy {own}: {difference}");
                    self.add(FindingKind::InlinePolicyDiffers, found, fix);
                }
                None => {
                    let found = format!("there is no inline policy {own}");
                    self.add(FindingKind::InlinePolicyMissing, found, fix);
                }
            }
        }
        let accounted = same.or(expected.is_some().then_some(own));
        for (policy, document) in &self.found.inline {
            if Some(policy.as_str()) == accounted {
                continue;
            }
            let found = format!("there is an inline policy {}", shown(policy));
            match document.document() {
                Ok(document) if document.only_denies() => {
                    let fix = fix::advice(DENY_NOTE);
                    self.add(FindingKind::InlineDenyExtra, found, fix);
                    continue;
                }
                Ok(_) | Err(_) => {}
            }
            let delete = vec![
                "aws",
                "iam",
                "delete-role-policy",
                "--role-name",
                name,
                "--policy-name",
                policy,
            ];
            let fix = fix::of_role([delete]);
            self.add(FindingKind::InlinePolicyExtra, found, fix);
        }
    }

    fn boundary(&mut self) {
        let name = self.found.name.as_str();
        let expected = self
            .plan
            .permissions_boundary()
            .map(|arn| arn.fill(self.account));
        let put = |arn| {
            fix::of_role([vec![
                "aws",
                "iam",
                "put-role-permissions-boundary",
                "--role-name",
                name,
                "--permissions-boundary",
                arn,
            ]])
        };
        match (&expected, &self.found.boundary) {
            (Some(expected), Some(found)) if expected != found => {
                let text = format!("the boundary is {} instead of {expected}", shown(found));
                self.add(FindingKind::BoundaryDiffers, text, put(expected));
            }
            (Some(expected), None) => {
                let text = format!("there is no boundary instead of {expected}");
                self.add(FindingKind::BoundaryMissing, text, put(expected));
            }
            (None, Some(found)) => {
                let delete = vec![
                    "aws",
                    "iam",
                    "delete-role-permissions-boundary",
                    "--role-name",
                    name,
                ];
                let text = format!("there is the boundary {}", shown(found));
                self.add(FindingKind::BoundaryExtra, text, fix::of_role([delete]));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

/// How a permission policy differs from the model, if it does.
fn difference(model: &Value, found: &PolicyText) -> Option<String> {
    let model = Document::parse(model).ok()?;
    let found = match found.document() {
        Ok(found) => found,
        Err(malformed) => return Some(format!("it cannot be evaluated: {}", malformed.0)),
    };
    let statements = |statements: Vec<&super::document::Statement>| {
        listed(statements.iter().map(|statement| statement.to_string()))
    };
    let (extra, missing) = (found.without(&model), model.without(&found));
    match (extra.is_empty(), missing.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("{} is not in the model", statements(extra))),
        (true, false) => Some(format!("{} of the model is missing", statements(missing))),
        (false, false) => Some(format!("{} differs from the model", statements(extra))),
    }
}
