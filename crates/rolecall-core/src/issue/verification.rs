//! `verify = true` of an account: STS says whose fresh credentials are before anybody receives them.

use crate::access::Grant;
use crate::audit::{AuditEventKind, RequestContext};
use crate::aws::{AssumedRole, CallerIdentity, FederatedUserName, StsError};
use crate::caller::Caller;
use crate::issue::{IssueError, Issuer};

/// Why fresh credentials were not confirmed.
#[derive(Debug)]
pub enum VerificationFailure {
    /// They belong to another principal than the role that was assumed.
    OtherIdentity {
        /// `Arn` of `GetCallerIdentity`.
        arn: String,
    },
    /// STS refused the question or did not answer.
    Sts(StsError),
}

impl VerificationFailure {
    /// A stable code for the audit trail.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherIdentity { .. } => "other_identity",
            Self::Sts(StsError::Refused { refusal, .. }) => refusal.code(),
            Self::Sts(
                StsError::Unavailable(_) | StsError::Unanswered { .. } | StsError::NoCredentials(_),
            ) => "sts_unavailable",
        }
    }
}

impl Issuer {
    /// Compares the federated user that STS names with the expected one: the key decides the account, and the key files of two
    /// accounts can be swapped. Asks STS whose credentials these are, if the account says so. A failure is audited, and nothing is
    /// handed over.
    ///
    /// # Errors
    /// [`IssueError::Unverified`], [`IssueError::SessionEnded`] if the session ended meanwhile, [`IssueError::Unavailable`].
    pub(super) async fn verify(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        grant: &Grant,
        issued: &AssumedRole,
    ) -> Result<(), IssueError> {
        let account = grant.account();
        if !grant.trust().assumes_role() && !is_federated_user(caller, grant, issued) {
            let arn = issued.assumed_role_arn.clone();
            let failure = VerificationFailure::OtherIdentity { arn };
            return self.audit_unverified(context, failure).await;
        }
        if !account.verify {
            return Ok(());
        }
        let region = account.sts_region.as_ref();
        let answer = self.sts.identity_of(&issued.credentials, region).await;
        let failure = match answer {
            Ok(identity) if is_expected(&identity, caller, grant, issued) => {
                let lives = self.check_session(caller).await;
                return self.audit_if_withheld(context, lives).await;
            }
            Ok(identity) => VerificationFailure::OtherIdentity {
                arn: identity.arn().to_owned(),
            },
            Err(error) => VerificationFailure::Sts(error),
        };
        self.audit_unverified(context, failure).await
    }

    async fn audit_unverified(
        &self,
        context: &RequestContext,
        failure: VerificationFailure,
    ) -> Result<(), IssueError> {
        let unverified = AuditEventKind::IssueUnverified {
            reason: failure.code().to_owned(),
            caller: match &failure {
                VerificationFailure::OtherIdentity { arn } => Some(arn.clone()),
                VerificationFailure::Sts(_) => None,
            },
        };
        self.journal.append_outcome(context, unverified).await?;
        Err(IssueError::Unverified(Box::new(failure)))
    }
}

/// Whether the session is the person's federated user in the account.
fn is_federated_user(caller: Caller<'_>, grant: &Grant, issued: &AssumedRole) -> bool {
    let name = FederatedUserName::of(caller.identity);
    let partition = grant.role().partition();
    issued.assumed_role_arn == name.arn(partition, &grant.account().id)
}

fn is_expected(
    identity: &CallerIdentity,
    caller: Caller<'_>,
    grant: &Grant,
    issued: &AssumedRole,
) -> bool {
    let (role, account) = (grant.role(), &grant.account().id);
    let federated = FederatedUserName::of(caller.identity).arn(role.partition(), account);
    let is_expected = match grant.trust().assumes_role() {
        true => identity.is_session_of(role),
        false => identity.arn() == federated,
    };
    is_expected && identity.arn() == issued.assumed_role_arn
}
