//! `aws login`: one role per key with the current policy, and no token lost during an outage.

mod sessions;

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rolecall_core::access::RoleRequest;
use rolecall_core::aws::StsRefusal;
use rolecall_core::aws_login::dpop::DpopError;
use rolecall_core::aws_login::{
    AllowLoginError, LoginClient, LoginError, LoginExchange, LoginForm, LoginRequest,
    LoginTokenRequest, LoginTokens,
};
use rolecall_core::base::secret::{AuthorizationCode, RefreshToken, SecretText};
use rolecall_core::issue::IssueError;
use rolecall_core::session::Session;

use crate::fixture::{ACCESS, Fixture, context, developer, event_name, plain};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Makes all proofs of a test distinct.
static PROOFS: AtomicU32 = AtomicU32::new(0);

/// A client with its own key.
pub(crate) struct Program {
    pub(crate) client: LoginClient,
    key: SigningKey,
}

impl Program {
    pub(crate) fn new(client: LoginClient, seed: u8) -> Self {
        Self {
            client,
            key: SigningKey::from_slice(&[seed; 32]).unwrap(),
        }
    }

    pub(crate) fn here() -> Self {
        Self::new(LoginClient::SameDevice, 7)
    }

    fn redirect_uri(&self) -> &'static str {
        match self.client {
            LoginClient::SameDevice => "http://127.0.0.1:33389/oauth/callback",
            LoginClient::CrossDevice => "https://sso.example.com/v1/sessions/confirmation",
        }
    }

    pub(crate) fn request(&self, fixture: &Fixture) -> LoginRequest {
        let text = str::to_owned;
        let form = LoginForm {
            response_type: text("code"),
            client_id: text(self.client.id()),
            redirect_uri: text(self.redirect_uri()),
            state: text("a-state"),
            scope: text("openid"),
            code_challenge_method: text("SHA-256"),
            code_challenge: text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        };
        fixture.gateway.aws_logins().read_login(form).unwrap()
    }

    /// A new proof.
    pub(crate) fn proof(&self, fixture: &Fixture) -> String {
        let number = PROOFS.fetch_add(1, Ordering::Relaxed);
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}}"#
        );
        let iat = fixture.now().timestamp();
        let claims = format!(
            r#"{{"htm":"POST","htu":"https://sso.example.com/v1/token","iat":{iat},"jti":"{number}"}}"#
        );
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let input = format!("{header}.{claims}");
        let signature: Signature = self.key.sign(input.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("{input}.{signature}")
    }

    pub(crate) async fn allowed(
        &self,
        fixture: &Fixture,
        session: &Session,
        role: RoleRequest,
    ) -> Result<LoginExchange, AllowLoginError> {
        let request = self.request(fixture);
        let gateway = &fixture.gateway;
        let to = gateway
            .aws_logins()
            .allow_login(&context(), session, &request, role)
            .await?;
        let (_, code) = to.split_once("?code=").unwrap();
        Ok(LoginExchange {
            client: self.client,
            code: AuthorizationCode::new(code.split('&').next().unwrap()),
            code_verifier: SecretText::new(VERIFIER),
            redirect_uri: self.redirect_uri().to_owned(),
        })
    }

    /// A code for the role that alice has.
    async fn developer_code(&self, fixture: &Fixture, session: &Session) -> LoginExchange {
        let allowed = self.allowed(fixture, session, developer()).await;
        allowed.unwrap()
    }

    pub(crate) async fn redeem(
        &self,
        fixture: &Fixture,
        shown: &LoginExchange,
    ) -> Result<LoginTokens, LoginError> {
        let request = LoginTokenRequest::Code(shown.clone());
        create_token(fixture, &self.proof(fixture), &request).await
    }

    pub(crate) async fn refresh(
        &self,
        fixture: &Fixture,
        token: &RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let request = LoginTokenRequest::Refresh(self.client, token.clone());
        create_token(fixture, &self.proof(fixture), &request).await
    }
}

pub(crate) async fn create_token(
    fixture: &Fixture,
    proof: &str,
    request: &LoginTokenRequest,
) -> Result<LoginTokens, LoginError> {
    let logins = fixture.gateway.aws_logins();
    logins.create_token(&context(), &[proof], request).await
}

#[tokio::test]
async fn login_credentials_last_15_minutes_and_are_audited() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let program = Program::here();
    fixture.call_log.take();
    let shown = program.developer_code(&fixture, &alice).await;
    let tokens = program.redeem(&fixture, &shown).await.unwrap();
    assert_eq!(tokens.expires_in, 900);
    let (request, claims) = fixture.aws.take_only();
    assert_eq!(request.role_session().unwrap().duration.seconds(), 900);
    assert_eq!(claims.tags.iter().count(), 4, "as everywhere");
    let id_token = tokens.id_token.unwrap();
    let said: Vec<&str> = id_token.expose().split(' ').collect();
    assert!(
        said[0].starts_with("arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com-"),
        "{}",
        said[0]
    );
    assert_eq!(said[1], LoginClient::SameDevice.id());
    let calls = fixture.call_log.take();
    assert_eq!(
        calls,
        [
            "audit consent_given",
            "audit client_session_begun",
            "audit issue_intended",
            "mint",
            "assume",
            "audit issue_done",
            "mint login token"
        ]
    );
}

#[tokio::test]
async fn current_policy_is_evaluated_at_each_step() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let program = Program::here();
    let shown = program.developer_code(&fixture, &alice).await;
    let tokens = program.redeem(&fixture, &shown).await.unwrap();
    let waiting = program.developer_code(&fixture, &alice).await;
    fixture
        .replace_policy(&ACCESS.replace("payments-dev\"]", "nobody\"]"))
        .await;
    let refused = program.refresh(&fixture, &tokens.refresh_token).await;
    assert!(matches!(
        refused,
        Err(LoginError::Issue(IssueError::NotGranted))
    ));
    let refused = program.redeem(&fixture, &waiting).await;
    assert!(matches!(
        refused,
        Err(LoginError::Issue(IssueError::NotGranted))
    ));
    let refused = program.allowed(&fixture, &alice, developer()).await;
    assert!(matches!(
        refused,
        Err(AllowLoginError::Role(IssueError::NotGranted))
    ));
    fixture.clock.advance(TimeDelta::minutes(30));
    fixture.replace_policy(ACCESS).await;
    assert!(
        program
            .refresh(&fixture, &tokens.refresh_token)
            .await
            .is_ok()
    );
    let spent = program.redeem(&fixture, &waiting).await;
    assert!(matches!(spent, Err(LoginError::CodeUsed)));
}

#[tokio::test]
async fn aws_outage_consumes_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let program = Program::here();
    let shown = program.allowed(&fixture, &alice, plain()).await.unwrap();
    let proof = program.proof(&fixture);
    let request = LoginTokenRequest::Code(shown);
    let redeem = || create_token(&fixture, &proof, &request);
    fixture.aws.fail_sts_once();
    let down = redeem().await;
    assert!(matches!(
        down,
        Err(LoginError::Issue(IssueError::StsUnavailable(_)))
    ));
    fixture.aws.refuse_once(StsRefusal::Throttled, "Throttling");
    assert!(redeem().await.unwrap_err().is_transient());
    fixture.aws.fail_mint_once();
    assert!(redeem().await.unwrap_err().is_transient());
    assert!(
        fixture.store.keys("client-session").is_empty(),
        "no record remains"
    );
    let tokens = redeem().await.unwrap();

    let proof = program.proof(&fixture);
    let token = tokens.refresh_token.clone();
    let request = LoginTokenRequest::Refresh(LoginClient::SameDevice, token);
    let refresh = || create_token(&fixture, &proof, &request);
    fixture.aws.fail_sts_once();
    assert!(refresh().await.unwrap_err().is_transient());
    assert!(refresh().await.is_ok());
    // A refresh token is not replaced without a response, however long the outage lasts.
    let newest = refresh().await;
    assert!(matches!(
        newest,
        Err(LoginError::Proof(DpopError::Replayed))
    ));
    let tokens = program
        .refresh(&fixture, &tokens.refresh_token)
        .await
        .unwrap();
    fixture.aws.fail_sts_once();
    assert!(
        program
            .refresh(&fixture, &tokens.refresh_token)
            .await
            .is_err()
    );
    fixture.clock.advance(TimeDelta::minutes(10));
    assert!(
        program
            .refresh(&fixture, &tokens.refresh_token)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn permanent_aws_refusal_ends_the_session() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let program = Program::here();
    let shown = program.allowed(&fixture, &alice, plain()).await.unwrap();
    fixture
        .aws
        .refuse_once(StsRefusal::AccessDenied, "AccessDenied");
    fixture.trail.take();
    let refused = program.redeem(&fixture, &shown).await.unwrap_err();
    assert!(!refused.is_transient() && refused.code() == "access_denied");
    let words: Vec<String> = fixture.trail.take().iter().map(event_name).collect();
    assert_eq!(
        words,
        [
            "client_session_begun",
            "issue_intended",
            "issue_failed",
            "signed_out"
        ]
    );
    assert!(matches!(
        program.redeem(&fixture, &shown).await,
        Err(LoginError::CodeUsed)
    ));
}

#[tokio::test]
async fn store_or_audit_failure_issues_nothing() {
    for of_trail in [false, true] {
        for step in 0.. {
            let fixture = Fixture::new();
            let alice = fixture.session_of("alice").await;
            let program = Program::here();
            let shown = program.allowed(&fixture, &alice, plain()).await.unwrap();
            let outage = if of_trail {
                &fixture.trail.outage
            } else {
                &fixture.store.outage
            };
            outage.fail_after(step);
            let outcome = program.redeem(&fixture, &shown).await;
            outage.repair();
            match outcome {
                Ok(_) => {
                    assert!(step >= 3, "the flow has several steps");
                    break;
                }
                Err(error) => assert!(error.is_transient(), "step {step}: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn credentials_that_no_client_gets_are_recorded() {
    for is_refresh in [false, true] {
        let mut undelivered_at = Vec::new();
        for step in 0.. {
            let fixture = Fixture::new();
            let alice = fixture.session_of("alice").await;
            let program = Program::here();
            let shown = program.allowed(&fixture, &alice, plain()).await.unwrap();
            let tokens = match is_refresh {
                true => Some(program.redeem(&fixture, &shown).await.unwrap()),
                false => None,
            };
            fixture.trail.take();
            fixture.store.outage.fail_once_after(step);
            let outcome = match &tokens {
                Some(tokens) => program.refresh(&fixture, &tokens.refresh_token).await,
                None => program.redeem(&fixture, &shown).await,
            };
            if fixture.store.outage.has_pending_failure() {
                break;
            }
            let events: Vec<String> = fixture.trail.take().iter().map(event_name).collect();
            let has = |name: &str| events.iter().any(|event| event == name);
            let withheld = has("issue_done") && outcome.is_err();
            assert_eq!(
                withheld,
                has("issue_undelivered"),
                "step {step}: {events:?}"
            );
            undelivered_at.extend(withheld.then_some(step));
        }
        // After the issue the session is checked, and then the client's tokens are stored or the session is read.
        assert!(
            undelivered_at.len() >= 2,
            "{is_refresh}: {undelivered_at:?}"
        );
    }
}

#[tokio::test]
async fn remote_login_follows_device_flow_rules() {
    let access = ACCESS.replace("who = { everyone = true }\naccounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]", "who = { everyone = true }\naccounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]\nwhen = { device_flow = false }");
    assert_ne!(access, ACCESS);
    let fixture = Fixture::with_access(&access);
    let alice = fixture.session_of("alice").await;
    let there = Program::new(LoginClient::CrossDevice, 8);
    let refused = there.allowed(&fixture, &alice, plain()).await;
    assert!(matches!(
        refused,
        Err(AllowLoginError::Role(IssueError::Locked { .. }))
    ));
    assert!(
        Program::here()
            .allowed(&fixture, &alice, plain())
            .await
            .is_ok()
    );
    let shown = there.allowed(&fixture, &alice, developer()).await.unwrap();
    assert!(there.redeem(&fixture, &shown).await.is_ok());
    fixture.clock.advance(TimeDelta::seconds(601));
    let stale = there.allowed(&fixture, &alice, developer()).await;
    assert!(matches!(stale, Err(AllowLoginError::NotFresh)));
    assert!(
        Program::here()
            .allowed(&fixture, &alice, plain())
            .await
            .is_ok()
    );
}
