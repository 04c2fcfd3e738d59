//! GetFederationToken: the long-term key of an IAM user in, a federated user out.
//!
//! The session has the permissions that both the user and the session policies allow; without a policy, none.

use std::sync::Arc;

use super::action::Action;
use super::assume_role_parameters::SessionPolicies;
use super::authorize::Call;
use super::error::{AwsError, ErrorCode};
use super::issued::{IssuedSession, SessionKind};
use super::session::{credentials, success};
use super::signer::Signer;
use super::state::AwsState;
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
    let Some(user) = signer.user() else {
        return Err(AwsError::new(
            ErrorCode::AccessDenied,
            "Cannot call GetFederationToken with session credentials",
        ));
    };
    let account = &user.account;
    let arn = state
        .partition
        .sts_arn(account, &format!("federated-user/{name}"));
    authorize(state, signer, &arn, &tags)?;
    policies.check()?;
    let packed = policies.packed(&tags.tags)?;
    let session = IssuedSession {
        kind: SessionKind::FederatedUser,
        account_id: account.clone(),
        assumed_role_arn: arn,
        assumed_role_id: format!("{account}:{name}"),
        subject: user.arn.clone(),
        tags: tags.tags,
        policy: policies.policy.map(str::to_owned),
        policy_arns: policies
            .policy_arns
            .iter()
            .map(|&arn| arn.to_owned())
            .collect(),
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

/// The user's policies must allow the session, and the tags if there are any.
fn authorize(
    state: &AwsState,
    signer: &Signer,
    arn: &str,
    tags: &SessionTags,
) -> Result<(), AwsError> {
    let actions = [
        (true, Action::GetFederationToken),
        (!tags.tags.is_empty(), Action::TagSession),
    ];
    for (_, action) in actions.into_iter().filter(|(needed, _)| *needed) {
        let mut call = Call::of_signer(signer, action, arn);
        for (key, value) in &tags.tags {
            call.context.add(&format!("aws:RequestTag/{key}"), value);
            call.context.add("aws:TagKeys", key);
        }
        call.check(state)?;
    }
    Ok(())
}
