//! A small evaluator of IAM policies: documents and a request go in, a decision with the statement that decided comes out.
//!
//! It covers what a policy about roles and sessions needs: trust policies, identity-based and session policies, and the service
//! control policies (SCP) and resource control policies (RCP) of an organization. It is strict: parsing fails for an element, a
//! condition operator or a condition key that it does not know, so nothing is ignored that AWS would evaluate.
//!
//! ```
//! use rolecall_testkit::iam::{Policies, Policy, PolicyKind, Principal, Request, RequestContext};
//! use serde_json::json;
//!
//! let provider = "arn:aws:iam::111122223333:oidc-provider/sso.example.com";
//! let trust = Policy::parse(PolicyKind::Trust, "Developer", &json!({
//!     "Version": "2012-10-17",
//!     "Statement": {
//!         "Sid": "Gateway", "Effect": "Allow", "Principal": {"Federated": provider},
//!         "Action": "sts:AssumeRoleWithWebIdentity",
//!         "Condition": {"StringEquals": {"sso.example.com:aud": "sts.amazonaws.com"}},
//!     },
//! }))?;
//! let request = Request {
//!     principal: Principal::Federated(provider.to_owned()),
//!     action: "sts:AssumeRoleWithWebIdentity".to_owned(),
//!     resource: "arn:aws:iam::111122223333:role/Developer".to_owned(),
//!     context: RequestContext::default().with("sso.example.com:aud", "sts.amazonaws.com"),
//! };
//! let decision = Policies { resource: Some(&trust), ..Policies::default() }.decide(&request)?;
//! assert!(decision.is_allowed());
//! assert_eq!(decision.statement().and_then(|by| by.sid.as_deref()), Some("Gateway"));
//! # anyhow::Ok(())
//! ```

mod arn;
mod condition;
mod context;
mod decision;
mod evaluate;
mod expected;
mod key;
mod operator;
mod pattern;
mod policy;
mod principal;
mod statement;

#[cfg(test)]
mod tests;

pub use context::RequestContext;
pub use decision::{Decision, StatementRef};
pub use evaluate::{Policies, Request};
pub use policy::{Policy, PolicyKind};
pub use principal::Principal;
