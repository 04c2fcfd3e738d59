//! The access policy (`access.toml`): which people may use which roles, under which conditions, and for how long.
//!
//! The model is that of IAM Identity Center: accounts, permission sets, assignments. A deny rule always wins. Evaluation
//! cannot fail: a claim that a rule needs and that cannot be read is rejected at sign-in ([`Policy::check_claims`]),
//! and an attribute that a role session cannot carry is rejected when the role is issued ([`Grant::attributes`]). Only
//! [`Policy::grants`] creates a [`Grant`].

mod assigned_role;
mod assignment;
mod attributes;
mod caller_trust;
mod catalog;
mod changes;
mod checks;
mod claim_names;
mod compare;
mod condition;
mod console_method;
mod coverage;
mod duration_reason;
mod explain;
mod glob;
mod grant;
mod index;
mod match_counter;
mod permission_set;
mod policy;
mod read;
mod remediation;
mod role_request;
mod selector;
mod standing;
mod template;
mod trust;
mod views;
mod who;
mod who_can;

pub use assigned_role::AssignedRole;
pub use attributes::{ACCOUNT_TAG, AttributeError, PERMISSION_SET_TAG, RoleSessionAttributes};
pub use caller_trust::CallerTrust;
pub use catalog::{
    Account, AccountName, Audience, InvalidAccountName, InvalidAudience, InvalidOuPath,
    InvalidPermissionSetName, InvalidVariantName, OuPath, PermissionSetName, VariantName,
};
pub(crate) use catalog::{is_tag_key, is_tag_value};
pub use changes::PolicyChanges;
pub use checks::KeyCheck;
pub use compare::{
    AffectedPerson, Change, Comparison, Effect, RoleDifference, RuleDifference, RuleEdit, Tally,
    UnknownMatches,
};
pub use condition::{Condition, Unmet};
pub use console_method::ConsoleMethod;
pub use coverage::{CoverageChange, CoverageKind};
pub use duration_reason::DurationReason;
pub use explain::{EvaluatedRule, Explanation, RuleOutcome};
pub use grant::{Grant, Grants, Locked};
pub use permission_set::{PermissionSet, RolePermissions, SessionPolicies, SessionTag, Variant};
pub use policy::Policy;
pub use read::{
    Files, OidcClientFacts, PolicyContext, PolicyFile, ProviderFacts, ProviderProtocol,
    UnsupportedFacts,
};
pub use remediation::Remediation;
pub use role_request::{RoleAccess, RoleRequest};
pub use template::{InvalidTemplate, Placeholder, RenderError, Template};
pub use trust::{GatewaySaml, ProviderOidc, Trust};
pub use views::{ConditionView, RuleView, WhoView};
pub use who::{AnchoredPattern, InvalidPattern, RuleKind, UnmetCondition, Who};
pub use who_can::{MatchingAssignment, PersonAccess, RoleRules};

pub use crate::config_file::{ConfigError, ConfigErrors};
