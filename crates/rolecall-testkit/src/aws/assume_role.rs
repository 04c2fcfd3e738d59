//! AssumeRole: a signed request in, a role session out, or the refusal AWS would give.
//!
//! A role session that assumes a role is role chaining: one hour at most; its transitive tags and its source identity stay.
//! The caller's own policies must allow it as well as the trust policy. An IAM user can add an MFA code.

use super::action::Action;
use super::assume_role_parameters::AssumeRoleParameters;
use super::authorize::Caller;
use super::error::{AwsError, ErrorCode};
use super::issued::{IssuedSession, SessionKind};
use super::mfa::MfaParameters;
use super::session::{RoleCaller, success};
use super::signer::Signer;
use super::state::AwsState;
use super::tags::{SessionTags, parse_source_identity};
use super::wire::Parameters;
use crate::iam::RequestContext;

const ACTION: Action = Action::AssumeRole;
/// The longest session in role chaining.
const CHAINED_SECONDS_MAX: u64 = 3_600;

/// Answers the operation: the XML of success or an error.
pub(super) fn assume(
    state: &AwsState,
    signer: &Signer,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, AwsError> {
    let mut parameters = Parameters::new(form);
    let request = AssumeRoleParameters::read(&mut parameters);
    let session_name = parameters.required("RoleSessionName", 2, 64);
    parameters.pattern("roleSessionName", session_name, "_+=,.@-", "[\\w+=,.@-]*");
    let external_id = parameters.get("ExternalId");
    if let Some(id) = external_id {
        parameters.length("externalId", id, 2, 1_224);
        parameters.pattern("externalId", id, "_+=,.@:/-", "[\\w+=,.@:\\/-]*");
    }
    let source = parameters.get("SourceIdentity");
    let tags = SessionTags::of_request(&parameters)?;
    let mfa = MfaParameters::read(&mut parameters);
    parameters.finish()?;
    let partition = state.partition;
    let account = request.account(partition)?;
    let source = source.map(|source| parse_source_identity(source, partition));
    let source = source.transpose()?;
    let denied = || AwsError::not_authorized(signer.arn(), ACTION.wire(), request.role_arn);
    if !signer.may_assume_roles() {
        return Err(denied());
    }
    let session = signer.role_session();
    let inherited = session.map(SessionTags::transitive_of).unwrap_or_default();
    check_inherited(&tags, &inherited, source.as_deref(), session)?;
    let role = state.role(account, request.role_arn).ok_or_else(denied)?;
    let device = signer.user().and_then(|user| state.mfa_device(user));
    let mut context = context(external_id, source.as_deref());
    if mfa.verify(device.as_deref(), state.now())? {
        context.add("aws:MultiFactorAuthPresent", "true");
        context.add("aws:MultiFactorAuthAge", "0");
    }
    let caller = RoleCaller {
        action: ACTION,
        kind: match session {
            None => SessionKind::Assumed,
            Some(_) => SessionKind::Chained,
        },
        caller: Caller::Signer(signer),
        session_name,
        subject: signer.arn(),
        tags,
        inherited,
        source_identity: source.or_else(|| session?.source_identity.clone()),
    };
    caller.authorize(state, &role, context)?;
    if session.is_some() && request.seconds > CHAINED_SECONDS_MAX {
        return Err(AwsError::new(
            ErrorCode::ValidationError,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if request.seconds > role.max_session_seconds {
        return Err(AwsError::new(
            ErrorCode::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    request.check_policy()?;
    let all: Vec<(String, String)> = caller
        .tags
        .tags
        .iter()
        .chain(&caller.inherited.tags)
        .cloned()
        .collect();
    let packed = request.packed(&all)?;
    let issued = caller.issue(state, &role, request.seconds, &request.policies)?;
    Ok(success("AssumeRole", &issued, &[], packed, request_id))
}

/// Transitive session tags and the source identity of a session cannot be changed in role chaining.
fn check_inherited(
    tags: &SessionTags,
    inherited: &SessionTags,
    source: Option<&str>,
    session: Option<&IssuedSession>,
) -> Result<(), AwsError> {
    let set_again = tags.tags.iter().any(|(key, _)| {
        let mut fixed = inherited.transitive.iter();
        fixed.any(|fixed| fixed.eq_ignore_ascii_case(key))
    });
    if set_again {
        return Err(AwsError::new(
            ErrorCode::InvalidParameterValue,
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
        ));
    }
    let fixed = session.and_then(|session| session.source_identity.as_deref());
    if source.is_some() && fixed.is_some() && source != fixed {
        return Err(AwsError::new(
            ErrorCode::ValidationError,
            "The source identity of the calling session cannot be changed",
        ));
    }
    Ok(())
}

/// The condition keys that only this operation has.
fn context(external_id: Option<&str>, source: Option<&str>) -> RequestContext {
    let mut context = RequestContext::default();
    if let Some(id) = external_id {
        context.add("sts:ExternalId", id);
    }
    if let Some(source) = source {
        context.add("sts:SourceIdentity", source);
    }
    context
}
