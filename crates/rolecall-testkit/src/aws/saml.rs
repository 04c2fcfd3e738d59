//! AssumeRoleWithSAML, and the same at the sign-in endpoint, to which a browser posts the response itself.
//!
//! The session's name, its tags and its source identity all come from the response; so does the console's length.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha1;

use super::asked::{Asked, account_of};
use super::assertion::{self, Assertion};
use super::iam::{SamlProvider, TrustedRole};
use super::pattern::RequestKeys;
use super::refusal::{Code, Refusal};
use super::session::{Person, success};
use super::trust::Action;
use super::wire::Parameters;
use super::world::{Issued, World};

const ACTION: Action = Action::AssumeRoleWithSaml;

/// Answers the operation: the XML of success or a refusal. `host` is the one that was asked.
pub(super) fn assume(
    world: &World,
    form: &[(String, String)],
    host: &str,
    request_id: &str,
) -> Result<String, Refusal> {
    let mut parameters = Parameters::new(form);
    let mut asked = Asked::read(&mut parameters);
    let principal = parameters.required("PrincipalArn", 20, 2_048);
    let encoded = parameters.required("SAMLAssertion", 4, 100_000);
    parameters.finish()?;
    let account = asked.account()?;
    let provider = world
        .saml_provider(account, principal)
        .ok_or_else(|| Refusal::invalid_token("Specified provider doesn't exist"))?;
    let now = world.now();
    let assertion = Assertion::read(encoded, &provider, host, now)?;
    let person = person(&assertion, &provider);
    let role = admitted(world, &assertion, &provider, asked.role_arn)?;
    person.let_in(&role, keys(&assertion, &provider))?;
    if asked.seconds > role.max_session_seconds {
        return Err(Refusal::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    asked.check_policy()?;
    let packed = asked.packed(&assertion.tags.tags)?;
    if let Some(seconds) = assertion.seconds_max(now) {
        asked.seconds = asked.seconds.min(seconds);
    }
    let session = person.issue(world, account, &role, asked.seconds)?;
    let own = [
        ("Subject", assertion.subject.as_str()),
        ("SubjectType", &assertion.subject_type),
        ("Issuer", &assertion.issuer),
        ("Audience", &assertion.recipient),
        ("NameQualifier", &name_qualifier(&assertion, &provider)),
    ];
    Ok(success(
        "AssumeRoleWithSAML",
        &session,
        &own,
        packed,
        request_id,
    ))
}

/// The role session behind a console session that a browser asks for with a response of one role, and how many seconds
/// the console lasts: not bound by the role's MaxSessionDuration.
pub(super) fn sign_in(
    world: &World,
    encoded: &str,
    host: &str,
) -> Result<(Arc<Issued>, u64), Refusal> {
    let providers = assertion::claimed_providers(encoded);
    let provider = providers
        .first()
        .and_then(|arn| world.saml_provider(arn.split(':').nth(4)?, arn))
        .ok_or_else(|| Refusal::invalid_token("Specified provider doesn't exist"))?;
    let now = world.now();
    let assertion = Assertion::read(encoded, &provider, host, now)?;
    let [(role_arn, _)] = assertion.roles.as_slice() else {
        return Err(Refusal::invalid_token(
            "This emulation has no page to choose between several roles",
        ));
    };
    let person = person(&assertion, &provider);
    let role = admitted(world, &assertion, &provider, role_arn)?;
    person.let_in(&role, keys(&assertion, &provider))?;
    let seconds = assertion.seconds_max(now).unwrap_or(3_600);
    let session = person.issue(world, &provider.account, &role, seconds)?;
    Ok((session, seconds))
}

fn person<'a>(assertion: &'a Assertion, provider: &'a SamlProvider) -> Person<'a> {
    Person {
        action: ACTION,
        provider_arn: &provider.arn,
        session_name: &assertion.session_name,
        subject: &assertion.subject,
        tags: assertion.tags.clone(),
        source_identity: assertion.source_identity.clone(),
    }
}

/// The role, if there is one and the response names it together with this provider.
fn admitted(
    world: &World,
    assertion: &Assertion,
    provider: &SamlProvider,
    role_arn: &str,
) -> Result<Arc<TrustedRole>, Refusal> {
    let named = assertion
        .roles
        .iter()
        .any(|(role, principal)| role == role_arn && *principal == provider.arn);
    let of_account = account_of(role_arn) == Some(&provider.account);
    let role = world.role(&provider.account, role_arn);
    role.filter(|_| named && of_account)
        .ok_or_else(|| Refusal::access_denied(ACTION))
}

/// The condition keys that only this operation has.
fn keys(assertion: &Assertion, provider: &SamlProvider) -> RequestKeys {
    let mut keys = RequestKeys::default();
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
        keys.add(key, value);
    }
    keys
}

/// `BASE64(SHA1(issuer + account + "/" + provider))`
fn name_qualifier(assertion: &Assertion, provider: &SamlProvider) -> String {
    let text = format!("{}{}/{}", assertion.issuer, provider.account, provider.name);
    STANDARD.encode(sha1(text.as_bytes()))
}
