//! What AWS accounts need before they accept a session of the gateway: identity provider, roles with trust policies, their
//! permissions, the roles and policies of the gateway itself, and a resource control policy.
//!
//! A plan is computed from the access policy alone. Names of session tags, roles, audiences and recipients come from the
//! functions that the gateway uses when it requests a session. Nothing here is a file format: `rolecalld` renders plans as
//! CloudFormation and Terraform. The same policy has the same plan.

mod account;
mod document;
mod error;
mod guard;
mod installation;
mod intermediate;
mod node;
mod permissions;
mod plan;
mod role;
mod stack_set;
mod text;
mod trust;
mod user;

pub use account::{AccountPlan, PrincipalPlan, ProviderPlan};
pub use document::PolicyDocument;
pub use error::{PlanError, PlanNote};
pub use guard::{GuardError, resource_control_policy};
pub use installation::{
    Existing, ExistingProviders, GatewayPrincipal, Installation, InvalidGatewayPrincipal,
    PrincipalKind,
};
pub use node::{Members, Node};
pub use plan::{Plan, plan};
pub use role::{RolePlan, resource_name};
pub use stack_set::{StackSetContent, StackSetPlan, StackSets, stack_sets};
pub use text::{AccountPart, AccountText};
pub use user::UserPlan;
