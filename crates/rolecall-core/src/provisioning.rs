//! What AWS accounts need before they accept a session of the gateway: identity provider, roles with trust policies, their
//! permissions, and a resource control policy.
//!
//! A plan is computed from the access policy alone. Names of session tags, roles, audiences and recipients come from the
//! functions that the gateway uses when it requests a session. Nothing here is a file format: `rolecalld` renders plans as
//! CloudFormation and Terraform. The same policy has the same plan.

mod account;
mod document;
mod error;
mod guard;
mod installation;
mod node;
mod permissions;
mod plan;
mod role;
mod stack_set;
mod text;
mod trust;

pub use account::{AccountPlan, ProviderPlan};
pub use document::PolicyDocument;
pub use error::{PlanError, PlanNote};
pub use guard::{GuardError, resource_control_policy};
pub use installation::{GatewayPrincipal, Installation, InvalidGatewayPrincipal};
pub use node::{Members, Node};
pub use plan::{Plan, plan};
pub use role::{RolePlan, resource_name};
pub use stack_set::{StackSetContent, StackSetPlan, StackSets, stack_sets};
pub use text::{AccountPart, AccountText};
