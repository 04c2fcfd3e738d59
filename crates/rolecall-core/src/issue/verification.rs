//! `verify = true` of an account: STS confirms the principal of new credentials before they are delivered.

use crate::access::Grant;
use crate::audit::{AuditEventKind, RequestContext};
use crate::aws::{AssumedRole, CallerIdentity, FederatedUserName, StsError, StsRefusal};
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
            Self::Sts(error) => error.refusal().map_or("sts_unavailable", StsRefusal::code),
        }
    }
}

impl Issuer {
    /// Compares the federated user that STS names with the expected one: the key decides the account, and the key files of two
    /// accounts can be swapped. Calls `GetCallerIdentity` if the account requires it. A failure is audited, and nothing is
    /// handed over.
    ///
    /// # Errors
    /// [`IssueError::Unverified`], [`IssueError::SessionEnded`] if the session ended meanwhile, [`IssueError::Unavailable`].
    pub(super) async fn verify(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        (grant, federated_user): (&Grant, &FederatedUserName),
        issued: &AssumedRole,
    ) -> Result<(), IssueError> {
        let account = grant.account();
        // The ARN of a session of a role is compared with the answer of `GetCallerIdentity` only.
        let federated = (!grant.trust().assumes_role())
            .then(|| federated_user.arn(grant.role().partition(), &account.id));
        if federated
            .as_ref()
            .is_some_and(|arn| issued.assumed_role_arn != *arn)
        {
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
            Ok(identity) if is_expected(&identity, grant, federated.as_deref(), issued) => {
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

/// Whether the caller is the session that was issued: of the role, or of the federated user with this ARN.
fn is_expected(
    identity: &CallerIdentity,
    grant: &Grant,
    federated: Option<&str>,
    issued: &AssumedRole,
) -> bool {
    let is_expected = match federated {
        Some(arn) => identity.arn() == arn,
        None => identity.is_session_of(grant.role()),
    };
    is_expected && identity.arn() == issued.assumed_role_arn
}
