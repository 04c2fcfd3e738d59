//! Trust policies of the documents, evaluated by iam-simulate, an independent implementation of IAM: the intended proof is
//! accepted, and a proof without one of its values or with another value is rejected.

mod generated;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::aws::{Sts as _, StsRequest, TagKey};
use rolecall_test_requirements::NODE_PEERS;
use rolecall_testkit::aws::{Aws, IssuedSession, Role};
use rolecall_testkit::node;
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{StsClient, http_client};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::caller::CallerFixture;
use super::fixture::{ACCOUNT, AUDIENCE, StsFixture, claims, saml_claims, settings};
use super::saml::SamlIssuerFixture;
use crate::{readme, templates};

/// The issuer whose condition keys iam-simulate knows. It ignores those of others.
pub const ISSUER: &str = "accounts.google.com";
pub const ROLE: &str = "arn:aws:iam::111122223333:role/rolecall/Developer";
const OTHER: &str = "other";

/// Condition keys of a request.
pub type Keys = BTreeMap<String, String>;

/// A request for iam-simulate.
#[derive(Clone)]
pub struct Request {
    /// ARN of the provider or of the AWS principal.
    pub principal: String,
    pub action: &'static str,
    /// ARN of the role.
    pub resource: String,
    pub keys: Keys,
    pub trust: Option<Value>,
    /// The policy of the principal. A principal of another account needs one besides the trust policy.
    pub identity: Option<Value>,
    /// A resource control policy of the organization.
    pub rcp: Option<Value>,
}

impl Request {
    /// A request for the role of the tests, under this trust policy.
    pub fn new(principal: &str, action: &'static str, keys: Keys, trust: Value) -> Self {
        Self {
            principal: principal.to_owned(),
            action,
            resource: ROLE.to_owned(),
            keys,
            trust: Some(trust),
            identity: None,
            rcp: None,
        }
    }

    fn json(&self) -> Value {
        json!({
            "principal": self.principal, "action": self.action, "resource": self.resource, "context": self.keys,
            "trust": self.trust, "identity": self.identity, "rcp": self.rcp,
        })
    }

    fn with(&self, key: &str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        match value {
            Some(value) => drop(changed.keys.insert(key.to_owned(), value.to_owned())),
            None => drop(changed.keys.remove(key)),
        }
        changed
    }
}

/// Whether iam-simulate allows each of the requests; `None` if it is not installed.
///
/// # Errors
/// If it rejects a policy, or ignores a key of the request.
pub async fn simulate(requests: &[Request]) -> Result<Option<Vec<bool>>> {
    if NODE_PEERS.path().is_none() {
        return Ok(None);
    }
    let input: Value = requests.iter().map(Request::json).collect();
    let mut peer = tokio::process::Command::from(node::script("simulate.mjs")?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = peer.stdin.take().context("stdin is piped")?;
    stdin.write_all(input.to_string().as_bytes()).await?;
    drop(stdin);
    let output = peer.wait_with_output().await?;
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(answers.len() == requests.len(), "{} answers", answers.len());
    let allowed = answers.iter().zip(requests).map(|(answer, request)| {
        ensure!(
            answer["errors"].is_null() && answer["ignored"] == json!([]),
            "{answer}: {}",
            request.json()
        );
        Ok(answer["decision"] == "Allowed")
    });
    allowed.collect::<Result<_>>().map(Some)
}

/// The condition keys of a session that the AWS emulator issued, with those of its operation.
fn keys<const N: usize>(session: &IssuedSession, more: [(&str, &str); N]) -> Keys {
    let tags = session.tags.iter();
    let mut keys: Keys = tags
        .map(|(key, value)| (format!("aws:RequestTag/{key}"), value.clone()))
        .collect();
    if let Some(source_identity) = &session.source_identity {
        keys.insert("sts:SourceIdentity".to_owned(), source_identity.clone());
    }
    keys.extend(more.map(|(key, value)| (key.to_owned(), value.to_owned())));
    keys
}

/// The session that the AWS emulator issues for a role with this trust policy.
async fn issued(
    aws: &Aws,
    sts: &StsClient,
    trust: &Value,
    request: &StsRequest,
) -> Result<Arc<IssuedSession>> {
    let role = Role::with_trust_policy(trust.clone());
    aws.account(ACCOUNT)?.role("rolecall/Developer", role)?;
    sts.assume(request).await?;
    aws.issued().pop().context("no session")
}

/// The trust policy of `Developer` in a template of the documents.
fn developer(document: &str, operation: &str, values: &[(&str, &str)]) -> Result<Value> {
    let template = templates::template(document, operation)?;
    let mut policies = template.trust_policies(values)?;
    let (role, policy) = policies.pop().context("no role")?;
    ensure!(
        role == "rolecall/Developer" && policies.is_empty(),
        "{role}"
    );
    Ok(policy)
}

/// The provider of this issuer and the documented trust policy.
pub fn gateway_oidc_policy(issuer: &str) -> Result<(String, Value)> {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
    let policy = readme::trust_policy()?.to_string();
    let policy = policy.replace("sso.example.com", issuer);
    Ok((provider, serde_json::from_str(&policy)?))
}

async fn gateway_oidc() -> Result<Request> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let (_, trust) = gateway_oidc_policy(fixture.issuer.issuer().trim_start_matches("http://"))?;
    let mut claims = claims()?;
    claims.role = Some(ROLE.parse()?);
    let request = fixture.request_for("rolecall/Developer", &claims).await?;
    let session = issued(&fixture.aws, &fixture.sts()?, &trust, &request).await?;
    let (principal, trust) = gateway_oidc_policy(ISSUER)?;
    let keys = keys(
        &session,
        [
            (&format!("{ISSUER}:aud"), AUDIENCE),
            (&format!("{ISSUER}:sub"), &session.subject),
            ("sts:RoleAuthorizedByIdp", "true"),
        ],
    );
    let action = "sts:AssumeRoleWithWebIdentity";
    Ok(Request::new(&principal, action, keys, trust))
}

async fn gateway_saml() -> Result<Request> {
    let principal = "arn:aws:iam::111122223333:saml-provider/rolecall";
    let values = [("Rolecall", principal), ("AWS::AccountId", ACCOUNT)];
    let trust = developer("docs/operations.md", "AssumeRoleWithSAML", &values)?;
    let fixture = SamlIssuerFixture::new()?;
    let (aws, _) = fixture.aws()?;
    let sts = StsClient::new(settings(Some(&aws))?, http_client());
    let request = fixture.request(&saml_claims()?).await?;
    let session = issued(&aws, &sts, &trust, &request).await?;
    let keys = keys(
        &session,
        [
            ("saml:aud", "https://eu-west-1.signin.aws.amazon.com/saml"),
            ("saml:iss", "https://sso.example.com/saml/metadata"),
            ("saml:sub", &session.subject),
        ],
    );
    Ok(Request::new(
        principal,
        "sts:AssumeRoleWithSAML",
        keys,
        trust,
    ))
}

async fn caller() -> Result<Request> {
    let fixture = CallerFixture::new()?;
    let principal = fixture.user.user_arn.clone();
    let values = [
        ("Gateway", principal.as_str()),
        ("ExternalId", "rolecall-1"),
        ("AWS::AccountId", ACCOUNT),
    ];
    let trust = developer("docs/sts.md", "AssumeRole", &values)?;
    let mut request = fixture.request(&[])?;
    let permission_set = TagKey::parse("rolecall:permission-set")?;
    request.tags.add(permission_set, "Developer")?;
    let request = StsRequest::AssumeRole(request);
    let sts = fixture.sts(fixture.key())?;
    let session = issued(&fixture.aws, &sts, &trust, &request).await?;
    let keys = keys(&session, [("sts:ExternalId", "rolecall-1")]);
    Ok(Request {
        identity: Some(json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
        }]})),
        ..Request::new(&principal, "sts:AssumeRole", keys, trust)
    })
}

/// Asserts that each change of a condition key is rejected, unless the policy does not restrict it.
async fn check(
    intended: &Request,
    unrestricted: &[&str],
    restricted: usize,
    has_variants: bool,
) -> Result<()> {
    let mut rows = vec![("the intended proof".to_owned(), intended.clone(), true)];
    let mut count = 0;
    for key in intended.keys.keys() {
        let allowed = unrestricted.contains(&key.as_str());
        count += usize::from(!allowed);
        let other = match key.as_str() {
            "sts:RoleAuthorizedByIdp" => "false",
            _ => OTHER,
        };
        rows.push((
            format!("another {key}"),
            intended.with(key, Some(other)),
            allowed,
        ));
        rows.push((format!("no {key}"), intended.with(key, None), allowed));
    }
    ensure!(count == restricted, "{count}: {:?}", intended.keys);
    for (key, value, allowed) in [
        (
            "aws:RequestTag/rolecall:permission-set",
            "Developer@readonly",
            has_variants,
        ),
        (
            "aws:RequestTag/rolecall:permission-set",
            "Developer2",
            false,
        ),
        ("sts:SourceIdentity", "bob@example.com", true),
        ("sts:SourceIdentity", "bob@example.com.example.net", false),
    ] {
        rows.push((
            format!("{key} {value}"),
            intended.with(key, Some(value)),
            allowed,
        ));
    }
    let mut foreign = intended.clone();
    foreign.principal = format!("{}-2", intended.principal);
    rows.push(("another principal".to_owned(), foreign, false));
    expect(&rows).await
}

/// A name, a request, and whether it must be allowed.
type Row = (String, Request, bool);

/// Asserts what iam-simulate decides.
async fn expect(rows: &[Row]) -> Result<()> {
    let requests: Vec<Request> = rows.iter().map(|(_, request, _)| request.clone()).collect();
    let Some(allowed) = simulate(&requests).await? else {
        return Ok(());
    };
    for ((name, _, expected), allowed) in rows.iter().zip(allowed) {
        ensure!(allowed == *expected, "{name}: {allowed}");
    }
    Ok(())
}

#[tokio::test]
async fn gateway_oidc_policy_accepts_only_the_intended_token() -> Result<()> {
    let unrestricted = [format!("{ISSUER}:sub")];
    check(&gateway_oidc().await?, &[&unrestricted[0]], 5, false).await
}

#[tokio::test]
async fn gateway_saml_policy_accepts_only_the_intended_response() -> Result<()> {
    check(&gateway_saml().await?, &["saml:sub"], 5, true).await
}

#[tokio::test]
async fn caller_policy_accepts_only_the_intended_request() -> Result<()> {
    check(&caller().await?, &["aws:RequestTag/team"], 4, true).await
}

/// The IAM user of an account without roles can issue sessions of its account, and do nothing else at STS.
#[tokio::test]
async fn federation_token_policy_permits_only_federated_users() -> Result<()> {
    let values = [("AWS::Partition", "aws"), ("AWS::AccountId", ACCOUNT)];
    let template = templates::template("docs/sts.md", "GetFederationToken")?;
    let policy = template.user_policy(&values)?;
    let rows = [
        (
            "sts:GetFederationToken",
            "arn:aws:sts::111122223333:federated-user/alice@example.com-x",
            true,
        ),
        (
            "sts:GetFederationToken",
            "arn:aws:sts::444455556666:federated-user/alice@example.com-x",
            false,
        ),
        ("sts:AssumeRole", ROLE, false),
    ];
    let rows = rows.map(|(action, resource, allowed)| {
        let request = Request {
            principal: "arn:aws:iam::111122223333:user/rolecall".to_owned(),
            action,
            resource: resource.to_owned(),
            keys: Keys::new(),
            trust: None,
            identity: Some(policy.clone()),
            rcp: None,
        };
        (format!("{action} {resource}"), request, allowed)
    });
    expect(&rows).await
}

/// AWS knows only the client and the person. There are no session tags.
#[tokio::test]
async fn provider_oidc_policy_accepts_only_the_listed_people() -> Result<()> {
    let (client, person) = ("0oa1b2c3d4e5f6g7h8i9", "00u1a2b3c4d5e6f7g8h9");
    let principal = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
    let values = [("Okta.Arn", principal.as_str())];
    let trust = developer("docs/sts.md", "AssumeRoleWithWebIdentity", &values)?;
    let trust = trust.to_string().replace("example.okta.com", ISSUER);
    let (aud, sub) = (format!("{ISSUER}:aud"), format!("{ISSUER}:sub"));
    let keys = [(&aud, client), (&sub, person)].map(|(key, value)| (key.clone(), value.to_owned()));
    let intended = Request::new(
        &principal,
        "sts:AssumeRoleWithWebIdentity",
        keys.into(),
        serde_json::from_str(&trust)?,
    );
    let mut foreign = intended.clone();
    foreign.principal += "-2";
    let rows = [
        ("the intended token", intended.clone(), true),
        ("another client", intended.with(&aud, Some(OTHER)), false),
        ("no client", intended.with(&aud, None), false),
        (
            "the other person",
            intended.with(&sub, Some("00u9h8g7f6e5d4c3b2a1")),
            true,
        ),
        ("another person", intended.with(&sub, Some(OTHER)), false),
        ("no person", intended.with(&sub, None), false),
        ("another issuer", foreign, false),
    ];
    expect(&rows.map(|(name, request, allowed)| (name.to_owned(), request, allowed))).await
}
