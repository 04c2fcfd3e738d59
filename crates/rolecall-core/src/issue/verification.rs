//! Confirmation of new credentials: STS says whose they are before they are delivered, because the account requires it
//! (`verify = true`) or the person asked.

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

    /// Whether there is an answer, and it is not one of STS about the session that was issued: that of another principal, one that
    /// contradicts itself, or one of another server.
    fn is_wrong_answer(&self) -> bool {
        match self {
            Self::OtherIdentity { .. } => true,
            Self::Sts(error) => error.refusal() == Some(StsRefusal::NotSts),
        }
    }
}

/// Whose credentials are, according to STS: the result of a check that the person requested. Credentials of another principal
/// are not delivered ([`IssueError::Unverified`]), and neither are credentials after an answer that is not one of STS.
#[derive(Debug)]
pub enum CallerReport {
    /// They belong to the role that was assumed.
    Confirmed(CallerIdentity),
    /// STS refused the question or did not answer; with the code of the reason. The account requires no confirmation.
    Unanswered(&'static str),
}

impl Issuer {
    /// Compares the federated user that STS names with the expected one: the key decides the account, and the key files of two
    /// accounts can be swapped. Calls `GetCallerIdentity` if the account requires it, and then returns the identity. A failure is
    /// audited, and nothing is handed over.
    ///
    /// # Errors
    /// [`IssueError::Unverified`], [`IssueError::SessionEnded`] if the session ended meanwhile, [`IssueError::Unavailable`].
    pub(super) async fn verify(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        (grant, federated_user): (&Grant, &FederatedUserName),
        issued: &AssumedRole,
    ) -> Result<Option<CallerIdentity>, IssueError> {
        let account = grant.account();
        // The ARN of a session of a role is compared with the answer of `GetCallerIdentity` only.
        let federated = federated_arn(grant, federated_user);
        if federated
            .as_ref()
            .is_some_and(|arn| issued.assumed_role_arn != *arn)
        {
            let arn = issued.assumed_role_arn.clone();
            let failure = VerificationFailure::OtherIdentity { arn };
            self.audit_unverified(context, &failure, false).await?;
            return Err(IssueError::Unverified(Box::new(failure)));
        }
        if !account.verify {
            return Ok(None);
        }
        match self.caller_of(grant, federated.as_deref(), issued).await {
            Ok(identity) => {
                let lives = self.check_session(caller).await;
                self.audit_if_withheld(context, lives).await?;
                Ok(Some(identity))
            }
            Err(failure) => {
                self.audit_unverified(context, &failure, false).await?;
                Err(IssueError::Unverified(Box::new(failure)))
            }
        }
    }

    /// Asks STS whose credentials these are, on request of the person. A failure is audited. The person receives the credentials
    /// even if STS refuses the question or does not answer, but not those of another principal, and not after an answer that is
    /// not one of STS.
    ///
    /// # Errors
    /// [`IssueError::Unverified`], [`IssueError::SessionEnded`] if the session ended meanwhile, [`IssueError::Unavailable`].
    pub(super) async fn report_caller(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        (grant, federated_user): (&Grant, &FederatedUserName),
        issued: &AssumedRole,
    ) -> Result<CallerReport, IssueError> {
        let federated = federated_arn(grant, federated_user);
        let answer = self.caller_of(grant, federated.as_deref(), issued).await;
        let lives = self.check_session(caller).await;
        let report = match answer {
            Ok(identity) => CallerReport::Confirmed(identity),
            Err(failure) if failure.is_wrong_answer() => {
                self.audit_unverified(context, &failure, false).await?;
                return Err(IssueError::Unverified(Box::new(failure)));
            }
            Err(failure) => {
                let delivered = lives.is_ok();
                self.audit_unverified(context, &failure, delivered).await?;
                CallerReport::Unanswered(failure.code())
            }
        };
        self.audit_if_withheld(context, lives).await?;
        Ok(report)
    }

    async fn caller_of(
        &self,
        grant: &Grant,
        federated: Option<&str>,
        issued: &AssumedRole,
    ) -> Result<CallerIdentity, VerificationFailure> {
        let region = grant.account().sts_region.as_ref();
        let answer = self.sts.identity_of(&issued.credentials, region).await;
        let identity = answer.map_err(VerificationFailure::Sts)?;
        match is_expected(&identity, grant, federated, issued) {
            true => Ok(identity),
            false => Err(VerificationFailure::OtherIdentity {
                arn: identity.arn().to_owned(),
            }),
        }
    }

    async fn audit_unverified(
        &self,
        context: &RequestContext,
        failure: &VerificationFailure,
        delivered: bool,
    ) -> Result<(), IssueError> {
        let unverified = AuditEventKind::IssueUnverified {
            reason: failure.code().to_owned(),
            caller: match failure {
                VerificationFailure::OtherIdentity { arn } => Some(arn.clone()),
                VerificationFailure::Sts(_) => None,
            },
            on_request: delivered,
        };
        Ok(self.journal.append_outcome(context, unverified).await?)
    }
}

/// The ARN of the federated user; `None` for a role.
fn federated_arn(grant: &Grant, federated_user: &FederatedUserName) -> Option<String> {
    let arn = || federated_user.arn(grant.role().partition(), &grant.account().id);
    (!grant.trust().assumes_role()).then(arn)
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
