//! GetSessionToken: the long-term key of an IAM user in, temporary credentials of the same user out, with MFA if the request has
//! a code.
//!
//! It needs no permission. At STS the session can call only AssumeRole and GetCallerIdentity.

use std::sync::Arc;

use super::error::{AwsError, ErrorCode};
use super::issued::{IssuedSession, SessionKind};
use super::mfa::MfaParameters;
use super::session::{credentials, success};
use super::signer::Signer;
use super::state::AwsState;
use super::wire::Parameters;

const DEFAULT_SECONDS: u64 = 43_200;
const SECONDS_MAX: i64 = 129_600;

/// Performs the operation and returns the XML of the response.
pub(super) fn issue(
    state: &AwsState,
    signer: &Signer,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, AwsError> {
    let mut parameters = Parameters::new(form);
    let seconds = parameters.duration(DEFAULT_SECONDS, SECONDS_MAX);
    let mfa = MfaParameters::read(&mut parameters);
    parameters.finish()?;
    let Some(user) = signer.user() else {
        return Err(AwsError::new(
            ErrorCode::AccessDenied,
            "Cannot call GetSessionToken with session credentials",
        ));
    };
    let mfa = mfa.verify(state.mfa_device(user).as_deref(), state.now())?;
    let session = IssuedSession {
        kind: SessionKind::User,
        account_id: user.account.clone(),
        assumed_role_arn: user.arn.clone(),
        assumed_role_id: user.id.clone(),
        subject: user.arn.clone(),
        mfa,
        ..credentials(state, seconds).map_err(|_| AwsError::internal())?
    };
    let session = Arc::new(session);
    state.issue(Arc::clone(&session));
    Ok(success("GetSessionToken", &session, &[], None, request_id))
}
