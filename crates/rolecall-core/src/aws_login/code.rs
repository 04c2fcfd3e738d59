//! The authorization code of `aws login`: unused, then redeemed or invalidated.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::access::RoleRequest;
use crate::aws_login::{AwsLogins, LoginClient, LoginError, LoginExchange, LoginRequest};
use crate::base::secret::SecretDigest;
use crate::caller::SessionId;
use crate::clients::{CodeChallenge, CodeState};
use crate::record::{Record, StoreError, VersionedRecord};
use crate::session::Approval;

/// An issued code, stored under its digest: unused, then redeemed or invalidated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginCode {
    client: LoginClient,
    /// `redirect_uri` of the request, which must be repeated byte for byte (RFC 6749 4.1.3).
    redirect_uri: String,
    /// Digest of the code verifier.
    challenge: CodeChallenge,
    role: RoleRequest,
    approval: Approval,
    /// End of validity. The record is kept longer, so that a replayed code is recognized.
    expires_at: DateTime<Utc>,
    outcome: CodeState,
}

impl Record for LoginCode {
    const KIND: &'static str = "login-code";
}

impl LoginCode {
    /// Creates a code for the approved role.
    pub(super) fn new(
        request: &LoginRequest,
        (role, approval): (RoleRequest, Approval),
        expires_at: DateTime<Utc>,
    ) -> Self {
        Self {
            client: request.client,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            role,
            approval,
            expires_at,
            outcome: CodeState::Unused,
        }
    }

    /// The code, if it is unused and has not expired.
    ///
    /// # Errors
    /// The state of the code: [`CodeState::Unused`] if it has expired.
    pub(super) fn unused(self, now: DateTime<Utc>) -> Result<UnusedLoginCode, CodeState> {
        match self.outcome {
            CodeState::Unused if now < self.expires_at => Ok(UnusedLoginCode(self)),
            used @ (CodeState::Unused | CodeState::Invalidated | CodeState::Redeemed(_)) => {
                Err(used)
            }
        }
    }
}

/// A valid, unused [`LoginCode`].
#[derive(Clone, Debug)]
pub(super) struct UnusedLoginCode(LoginCode);

impl UnusedLoginCode {
    /// Whether the code was issued for the parameters of this token request.
    pub(super) fn matches(&self, shown: &LoginExchange) -> bool {
        self.0.client == shown.client
            && self.0.redirect_uri == shown.redirect_uri
            && self.0.challenge.matches(shown.code_verifier.expose())
    }

    /// The client for which the code was issued.
    pub(super) fn client(&self) -> LoginClient {
        self.0.client
    }

    /// The approved role.
    pub(super) fn role(&self) -> &RoleRequest {
        &self.0.role
    }

    /// The approval of the person.
    pub(super) fn approval(&self) -> &Approval {
        &self.0.approval
    }

    /// Whether the code was approved in this browser session.
    pub(super) fn was_allowed_in(&self, session: SessionId) -> bool {
        self.0.approval.session == session
    }

    /// End of validity.
    pub(super) fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// The code after it was redeemed for the client session at this key.
    pub(super) fn redeemed(self, session: SecretDigest) -> LoginCode {
        LoginCode {
            outcome: CodeState::Redeemed(session),
            ..self.0
        }
    }

    /// The code after it was presented with wrong parameters.
    pub(super) fn invalidated(self) -> LoginCode {
        LoginCode {
            outcome: CodeState::Invalidated,
            ..self.0
        }
    }

    /// The code as it was, for a retry after an outage.
    pub(super) fn restored(self) -> LoginCode {
        self.0
    }
}

/// A code that this request redeemed and no other, for the client session at this key.
pub(super) struct RedeemedLoginCode {
    code: UnusedLoginCode,
    session: SecretDigest,
}

impl RedeemedLoginCode {
    /// The code as it was.
    pub(super) fn code(&self) -> &UnusedLoginCode {
        &self.code
    }

    /// The key of the client session.
    pub(super) fn session(&self) -> SecretDigest {
        self.session
    }
}

impl AwsLogins {
    /// Redeems a code for the client session at this key. Of concurrent requests with one code, one succeeds.
    ///
    /// # Errors
    /// [`LoginError::CodeUsed`], [`LoginError::Unavailable`].
    pub(super) async fn redeem_code(
        &self,
        digest: SecretDigest,
        seen: &VersionedRecord<LoginCode>,
        code: UnusedLoginCode,
        session: SecretDigest,
    ) -> Result<RedeemedLoginCode, LoginError> {
        let redeemed = code.clone().redeemed(session);
        self.replace_code(digest, seen, redeemed).await?;
        Ok(RedeemedLoginCode { code, session })
    }

    /// Invalidates a code that was presented with wrong parameters.
    ///
    /// # Errors
    /// As [`AwsLogins::redeem_code`].
    pub(super) async fn invalidate_code(
        &self,
        digest: SecretDigest,
        seen: &VersionedRecord<LoginCode>,
        code: UnusedLoginCode,
    ) -> Result<(), LoginError> {
        self.replace_code(digest, seen, code.invalidated()).await
    }

    /// Restores a redeemed code, after an outage.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(super) async fn restore_code(
        &self,
        digest: SecretDigest,
        until: DateTime<Utc>,
        redeemed: RedeemedLoginCode,
    ) -> Result<(), StoreError> {
        let unused = |_: Option<LoginCode>| (redeemed.code.clone().restored(), until, ());
        self.records.update(digest, unused).await
    }

    async fn replace_code(
        &self,
        digest: SecretDigest,
        seen: &VersionedRecord<LoginCode>,
        code: LoginCode,
    ) -> Result<(), LoginError> {
        let records = &self.records;
        match records.replace(digest, seen, &code, seen.expires_at).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict | StoreError::Exists) => Err(LoginError::CodeUsed),
            Err(error @ StoreError::Unavailable(_)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::stored_tests::{assert_written, at, made, opened};

    #[test]
    fn stored_code_is_compatible_and_single_use() {
        const UNUSED: &str = r#"{"client":"SameDevice","redirect_uri":"http://127.0.0.1:33389/oauth/callback","challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","role":{"account":"111122223333","permission_set":"Developer","variant":null},"approval":<APPROVAL>,"expires_at":"2026-09-21T14:14:20Z","outcome":"Unused"}"#;
        let invalidated = UNUSED.replace("\"Unused\"", "\"Spoilt\"");
        let redeemed = UNUSED.replace("\"Unused\"", "{\"Redeemed\":<MADE>}");
        let unused = || opened::<LoginCode>(UNUSED).unused(at(59)).unwrap();
        assert_written(&unused().restored(), UNUSED);
        assert_written(&unused().invalidated(), &invalidated);
        assert_written(&unused().redeemed(made()), &redeemed);
        for (text, seconds, outcome) in [
            (UNUSED, 60, CodeState::Unused),
            (&invalidated, 0, CodeState::Invalidated),
            (&redeemed, 0, CodeState::Redeemed(made())),
        ] {
            let used = opened::<LoginCode>(text).unused(at(seconds));
            assert_eq!(used.err(), Some(outcome), "{text}");
        }
    }
}
