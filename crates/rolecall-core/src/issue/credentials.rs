//! Credentials of a role: for programs, for the page of the portal, and for its scripts.

use super::request::IssueRequest;
use super::via_provider::Purpose;
use crate::access::RoleRequest;
use crate::audit::{CredentialDelivery, RequestContext};
use crate::caller::Caller;
use crate::issue::{IssueError, IssuedRole, Issuer};
use crate::session::Session;

/// A request of the portal for credentials.
#[derive(Clone, Debug)]
pub struct CredentialsRequest {
    /// The role.
    pub role: RoleRequest,
    /// Whether STS is asked whose the credentials are.
    pub verify: bool,
}

impl From<RoleRequest> for CredentialsRequest {
    fn from(role: RoleRequest) -> Self {
        Self {
            role,
            verify: false,
        }
    }
}

impl Issuer {
    /// Issues credentials for a role to a program or a script, which cannot visit the identity provider.
    ///
    /// # Errors
    /// [`IssueError`]; [`IssueError::AtProvider`] names no address.
    pub async fn credentials<'a>(
        &self,
        context: &RequestContext,
        caller: impl Into<Caller<'a>>,
        role: &RoleRequest,
    ) -> Result<IssuedRole, IssueError> {
        let caller = caller.into();
        let delivery = match caller.flow {
            Some(_) => CredentialDelivery::Client,
            None => CredentialDelivery::Credentials,
        };
        let issue = IssueRequest::new(role, delivery);
        self.issue(context, caller, issue).await
    }

    /// Issues credentials for a role on a page. If the account's trust requires the identity provider, the browser goes there and
    /// the request is kept until it is back.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn credentials_page(
        &self,
        context: &RequestContext,
        session: &Session,
        request: &CredentialsRequest,
    ) -> Result<IssuedRole, IssueError> {
        let purpose = Purpose::Credentials;
        let issue = IssueRequest::of_portal(request).allow_provider_visit(&purpose);
        self.issue(context, session.into(), issue).await
    }

    /// Issues credentials for a role to a script of the portal, which cannot visit the identity provider.
    ///
    /// # Errors
    /// As [`Self::credentials`].
    pub async fn credentials_by_script(
        &self,
        context: &RequestContext,
        session: &Session,
        request: &CredentialsRequest,
    ) -> Result<IssuedRole, IssueError> {
        let issue = IssueRequest::of_portal(request);
        self.issue(context, session.into(), issue).await
    }
}
