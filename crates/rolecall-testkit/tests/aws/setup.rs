//! An account with a role, an issuer, and a valid request, of which each test changes a part.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::{Context as _, Result};
use chrono::DateTime;
use rolecall_testkit::aws::{Aws, AwsSettings, IssuedSession, Role};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::{Algorithm, SigningKey, jwks};
use rolecall_testkit::serve::LocalServer;
use serde_json::{Value, json};

pub const ACCOUNT: &str = "111122223333";
pub const AUDIENCE: &str = "sts.amazonaws.com";
pub const ROLES: &str = "https://aws.amazon.com/roles";
pub const TAGS: &str = "https://aws.amazon.com/tags";
pub const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// What the issuer publishes, and the number of requests for its keys.
pub struct Published {
    pub discovery: Option<Value>,
    pub jwks: Value,
    pub fetched: usize,
}

pub struct Setup {
    pub aws: Aws,
    pub clock: ManualClock,
    pub key: SigningKey,
    pub issuer: String,
    published: Arc<Mutex<Published>>,
    pub role_arn: String,
    pub http: reqwest::Client,
    pub server: Option<LocalServer>,
}

/// A response of STS.
#[derive(Debug)]
pub struct StsResponse {
    pub status: u16,
    pub body: String,
}

impl StsResponse {
    /// The text of the first element with this name.
    pub fn text(&self, element: &str) -> &str {
        let inner = self.body.split_once(&format!("<{element}>"));
        inner
            .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")))
            .map_or("", |(text, _)| text)
    }

    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str, message: &str) {
        assert_eq!(
            (self.status, self.text("Code")),
            (status, code),
            "{}",
            self.body
        );
        assert!(
            self.text("Message").contains(message),
            "{message:?} in {}",
            self.body
        );
    }

    #[track_caller]
    pub fn assert_success(&self) {
        assert_eq!(self.status, 200, "{}", self.body);
    }
}

impl Setup {
    pub async fn new() -> Result<Setup> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let published = Arc::new(Mutex::new(Published {
            discovery: None,
            jwks: jwks([&key])?,
            fetched: 0,
        }));
        let server = issuer(&published)?;
        let issuer = server.url();
        let clock = ManualClock::starting_now();
        let aws = Aws::start(AwsSettings {
            clock: clock.clock(),
            ..AwsSettings::default()
        })?;
        let account = aws.account(ACCOUNT)?;
        let provider = account.oidc_provider(&issuer, &[AUDIENCE, "second"])?;
        let role_arn = account.role(
            "rolecall/Developer",
            Role::with_trust_policy(trust(&provider, &issuer)),
        )?;
        Ok(Setup {
            aws,
            clock,
            key,
            issuer,
            published,
            role_arn,
            http: reqwest::Client::new(),
            server: Some(server),
        })
    }

    /// What the issuer publishes, mutable.
    pub fn published(&self) -> MutexGuard<'_, Published> {
        open(&self.published)
    }

    /// The issuer without its scheme, as in condition keys and ARNs.
    pub fn prefix(&self) -> &str {
        self.issuer.trim_start_matches("http://")
    }

    /// The claims of a valid token.
    pub fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "iss": self.issuer, "sub": "okta|00u1alice", "aud": AUDIENCE, "iat": now, "exp": now + 300, "jti": "1",
            TAGS: { "principal_tags": { "rolecall:account": [ACCOUNT], "Team": ["platform"] }, "transitive_tag_keys": ["Team"] },
            SOURCE_IDENTITY: "alice@example.com",
        })
    }

    /// A valid token with some claims replaced, or removed if the new value is null.
    pub fn token_with(&self, changes: &Value) -> Result<String> {
        let mut claims = self.claims();
        let object = claims.as_object_mut().context("claims")?;
        for (name, value) in changes.as_object().context("changes")? {
            match value.is_null() {
                true => drop(object.remove(name)),
                false => drop(object.insert(name.clone(), value.clone())),
            }
        }
        self.key.jwt(&claims)
    }

    pub fn token(&self) -> Result<String> {
        self.key.jwt(&self.claims())
    }

    /// The fields of a valid request.
    pub fn form(&self, token: &str) -> Vec<(String, String)> {
        [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role_arn),
            ("RoleSessionName", "alice@example.com"),
            ("WebIdentityToken", token),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The fields of a valid request with some changes.
    pub fn form_with(&self, changes: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
        let mut form = self.form(&self.token()?);
        for &(name, value) in changes {
            form.retain(|(key, _)| key != name);
            form.push((name.to_owned(), value.to_owned()));
        }
        Ok(form)
    }

    pub async fn post(&self, form: &[(String, String)]) -> Result<StsResponse> {
        let response = self.http.post(self.aws.url()).form(form).send().await?;
        Ok(StsResponse {
            status: response.status().as_u16(),
            body: response.text().await?,
        })
    }

    /// Sends a request with this token.
    pub async fn present(&self, token: &str) -> Result<StsResponse> {
        self.post(&self.form(token)).await
    }

    /// Issues a session.
    pub async fn session(&self) -> Result<Arc<IssuedSession>> {
        self.present(&self.token()?).await?.assert_success();
        self.aws.issued().pop().context("no session was issued")
    }
}

/// The trust policy that the gateway requires.
pub fn trust(provider: &str, issuer: &str) -> Value {
    let prefix = issuer.trim_start_matches("http://");
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": {
            "StringEquals": { format!("{prefix}:aud"): AUDIENCE, "aws:RequestTag/rolecall:account": ACCOUNT },
            "StringLike": { "sts:SourceIdentity": "*@example.com" },
        },
    }]})
}

/// An issuer that publishes `published`.
fn issuer(published: &Arc<Mutex<Published>>) -> Result<LocalServer> {
    let published = Arc::clone(published);
    LocalServer::start(0, move |routes| {
        routes
            .app_data(web::Data::from(Arc::clone(&published)))
            .route(
                "/.well-known/openid-configuration",
                web::get().to(discovery),
            )
            .route("/jwks", web::get().to(keys));
    })
}

fn open(published: &Mutex<Published>) -> MutexGuard<'_, Published> {
    published.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn discovery(request: HttpRequest, published: web::Data<Mutex<Published>>) -> HttpResponse {
    let own = format!("http://{}", request.connection_info().host());
    let document = open(&published).discovery.clone();
    HttpResponse::Ok().json(document.unwrap_or_else(|| {
        json!({
            "issuer": own, "jwks_uri": format!("{own}/jwks"), "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"],
        })
    }))
}

async fn keys(published: web::Data<Mutex<Published>>) -> HttpResponse {
    let mut published = open(&published);
    published.fetched += 1;
    HttpResponse::Ok().json(&published.jwks)
}

/// Parses a time in a response of STS.
pub fn timestamp(text: &str) -> Result<i64> {
    Ok(DateTime::parse_from_rfc3339(text)?.timestamp())
}
