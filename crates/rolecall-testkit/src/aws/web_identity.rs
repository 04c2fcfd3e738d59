//! AssumeRoleWithWebIdentity: a token in, a role session out, or the refusal AWS would give.
//!
//! In the order of AWS: parameters, token, issuer, key, claims, tags, trust policy, duration, policies, size. It is an
//! unsigned operation; whoever sends no valid token learns nothing about the role.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, TimeDelta};
use serde_json::Value;

use super::iam::{OidcProvider, TrustedRole};
use super::pattern::RequestKeys;
use super::refusal::{Code, Refusal};
use super::tags::{SessionTags, source_identity};
use super::token::{Claims, Unverified};
use super::trust::Action;
use super::wire::{NAMESPACE, Parameters, escape, random_letters};
use super::world::{Issued, World};

/// What AWS grants policies and tags together is not published. Tags count in full and policies, which compress, by a
/// quarter; seven tags of GitHub's length are then too many, as they were seen to be.
const PACKED_BYTES: usize = 1_024;
/// The largest session token a caller may reserve room for (`MinimumSessionTokenSize`).
const TOKEN_BYTES: usize = 4_096;

/// The request, its parameters within their limits.
struct Asked<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    token: &'a str,
    seconds: u64,
    policy: Option<&'a str>,
    policy_arns: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    fn read(form: &'a [(String, String)]) -> Result<Self, Refusal> {
        let mut parameters = Parameters::new(form);
        let asked = Asked {
            role_arn: parameters.required("RoleArn", 20, 2_048),
            session_name: parameters.required("RoleSessionName", 2, 64),
            token: parameters.required("WebIdentityToken", 4, 20_000),
            seconds: parameters.duration(),
            policy: parameters.get("Policy"),
            policy_arns: parameters.list("PolicyArns", ".arn"),
        };
        parameters.pattern(
            "roleSessionName",
            asked.session_name,
            "_+=,.@-",
            "[\\w+=,.@-]*",
        );
        if let Some(policy) = asked.policy {
            parameters.length("policy", policy, 1, 2_048);
        }
        if asked.policy_arns.len() > 10 {
            let count = format!("'{} members'", asked.policy_arns.len());
            parameters.complain(
                &count,
                "policyArns",
                "Member must have length less than or equal to 10",
            );
        }
        for (n, arn) in (1..).zip(&asked.policy_arns) {
            parameters.length(&format!("policyArns.{n}.member.arn"), arn, 20, 2_048);
        }
        parameters.finish()?;
        Ok(asked)
    }

    /// The account of the role ARN.
    fn account(&self) -> Result<&'a str, Refusal> {
        let mut parts = self.role_arn.splitn(6, ':');
        match (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) {
            (Some("arn"), Some("aws"), Some("iam"), Some(""), Some(account), Some(role))
                if role.starts_with("role/") =>
            {
                Ok(account)
            }
            _ => Err(Refusal::new(
                Code::ValidationError,
                "Request ARN is invalid",
            )),
        }
    }

    /// Inline session policies must be JSON with statements; they cannot name a principal.
    fn check_policy(&self) -> Result<(), Refusal> {
        let malformed = |why: &str| Refusal::new(Code::MalformedPolicyDocument, why);
        let Some(policy) = self.policy else {
            return Ok(());
        };
        let document: Value = serde_json::from_str(policy)
            .map_err(|_| malformed("This policy contains invalid Json"))?;
        let statements: Vec<&Value> = match document.get("Statement") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            Some(_) | None => return Err(malformed("Syntax errors in policy.")),
        };
        for statement in statements {
            if !matches!(
                statement.get("Effect").and_then(Value::as_str),
                Some("Allow" | "Deny")
            ) {
                return Err(malformed("Syntax errors in policy."));
            }
            if statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some() {
                return Err(malformed("Policy document should not specify a principal."));
            }
        }
        Ok(())
    }

    /// Percent of the allotted space, when anything is packed.
    fn packed(&self, tags: &SessionTags) -> Result<Option<usize>, Refusal> {
        let tag_bytes: usize = tags
            .tags
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let policy_bytes = self.policy.map_or(0, str::len)
            + self.policy_arns.iter().map(|arn| arn.len()).sum::<usize>();
        match (tag_bytes + policy_bytes / 4) * 100 / PACKED_BYTES {
            _ if tag_bytes + policy_bytes == 0 => Ok(None),
            percent if percent > 100 => Err(Refusal::packed_too_large(percent)),
            percent => Ok(Some(percent)),
        }
    }
}

/// Answers the operation: the XML of success or a refusal.
pub(super) async fn assume(
    world: &World,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, Refusal> {
    let asked = Asked::read(form)?;
    let account = asked.account()?;
    let token = Unverified::parse(asked.token)?;
    let provider = world.provider(account, &token.issuer).ok_or_else(|| {
        let issuer: String = token.issuer.chars().take(255).collect();
        Refusal::invalid_token(format!(
            "No OpenIDConnect provider found in your account for {issuer}"
        ))
    })?;
    let now = world.now();
    let key = world.keys.key(&token.issuer, &token.kid, now).await?;
    let claims = token.verify(&key, &provider, now)?;
    let tags = SessionTags::of(&claims)?;
    let source = source_identity(&claims)?;
    let role = world
        .role(account, asked.role_arn)
        .ok_or_else(Refusal::access_denied)?;
    trusted(&role, &provider, &asked, &claims, &tags, source.as_deref())?;
    if asked.seconds > role.max_session_seconds {
        return Err(Refusal::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    asked.check_policy()?;
    let packed = asked.packed(&tags)?;
    let session = issue(world, &asked, account, &role, &claims, tags, source)
        .map_err(|_| Refusal::internal())?;
    Ok(success(&session, &claims, packed, request_id))
}

/// Asks the trust policy for the session itself and for what the token adds to it.
fn trusted(
    role: &TrustedRole,
    provider: &OidcProvider,
    asked: &Asked<'_>,
    claims: &Claims,
    tags: &SessionTags,
    source: Option<&str>,
) -> Result<(), Refusal> {
    let mut keys = RequestKeys::default();
    let prefix = &provider.condition_prefix;
    keys.add(&format!("{prefix}:aud"), &claims.audience);
    keys.add(&format!("{prefix}:sub"), &claims.subject);
    for method in claims.methods() {
        keys.add(&format!("{prefix}:amr"), method);
    }
    for (key, value) in &tags.tags {
        keys.add(&format!("aws:RequestTag/{key}"), value);
        keys.add("aws:TagKeys", key);
    }
    for key in &tags.transitive {
        keys.add("sts:TransitiveTagKeys", key);
    }
    if let Some(source) = source {
        keys.add("sts:SourceIdentity", source);
    }
    keys.add("sts:RoleSessionName", asked.session_name);
    let wanted = [
        (true, Action::AssumeRoleWithWebIdentity),
        (!tags.tags.is_empty(), Action::TagSession),
        (source.is_some(), Action::SetSourceIdentity),
    ];
    match wanted
        .into_iter()
        .find(|&(needed, action)| needed && !role.trust.allows(action, &provider.arn, &keys))
    {
        Some((_, action)) => {
            tracing::debug!(
                role = role.arn,
                ?action,
                "the trust policy does not allow it"
            );
            Err(Refusal::access_denied())
        }
        None => Ok(()),
    }
}

fn issue(
    world: &World,
    asked: &Asked<'_>,
    account: &str,
    role: &TrustedRole,
    claims: &Claims,
    tags: SessionTags,
    source_identity: Option<String>,
) -> anyhow::Result<Arc<Issued>> {
    let mut random = [0_u8; 330];
    openssl::rand::rand_bytes(&mut random)?;
    let (secret, token) = random.split_at(30);
    // AWS tells whole seconds.
    let issued_at = world.now();
    let lasts = TimeDelta::try_seconds(i64::try_from(asked.seconds)?).unwrap_or_default();
    let session = Arc::new(Issued {
        access_key_id: format!("ASIA{}", random_letters::<16>()?),
        secret_access_key: STANDARD.encode(secret),
        session_token: STANDARD.encode(token),
        issued_at,
        expiration: chrono::DurationRound::duration_trunc(
            issued_at + lasts,
            TimeDelta::seconds(1),
        )?,
        account_id: account.to_owned(),
        role_arn: role.arn.clone(),
        assumed_role_arn: format!(
            "arn:aws:sts::{account}:assumed-role/{}/{}",
            role.name, asked.session_name
        ),
        assumed_role_id: format!("{}:{}", role.id, asked.session_name),
        subject: claims.subject.clone(),
        source_identity,
        tags: tags.tags,
        transitive_tag_keys: tags.transitive,
    });
    world.issue(Arc::clone(&session));
    Ok(session)
}

fn success(session: &Issued, claims: &Claims, packed: Option<usize>, request_id: &str) -> String {
    let mut result = String::with_capacity(2_048);
    let mut element = |indent: &str, name: &str, text: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(result, "{indent}<{name}>{}</{name}>", escape(text));
    };
    element("    ", "SubjectFromWebIdentityToken", &claims.subject);
    element("    ", "Audience", &claims.audience);
    element("    ", "Provider", &claims.issuer);
    if let Some(source) = &session.source_identity {
        element("    ", "SourceIdentity", source);
    }
    if let Some(percent) = packed {
        element("    ", "PackedPolicySize", &percent.to_string());
    }
    let size = session.session_token.len();
    element(
        "    ",
        "SessionTokenUtilization",
        &(size * 100 / TOKEN_BYTES).to_string(),
    );
    element("    ", "SessionTokenSize", &size.to_string());
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"{NAMESPACE}\">\n  <AssumeRoleWithWebIdentityResult>\n{result}    <AssumedRoleUser>\n      \
         <AssumedRoleId>{}</AssumedRoleId>\n      <Arn>{}</Arn>\n    </AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{}</AccessKeyId>\n      \
         <SecretAccessKey>{}</SecretAccessKey>\n      <SessionToken>{}</SessionToken>\n      <Expiration>{}</Expiration>\n    </Credentials>\n  \
         </AssumeRoleWithWebIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n\
         </AssumeRoleWithWebIdentityResponse>\n",
        escape(&session.assumed_role_id),
        escape(&session.assumed_role_arn),
        session.access_key_id,
        session.secret_access_key,
        session.session_token,
        session
            .expiration
            .to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
