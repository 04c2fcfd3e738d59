//! AssumeRoleWithWebIdentity: a token in, a role session out, or the refusal AWS would give.
//!
//! In the order of AWS: parameters, token, issuer, key, claims, tags, trust policy, duration, policies, size. It is an
//! unsigned operation; whoever sends no valid token learns nothing about the role.

use super::asked::Asked;
use super::pattern::RequestKeys;
use super::refusal::{Code, Refusal};
use super::session::{Person, success};
use super::tags::{SessionTags, source_identity};
use super::token::Unverified;
use super::trust::Action;
use super::wire::Parameters;
use super::world::World;

const ACTION: Action = Action::AssumeRoleWithWebIdentity;

/// Answers the operation: the XML of success or a refusal.
pub(super) async fn assume(
    world: &World,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, Refusal> {
    let mut parameters = Parameters::new(form);
    let asked = Asked::read(&mut parameters);
    let session_name = parameters.required("RoleSessionName", 2, 64);
    parameters.pattern("roleSessionName", session_name, "_+=,.@-", "[\\w+=,.@-]*");
    let token = parameters.required("WebIdentityToken", 4, 20_000);
    parameters.finish()?;
    let account = asked.account()?;
    let token = Unverified::parse(token)?;
    let provider = world.provider(account, &token.issuer).ok_or_else(|| {
        let issuer: String = token.issuer.chars().take(255).collect();
        Refusal::invalid_token(format!(
            "No OpenIDConnect provider found in your account for {issuer}"
        ))
    })?;
    let now = world.now();
    let key = world.keys.key(&token.issuer, &token.kid, now).await?;
    let claims = token.verify(&key, &provider, now)?;
    let authorized_by_idp = claims.authorizes(asked.role_arn)?;
    let person = Person {
        action: ACTION,
        provider_arn: &provider.arn,
        session_name,
        subject: &claims.subject,
        tags: SessionTags::of(&claims)?,
        source_identity: source_identity(&claims)?,
    };
    let role = world
        .role(account, asked.role_arn)
        .ok_or_else(|| Refusal::access_denied(ACTION))?;
    let mut keys = RequestKeys::default();
    let prefix = &provider.condition_prefix;
    keys.add(&format!("{prefix}:aud"), &claims.audience);
    keys.add(&format!("{prefix}:sub"), &claims.subject);
    for method in claims.methods() {
        keys.add(&format!("{prefix}:amr"), method);
    }
    if authorized_by_idp {
        keys.add("sts:RoleAuthorizedByIdp", "true");
    }
    person.let_in(&role, keys)?;
    if asked.seconds > role.max_session_seconds {
        return Err(Refusal::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    asked.check_policy()?;
    let packed = asked.packed(&person.tags.tags)?;
    let session = person.issue(world, account, &role, asked.seconds)?;
    let own = [
        ("SubjectFromWebIdentityToken", claims.subject.as_str()),
        ("Audience", &claims.audience),
        ("Provider", &claims.issuer),
    ];
    Ok(success(
        "AssumeRoleWithWebIdentity",
        &session,
        &own,
        packed,
        request_id,
    ))
}
