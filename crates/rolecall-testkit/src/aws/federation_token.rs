//! GetFederationToken: the long-term key of an IAM user in, a federated user out.
//!
//! The session may do what both the user and the session policies allow; without a policy, nothing. What that is, is not
//! evaluated here.

use std::sync::Arc;

use super::assume_role_parameters::SessionPolicies;
use super::error::{AwsError, ErrorCode};
use super::session::{credentials, success};
use super::signer::Signer;
use super::state::{AwsState, IssuedSession, SessionKind};
use super::tags::SessionTags;
use super::wire::Parameters;

const DEFAULT_SECONDS: u64 = 43_200;
const SECONDS_MAX: i64 = 129_600;

/// Answers the operation: the XML of success or an error.
pub(super) fn issue(
    state: &AwsState,
    signer: &Signer,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, AwsError> {
    let mut parameters = Parameters::new(form);
    let name = parameters.required("Name", 2, 32);
    parameters.pattern("name", name, "_+=,.@-", "[\\w+=,.@-]*");
    let seconds = parameters.duration(DEFAULT_SECONDS, SECONDS_MAX);
    let policies = SessionPolicies::read(&mut parameters);
    let tags = SessionTags::of_request(&parameters)?;
    parameters.finish()?;
    let Signer::User(user) = signer else {
        return Err(AwsError::new(
            ErrorCode::AccessDenied,
            "Cannot call GetFederationToken with session credentials",
        ));
    };
    policies.check()?;
    let packed = policies.packed(&tags.tags)?;
    let account = &user.account;
    let session = IssuedSession {
        kind: SessionKind::FederatedUser,
        account_id: account.clone(),
        assumed_role_arn: format!("arn:aws:sts::{account}:federated-user/{name}"),
        assumed_role_id: format!("{account}:{name}"),
        subject: user.arn.clone(),
        tags: tags.tags,
        ..credentials(state, seconds).map_err(|_| AwsError::internal())?
    };
    let session = Arc::new(session);
    state.issue(Arc::clone(&session));
    Ok(success(
        "GetFederationToken",
        &session,
        &[],
        packed,
        request_id,
    ))
}
