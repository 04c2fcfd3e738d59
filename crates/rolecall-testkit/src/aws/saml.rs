//! AssumeRoleWithSAML, and console sign-in with a SAML response that a browser posts to the sign-in endpoint.
//!
//! Session name, tags, source identity and the duration of the console session come from the response.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha1;

use super::action::Action;
use super::assertion::{self, Assertion, Verifier};
use super::assume_role_parameters::{AssumeRoleParameters, SessionPolicies};
use super::authorize::Caller;
use super::error::{AwsError, ErrorCode};
use super::iam::{SamlProvider, TrustedRole};
use super::issued::{IssuedSession, SessionKind};
use super::session::{RoleCaller, success};
use super::state::AwsState;
use super::tags::SessionTags;
use super::wire::Parameters;
use crate::iam::RequestContext;

const ACTION: Action = Action::AssumeRoleWithSaml;

/// Performs the operation and returns the XML of the response. `host` is the host of the request.
pub(super) fn assume(
    state: &AwsState,
    form: &[(String, String)],
    host: &str,
    request_id: &str,
) -> Result<String, AwsError> {
    let mut parameters = Parameters::new(form);
    let mut request = AssumeRoleParameters::read(&mut parameters);
    let principal_arn = parameters.required("PrincipalArn", 20, 2_048);
    let encoded = parameters.required("SAMLAssertion", 4, 100_000);
    parameters.finish()?;
    let account = request.account(state.partition)?;
    let provider = state
        .saml_provider(account, principal_arn)
        .ok_or_else(|| AwsError::invalid_token("Specified provider doesn't exist"))?;
    let now = state.now();
    let verifier = Verifier {
        partition: state.partition,
        own_host: host,
        now,
    };
    let assertion = verifier.read(encoded, &provider)?;
    let principal = principal(&assertion, &provider);
    let role = requested_role(state, &assertion, &provider, request.role_arn)?;
    principal.authorize(state, &role, context(&assertion, &provider))?;
    if request.seconds > role.max_session_seconds {
        return Err(AwsError::new(
            ErrorCode::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    request.check_policy()?;
    let packed = request.packed(&assertion.tags.tags)?;
    if let Some(seconds) = assertion.max_seconds(now) {
        request.seconds = request.seconds.min(seconds);
    }
    let session = principal.issue(state, &role, request.seconds, &request.policies)?;
    let operation_elements = [
        ("Subject", assertion.subject.as_str()),
        ("SubjectType", &assertion.subject_type),
        ("Issuer", &assertion.issuer),
        ("Audience", &assertion.recipient),
        ("NameQualifier", &name_qualifier(&assertion, &provider)),
    ];
    Ok(success(
        "AssumeRoleWithSAML",
        &session,
        &operation_elements,
        packed,
        request_id,
    ))
}

/// Issues the role session of a console session for a response with one role. Also returns the duration of the console
/// session in seconds, which is not limited by the role's MaxSessionDuration.
pub(super) fn sign_in(
    state: &AwsState,
    encoded: &str,
    host: &str,
) -> Result<(Arc<IssuedSession>, u64), AwsError> {
    let providers = assertion::claimed_providers(encoded);
    let provider = providers
        .first()
        .and_then(|arn| state.saml_provider(arn.split(':').nth(4)?, arn))
        .ok_or_else(|| AwsError::invalid_token("Specified provider doesn't exist"))?;
    let now = state.now();
    let verifier = Verifier {
        partition: state.partition,
        own_host: host,
        now,
    };
    let assertion = verifier.read(encoded, &provider)?;
    let [(role_arn, _)] = assertion.roles.as_slice() else {
        return Err(AwsError::invalid_token(
            "The emulator does not support a choice between several roles",
        ));
    };
    let principal = principal(&assertion, &provider);
    let role = requested_role(state, &assertion, &provider, role_arn)?;
    principal.authorize(state, &role, context(&assertion, &provider))?;
    let seconds = assertion.max_seconds(now).unwrap_or(3_600);
    let session = principal.issue(state, &role, seconds, &SessionPolicies::default())?;
    Ok((session, seconds))
}

fn principal<'a>(assertion: &'a Assertion, provider: &'a SamlProvider) -> RoleCaller<'a> {
    RoleCaller {
        action: ACTION,
        kind: SessionKind::Federated,
        caller: Caller::Provider {
            arn: &provider.arn,
            operation: ACTION,
        },
        session_name: &assertion.session_name,
        subject: &assertion.subject,
        tags: assertion.tags.clone(),
        inherited: SessionTags::default(),
        source_identity: assertion.source_identity.clone(),
    }
}

/// Returns the role if it exists and the response names it with this provider.
fn requested_role(
    state: &AwsState,
    assertion: &Assertion,
    provider: &SamlProvider,
    role_arn: &str,
) -> Result<Arc<TrustedRole>, AwsError> {
    let named = assertion
        .roles
        .iter()
        .any(|(role, principal_arn)| role == role_arn && *principal_arn == provider.arn);
    let of_account = state.partition.account_of_role(role_arn) == Some(&provider.account);
    let role = state.role(&provider.account, role_arn);
    role.filter(|_| named && of_account)
        .ok_or_else(|| AwsError::access_denied(ACTION))
}

/// Condition keys of this operation.
fn context(assertion: &Assertion, provider: &SamlProvider) -> RequestContext {
    let mut context = RequestContext::default();
    if let Some(source) = &assertion.source_identity {
        context.add("sts:SourceIdentity", source);
    }
    for (key, value) in [
        ("saml:aud", assertion.recipient.as_str()),
        ("saml:iss", &assertion.issuer),
        ("saml:sub", &assertion.subject),
        ("saml:sub_type", &assertion.subject_type),
        (
            "saml:doc",
            &format!("{}/{}", provider.account, provider.name),
        ),
        ("saml:namequalifier", &name_qualifier(assertion, provider)),
    ] {
        context.add(key, value);
    }
    context
}

/// `BASE64(SHA1(issuer + account + "/" + provider))`.
fn name_qualifier(assertion: &Assertion, provider: &SamlProvider) -> String {
    let text = format!("{}{}/{}", assertion.issuer, provider.account, provider.name);
    STANDARD.encode(sha1(text.as_bytes()))
}
