//! `access.toml`, parsed: who may use which role, when, and for how long.
//!
//! The model is IAM Identity Center's: accounts, permission sets, assignments. A deny always wins. Once it is
//! parsed, evaluating it cannot fail: what a rule cannot read is refused at sign-in ([`Policy::check_claims`]), what a role session
//! cannot carry when it is issued ([`Grant::attributes`]). A [`Grant`] comes from [`Policy::grants`] and from nowhere else.

mod assignment;
mod attributes;
mod catalog;
mod changes;
mod claim_names;
mod condition;
mod explain;
mod glob;
mod grant;
mod index;
mod match_counter;
mod policy;
mod read;
mod remediation;
mod role_request;
mod selector;
mod template;
mod who;

pub use attributes::{ACCOUNT_TAG, AttributeError, PERMISSION_SET_TAG, RoleSessionAttributes};
pub use catalog::{
    Account, AccountName, Audience, ConsoleMethod, GatewaySaml, InvalidAccountName,
    InvalidAudience, InvalidOuPath, InvalidPermissionSetName, InvalidVariantName, Limits, OuPath,
    PermissionSet, PermissionSetName, Trust, Variant, VariantName,
};
pub use changes::PolicyChanges;
pub use condition::{Condition, Unmet};
pub use explain::{EvaluatedRule, Explanation, RuleOutcome};
pub use grant::{DurationReason, Grant, Grants, Locked};
pub use policy::Policy;
pub use read::{Files, PolicyContext, ProviderFacts, Source, UnsupportedFacts};
pub use remediation::Remediation;
pub use role_request::{RoleAccess, RoleRequest};
pub use template::{InvalidTemplate, Placeholder, RenderError, Template};
pub use who::{AnchoredPattern, InvalidPattern, UnmetCondition, Who, WhoUse};

pub use crate::config_file::{ConfigError, ConfigErrors};
