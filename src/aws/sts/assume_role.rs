//! `AssumeRole`, signed (SigV4). A request with `via` is several calls: each is signed with the credentials of the call before,
//! which belong to one person and are never kept.

use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, Credentials};
use rolecall_core::aws::{AssumeRole, RoleArn, RoleSessionDuration, RoleSessionTags};

use super::attempts::AttemptCounter;
use super::error::Failure;
use super::parameters;
use super::response::StsResponse;

/// Duration of the sessions of intermediate roles, which are used immediately.
const HOP_DURATION: RoleSessionDuration = RoleSessionDuration::MIN;

/// One call of a chain of roles.
#[derive(Clone, Copy)]
pub(super) struct Hop<'r> {
    request: &'r AssumeRole,
    /// Index in the chain; the last call assumes the requested role.
    number: usize,
}

impl<'r> Hop<'r> {
    /// The calls for a request, in order.
    pub(super) fn of(request: &'r AssumeRole) -> impl Iterator<Item = Self> {
        (0..=request.via.len()).map(move |number| Self { request, number })
    }

    /// The role that it assumes.
    pub(super) fn role(&self) -> &'r RoleArn {
        let via = self.request.via.get(self.number);
        via.unwrap_or(&self.request.session.role)
    }

    /// Whether it is signed with the gateway's own credentials and sets the source identity and the tags.
    pub(super) fn is_first(&self) -> bool {
        self.number == 0
    }

    /// Whether it assumes the requested role.
    pub(super) fn is_last(&self) -> bool {
        self.number == self.request.via.len()
    }
}

/// One call with the SDK's retries.
pub(super) async fn call(
    client: &Client,
    hop: Hop<'_>,
    credentials: &Credentials,
    attempts: &AttemptCounter,
) -> Result<StsResponse, Failure> {
    let request = hop.request;
    let none = RoleSessionTags::default();
    let (first, last) = (hop.is_first(), hop.is_last());
    let tags = if first { &request.tags } else { &none };
    let source_identity = request.source_identity.as_ref().filter(|_| first);
    let external_id = request.external_id.as_ref().filter(|_| first);
    let duration = match last {
        true => request.session.duration,
        false => HOP_DURATION,
    };
    let session = Some(&request.session).filter(|_| last);
    let session_policy = session.and_then(|session| session.session_policy.as_ref());
    let policy_arns = session.map_or(&[][..], |session| &session.policy_arns);
    let answer = client
        .assume_role()
        .role_arn(hop.role().as_str())
        .role_session_name(request.session_name.as_str())
        .duration_seconds(parameters::duration(duration))
        .set_external_id(external_id.map(|id| id.as_str().to_owned()))
        .set_source_identity(source_identity.map(|source| source.as_str().to_owned()))
        .set_tags(parameters::tags(tags).map_err(|error| Failure::Request(error.into()))?)
        .set_transitive_tag_keys(parameters::transitive_tag_keys(tags))
        .set_policy(parameters::policy(session_policy))
        .set_policy_arns(parameters::policy_arns(policy_arns))
        .customize()
        .config_override(signed_with(credentials))
        .interceptor(attempts.clone())
        .send()
        .await
        .map_err(|error| Failure::of(&error))?;
    Ok(answer.into())
}

/// The part of a client's configuration that signs one call.
pub(super) fn signed_with(credentials: &Credentials) -> Builder {
    Builder::new().credentials_provider(credentials.clone())
}
