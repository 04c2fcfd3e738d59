//! What an issue is asked for, from the first request to the one after a visit to the identity provider.

use super::via_provider::{Proven, Purpose};
use crate::access::RoleRequest;
use crate::audit::CredentialDelivery;

/// A role to issue, and for what.
#[derive(Clone)]
pub(crate) struct IssueRequest<'a> {
    pub(crate) role: &'a RoleRequest,
    /// How the credentials reach the person.
    pub(crate) delivery: CredentialDelivery,
    /// What to resume after a visit to the identity provider; none where no browser can go there.
    pub(super) purpose: Option<&'a Purpose>,
    /// The provider's own response for AWS, once it is here.
    pub(super) proven: Option<Proven>,
}

impl<'a> IssueRequest<'a> {
    pub(crate) fn new(role: &'a RoleRequest, delivery: CredentialDelivery) -> Self {
        Self {
            role,
            delivery,
            purpose: None,
            proven: None,
        }
    }

    /// Lets the browser fetch the provider's own response where the account's trust needs one.
    pub(super) fn or_via_provider(self, purpose: &'a Purpose) -> Self {
        Self {
            purpose: Some(purpose),
            ..self
        }
    }

    pub(super) fn proven(self, proven: Proven) -> Self {
        Self {
            proven: Some(proven),
            ..self
        }
    }
}
