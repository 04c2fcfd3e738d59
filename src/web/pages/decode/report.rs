//! The words of `/decode`. External text is shown as one line without hidden characters.

use actix_web::http::StatusCode;
use rolecall_core::access::Grants;
use rolecall_core::aws::{
    AccessDenied, AuthorizationId, DecodedAuthorization, DenyingPolicy, PolicyKind,
    RequestCondition, StsRefusal,
};
use rolecall_core::base::{limits, text};
use rolecall_core::issue::{
    DecodeError, DenialCause, DeniedPrincipal, SessionLimit, SessionLimitVerdict,
};

use super::view::{AuthorizationHelp, Fact, Report, StatementRow};

/// Characters of an ARN, and of all values of a condition, that are shown.
const VALUE_CHARS_MAX: usize = 2_048;

/// Nothing in the text is known.
pub const NOTHING_FOUND: &str = "The text contains neither an encoded authorization message, nor an authorization ID, nor a sentence such as “is not authorized to perform: s3:GetObject”. Paste the complete error.";

/// An encoded message needs a role.
pub fn role_required(principal: Option<&DeniedPrincipal>) -> String {
    let account = match principal {
        Some(principal) => format!("account {}", principal.account),
        None => "the account of the denied request".to_owned(),
    };
    format!(
        "The text contains an encoded message, which only AWS can read. Choose one of your roles in {account}, then decode it."
    )
}

/// The account of the role trusts ID tokens, and that of this sign-in has expired.
pub fn sign_in_again(title: &str) -> String {
    format!(
        "AWS trusts your sign-in with {title} for this role, and it is no longer recent enough. Sign in again in a new window, then \
         come back to this page and choose Explain."
    )
}

/// The text is longer than any error.
pub fn too_long() -> String {
    format!(
        "The text has more than {} characters. Paste only the error.",
        limits::ERROR_TEXT_CHARS_MAX
    )
}

/// What to do with an authorization ID.
pub fn of_id(id: &AuthorizationId) -> AuthorizationHelp {
    AuthorizationHelp {
        command: format!(
            "aws iam-toolbox get-request-authorization-details --authorization-id {id}"
        ),
        id: id.to_string(),
    }
}

/// What AWS decoded. `said` is the policy that the text of the error names.
pub fn of_decoded(
    decoded: &DecodedAuthorization,
    said: Option<&DenyingPolicy>,
    grants: &Grants,
) -> Report {
    let said = said.filter(|policy| policy.explicit == decoded.explicit_deny);
    let verdict = match (decoded.allowed, said, decoded.explicit_deny) {
        (true, _, _) => "Allowed".to_owned(),
        (false, Some(policy), _) => denied_by(policy),
        (false, None, true) => "Denied by an explicit deny".to_owned(),
        (false, None, false) => "Denied: no policy allows the request".to_owned(),
    };
    let cause = DenialCause {
        kind: said.map(|policy| policy.kind),
        explicit: Some(decoded.explicit_deny),
    };
    let request = Request {
        action: decoded.action.as_deref(),
        resource: decoded.resource.as_deref(),
        principal: decoded.principal.as_deref(),
    };
    let statements = decoded.statements.iter().map(|statement| StatementRow {
        effect: match statement.effect.as_str() {
            "ALLOW" => "Allow".to_owned(),
            "DENY" => "Deny".to_owned(),
            other => shown(other),
        },
        id: shown(&statement.id),
        actions: shown(&statement.actions.join(", ")),
        resources: shown(&statement.resources.join(", ")),
        conditions: conditions(&statement.conditions),
    });
    Report {
        verdict,
        source: "Decoded by AWS",
        facts: request.facts(said.and_then(|policy| policy.arn.as_deref())),
        limits: match decoded.allowed {
            true => Vec::new(),
            false => request.limits(cause, grants),
        },
        statements: statements.collect(),
        conditions: conditions(&decoded.conditions),
    }
}

/// What the text of the error says.
pub fn of_text(denied: &AccessDenied, grants: &Grants) -> Report {
    let said = denied.denied_by.as_ref();
    let verdict = said.map_or_else(|| "Denied".to_owned(), denied_by);
    let request = Request {
        action: Some(&denied.action),
        resource: denied.resource.as_deref(),
        principal: denied.principal.as_deref(),
    };
    let cause = said.map(DenialCause::from).unwrap_or_default();
    Report {
        verdict,
        source: "From the text of the error",
        facts: request.facts(said.and_then(|policy| policy.arn.as_deref())),
        limits: request.limits(cause, grants),
        statements: Vec::new(),
        conditions: Vec::new(),
    }
}

fn denied_by(policy: &DenyingPolicy) -> String {
    match policy.explicit {
        true => format!(
            "Denied by an explicit deny in {}",
            with_article(policy.kind)
        ),
        false => format!("Denied: no {} allows the action", policy.kind.as_str()),
    }
}

/// The denied request, as far as it is known.
struct Request<'a> {
    action: Option<&'a str>,
    resource: Option<&'a str>,
    principal: Option<&'a str>,
}

impl Request<'_> {
    fn facts(&self, policy: Option<&str>) -> Vec<Fact> {
        let rows = [
            ("Action", self.action),
            ("Resource", self.resource),
            ("Caller", self.principal),
            ("Policy", policy),
        ];
        let known = rows.into_iter();
        known
            .filter_map(|(name, value)| Some((name, value?)))
            .map(|(name, value)| Fact {
                name: name.to_owned(),
                value: shown(value),
            })
            .collect()
    }

    /// The limits of the access policy that explain the denial, as sentences.
    fn limits(&self, cause: DenialCause, grants: &Grants) -> Vec<String> {
        let principal = self.principal.and_then(DeniedPrincipal::parse);
        let (Some(principal), Some(action)) = (principal, self.action) else {
            return Vec::new();
        };
        let limits = grants.limits_on(&principal, action, self.resource, cause);
        let action = shown(action);
        limits
            .iter()
            .map(|limit| sentence(limit, &action))
            .collect()
    }
}

fn conditions(conditions: &[RequestCondition]) -> Vec<Fact> {
    let rows = conditions.iter().map(|condition| Fact {
        name: shown(&condition.key),
        value: shown(&condition.values.join(", ")),
    });
    rows.collect()
}

fn shown(external: &str) -> String {
    text::one_line(external, VALUE_CHARS_MAX)
}

fn with_article(kind: PolicyKind) -> String {
    let article = match kind {
        PolicyKind::IdentityBased => "an",
        PolicyKind::ResourceBased
        | PolicyKind::Session
        | PolicyKind::PermissionsBoundary
        | PolicyKind::ServiceControl
        | PolicyKind::ResourceControl
        | PolicyKind::VpcEndpoint
        | PolicyKind::Trust => "a",
    };
    format!("{article} {}", kind.as_str())
}

fn sentence(limit: &SessionLimit, action: &str) -> String {
    let owner = match limit.of_variant {
        true => "variant",
        false => "permission set",
    };
    let role = &limit.role;
    match &limit.verdict {
        SessionLimitVerdict::Denied {
            statements,
            conditional,
        } => {
            let when = match conditional {
                true => ", depending on its conditions and on the resource",
                false => "",
            };
            let named = match statements.is_empty() {
                true => String::new(),
                false => format!(" (statement {})", statements.join(", ")),
            };
            format!(
                "The session policy of the {owner} denies {action} in sessions of {role}{when}{named}."
            )
        }
        SessionLimitVerdict::NotAllowed => format!(
            "The session policy of the {owner} does not allow {action} on this resource in sessions of {role}."
        ),
        SessionLimitVerdict::AllowedConditionally => format!(
            "The session policy of the {owner} allows {action} in sessions of {role} only under conditions, or on certain resources."
        ),
        SessionLimitVerdict::ManagedPolicies(arns) => format!(
            "Sessions of {role} are limited by policy_arns of the {owner}: {}. Check whether they allow {action}.",
            arns.join(", ")
        ),
    }
}

/// The status of the page, and what to do about a message that was not decoded.
pub fn problem(error: &DecodeError) -> (StatusCode, Option<String>) {
    let (status, text) = match error {
        DecodeError::InvalidMessage => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "AWS cannot read the encoded message. Paste the complete message, and choose a role in the account of the denied request.".to_owned(),
        ),
        DecodeError::NotAllowed { role, cause } => (
            StatusCode::FORBIDDEN,
            format!(
                "AWS does not let the role {role} decode messages{}. {}",
                cause.as_ref().map(because).unwrap_or_default(),
                remedy(cause.as_ref())
            ),
        ),
        DecodeError::Refused { refusal: StsRefusal::Throttled, .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "AWS is receiving too many requests for this account. Try again in a minute.".to_owned(),
        ),
        DecodeError::Refused { refusal: StsRefusal::NotSts, code, .. } => (
            StatusCode::BAD_GATEWAY,
            format!("The request was answered by a proxy or another server, not by AWS STS ({code}). Ask your administrator to check endpoints.sts and the proxy in [egress] of rolecall.toml."),
        ),
        DecodeError::Refused { code, message, .. } => (
            StatusCode::BAD_GATEWAY,
            format!("AWS refused to decode the message: {code}: {}", shown(message)),
        ),
        DecodeError::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "AWS STS did not answer. Try again in a moment.".to_owned(),
        ),
        DecodeError::InvalidAnswer(_) => (
            StatusCode::BAD_GATEWAY,
            "AWS decoded the message, but its answer is not in the documented form. Use the AWS CLI: aws sts decode-authorization-message --encoded-message ….".to_owned(),
        ),
        DecodeError::Issue(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
    };
    (status, Some(text))
}

fn because(policy: &DenyingPolicy) -> String {
    match policy.explicit {
        true => format!(
            ": {} denies sts:DecodeAuthorizationMessage",
            with_article(policy.kind)
        ),
        false => format!(
            ": no {} allows sts:DecodeAuthorizationMessage",
            policy.kind.as_str()
        ),
    }
}

fn remedy(cause: Option<&DenyingPolicy>) -> &'static str {
    match cause.map(|policy| policy.kind) {
        Some(PolicyKind::Session) => {
            "Choose a role without policy_arns, or ask your administrator to allow it there."
        }
        Some(PolicyKind::ServiceControl | PolicyKind::ResourceControl) => {
            "Ask the administrators of the AWS organization."
        }
        Some(
            PolicyKind::IdentityBased
            | PolicyKind::ResourceBased
            | PolicyKind::PermissionsBoundary
            | PolicyKind::VpcEndpoint
            | PolicyKind::Trust,
        )
        | None => {
            "Choose another role of the account, or ask your administrator to add sts:DecodeAuthorizationMessage to a policy of this role."
        }
    }
}
