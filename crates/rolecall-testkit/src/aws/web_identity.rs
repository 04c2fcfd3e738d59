//! AssumeRoleWithWebIdentity: issues a role session for a web identity token.
//!
//! Checks are in the order of AWS: parameters, token, issuer, key, claims, tags, trust policy, duration, policies, size.
//! Requests are unsigned, so errors disclose nothing about the role to clients without a valid token.

use super::action::Action;
use super::assume_role_parameters::AssumeRoleParameters;
use super::authorize::Caller;
use super::error::{AwsError, ErrorCode};
use super::issued::SessionKind;
use super::session::{RoleCaller, success};
use super::state::AwsState;
use super::tags::{SessionTags, source_identity};
use super::token::UnverifiedToken;
use super::wire::Parameters;
use crate::iam::RequestContext;

const ACTION: Action = Action::AssumeRoleWithWebIdentity;

/// Performs the operation and returns the XML of the response.
pub(super) async fn assume(
    state: &AwsState,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, AwsError> {
    let mut parameters = Parameters::new(form);
    let request = AssumeRoleParameters::read(&mut parameters);
    let session_name = parameters.required("RoleSessionName", 2, 64);
    parameters.pattern("roleSessionName", session_name, "_+=,.@-", "[\\w+=,.@-]*");
    let token = parameters.required("WebIdentityToken", 4, 20_000);
    parameters.finish()?;
    let account = request.account(state.partition)?;
    let token = UnverifiedToken::parse(token)?;
    let provider = state.provider(account, &token.issuer).ok_or_else(|| {
        let issuer: String = token.issuer.chars().take(255).collect();
        AwsError::invalid_token(format!(
            "No OpenIDConnect provider found in your account for {issuer}"
        ))
    })?;
    let now = state.now();
    let key = state.keys.key(&token.issuer, &token.kid, now).await?;
    let claims = token.verify(&key, &provider, now)?;
    let authorized_by_idp = claims.authorizes(request.role_arn)?;
    let principal = RoleCaller {
        action: ACTION,
        kind: SessionKind::Federated,
        caller: Caller::Provider {
            arn: &provider.arn,
            operation: ACTION,
        },
        session_name,
        subject: &claims.subject,
        tags: SessionTags::from_claims(&claims)?,
        inherited: SessionTags::default(),
        source_identity: source_identity(&claims, state.partition)?,
    };
    let role = state
        .role(account, request.role_arn)
        .ok_or_else(|| AwsError::access_denied(ACTION))?;
    let prefix = &provider.condition_prefix;
    let mut context = RequestContext::default()
        .with(&format!("{prefix}:aud"), &claims.audience)
        .with(&format!("{prefix}:sub"), &claims.subject);
    if provider.is_google() {
        for audience in claims.original_audiences() {
            context.add(&format!("{prefix}:oaud"), audience);
        }
    }
    for method in claims.methods() {
        context.add(&format!("{prefix}:amr"), method);
    }
    if authorized_by_idp {
        context.add("sts:RoleAuthorizedByIdp", "true");
    }
    if let Some(source) = &principal.source_identity {
        context.add("sts:SourceIdentity", source);
    }
    principal.authorize(state, &role, context)?;
    if request.seconds > role.max_session_seconds {
        return Err(AwsError::new(
            ErrorCode::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    request.check_policy()?;
    let packed = request.packed(&principal.tags.tags)?;
    let session = principal.issue(state, &role, request.seconds, &request.policies)?;
    let operation_elements = [
        ("SubjectFromWebIdentityToken", claims.subject.as_str()),
        ("Audience", &claims.audience),
        ("Provider", &claims.issuer),
    ];
    Ok(success(
        "AssumeRoleWithWebIdentity",
        &session,
        &operation_elements,
        packed,
        request_id,
    ))
}
