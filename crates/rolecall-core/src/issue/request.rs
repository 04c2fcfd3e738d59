//! The request to issue a role, before and after a visit to the identity provider.

use super::credentials::CredentialsRequest;
use super::via_provider::{ProviderProof, Purpose};
use crate::access::RoleRequest;
use crate::audit::CredentialDelivery;

/// A role to issue, and its use.
#[derive(Clone)]
pub(crate) struct IssueRequest<'a> {
    pub(crate) role: &'a RoleRequest,
    /// How the credentials are delivered.
    pub(crate) delivery: CredentialDelivery,
    /// The operation to resume after a visit to the identity provider; `None` if no browser is involved.
    pub(super) purpose: Option<&'a Purpose>,
    /// The provider's response for AWS, after the visit.
    pub(super) provider_proof: Option<ProviderProof>,
    /// Whether the person asks for [`crate::issue::CallerReport`].
    pub(super) reports_caller: bool,
}

impl<'a> IssueRequest<'a> {
    pub(crate) fn new(role: &'a RoleRequest, delivery: CredentialDelivery) -> Self {
        Self {
            role,
            delivery,
            purpose: None,
            provider_proof: None,
            reports_caller: false,
        }
    }

    pub(super) fn of_portal(request: &'a CredentialsRequest) -> Self {
        Self::new(&request.role, CredentialDelivery::Credentials).reporting_caller(request.verify)
    }

    pub(super) fn reporting_caller(self, reports_caller: bool) -> Self {
        Self {
            reports_caller,
            ..self
        }
    }

    /// Allows the browser to visit the provider if the trust of the account requires its response.
    pub(super) fn allow_provider_visit(self, purpose: &'a Purpose) -> Self {
        Self {
            purpose: Some(purpose),
            ..self
        }
    }

    pub(super) fn provider_proof(self, provider_proof: ProviderProof) -> Self {
        Self {
            provider_proof: Some(provider_proof),
            ..self
        }
    }
}
