//! `aws login`: one role for one key, by today's policy, and no token lost to an outage.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rolecall_core::access::RoleRequest;
use rolecall_core::aws::StsRefusal;
use rolecall_core::aws_login::dpop::{DpopError, DpopProof};
use rolecall_core::aws_login::{
    AllowLoginError, LoginClient, LoginError, LoginExchange, LoginForm, LoginRequest, LoginTokens,
};
use rolecall_core::base::secret::{AuthorizationCode, RefreshToken, SecretText};
use rolecall_core::issue::IssueError;
use rolecall_core::session::Session;

use crate::world::{ACCESS, World, context, developer, plain, word};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// No two proofs of a test are one.
static PROOFS: AtomicU32 = AtomicU32::new(0);

/// A program with a key of its own.
pub(crate) struct Program {
    client: LoginClient,
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

    pub(crate) fn request(&self, world: &World) -> LoginRequest {
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
        world.gateway.aws_logins().read_login(form).unwrap()
    }

    /// A proof that no request has used.
    pub(crate) fn proof(&self, world: &World) -> DpopProof {
        let number = PROOFS.fetch_add(1, Ordering::Relaxed);
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}}"#
        );
        let iat = world.now().timestamp();
        let claims = format!(
            r#"{{"htm":"POST","htu":"https://sso.example.com/v1/token","iat":{iat},"jti":"{number}"}}"#
        );
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let input = format!("{header}.{claims}");
        let signature: Signature = self.key.sign(input.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        let whole = format!("{input}.{signature}");
        world.gateway.aws_logins().login_proof(&[&whole]).unwrap()
    }

    pub(crate) async fn allowed(
        &self,
        world: &World,
        session: &Session,
        role: RoleRequest,
    ) -> Result<LoginExchange, AllowLoginError> {
        let request = self.request(world);
        let gateway = &world.gateway;
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

    pub(crate) async fn redeem(
        &self,
        world: &World,
        shown: &LoginExchange,
    ) -> Result<LoginTokens, LoginError> {
        let proof = self.proof(world);
        world
            .gateway
            .aws_logins()
            .redeem_login(&context(), &proof, shown)
            .await
    }

    pub(crate) async fn refresh(
        &self,
        world: &World,
        token: &RefreshToken,
    ) -> Result<LoginTokens, LoginError> {
        let proof = self.proof(world);
        let gateway = &world.gateway;
        gateway
            .aws_logins()
            .refresh_login(&context(), &proof, self.client, token)
            .await
    }
}

#[tokio::test]
async fn a_quarter_of_an_hour_of_one_role_in_the_order_of_the_guarantee() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let program = Program::here();
    world.journal.take();
    let shown = program.allowed(&world, &alice, developer()).await.unwrap();
    let tokens = program.redeem(&world, &shown).await.unwrap();
    assert_eq!(tokens.expires_in, 900);
    let (request, claims) = world.aws.take_only();
    assert_eq!(request.session().duration.seconds(), 900);
    assert_eq!(claims.tags.iter().count(), 4, "as everywhere");
    let id_token = tokens.id_token.unwrap();
    let said: Vec<&str> = id_token.expose().split(' ').collect();
    assert!(
        said[0].starts_with("arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com-"),
        "{}",
        said[0]
    );
    assert_eq!(said[1], LoginClient::SameDevice.id());
    let calls = world.journal.take();
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
async fn todays_policy_decides_at_each_step_and_costs_no_token() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let program = Program::here();
    let shown = program.allowed(&world, &alice, developer()).await.unwrap();
    let tokens = program.redeem(&world, &shown).await.unwrap();
    let waiting = program.allowed(&world, &alice, developer()).await.unwrap();
    world
        .replace_policy(&ACCESS.replace("payments-dev\"]", "nobody\"]"))
        .await;
    let refused = program.refresh(&world, &tokens.refresh_token).await;
    assert!(matches!(
        refused,
        Err(LoginError::Issue(IssueError::NotGranted))
    ));
    let refused = program.redeem(&world, &waiting).await;
    assert!(matches!(
        refused,
        Err(LoginError::Issue(IssueError::NotGranted))
    ));
    let refused = program.allowed(&world, &alice, developer()).await;
    assert!(matches!(
        refused,
        Err(AllowLoginError::Role(IssueError::NotGranted))
    ));
    world.clock.advance(TimeDelta::minutes(30));
    world.replace_policy(ACCESS).await;
    assert!(program.refresh(&world, &tokens.refresh_token).await.is_ok());
    let spent = program.redeem(&world, &waiting).await;
    assert!(matches!(spent, Err(LoginError::CodeSpent)));
}

#[tokio::test]
async fn an_outage_of_aws_costs_neither_code_nor_token_nor_proof() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let program = Program::here();
    let shown = program.allowed(&world, &alice, plain()).await.unwrap();
    let proof = program.proof(&world);
    let context = context();
    let redeem = || {
        world
            .gateway
            .aws_logins()
            .redeem_login(&context, &proof, &shown)
    };
    world.aws.sts_down_once();
    let down = redeem().await;
    assert!(matches!(
        down,
        Err(LoginError::Issue(IssueError::StsUnavailable(_)))
    ));
    world.aws.refuse_once(StsRefusal::Throttled, "Throttling");
    assert!(redeem().await.unwrap_err().is_transient());
    world.aws.fail_mint_once();
    assert!(redeem().await.unwrap_err().is_transient());
    assert!(
        world.store.keys("client-session").is_empty(),
        "nothing stays"
    );
    let tokens = redeem().await.unwrap();

    let proof = program.proof(&world);
    let refresh = || {
        let client = LoginClient::SameDevice;
        let gateway = &world.gateway;
        gateway
            .aws_logins()
            .refresh_login(&context, &proof, client, &tokens.refresh_token)
    };
    world.aws.sts_down_once();
    assert!(refresh().await.unwrap_err().is_transient());
    assert!(refresh().await.is_ok());
    // However long it lasts: what was not answered has not been replaced.
    let newest = refresh().await;
    assert!(matches!(
        newest,
        Err(LoginError::Proof(DpopError::Replayed))
    ));
    let tokens = program
        .refresh(&world, &tokens.refresh_token)
        .await
        .unwrap();
    world.aws.sts_down_once();
    assert!(
        program
            .refresh(&world, &tokens.refresh_token)
            .await
            .is_err()
    );
    world.clock.advance(TimeDelta::minutes(10));
    assert!(program.refresh(&world, &tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn what_aws_refuses_for_good_leaves_nothing_behind() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    let program = Program::here();
    let shown = program.allowed(&world, &alice, plain()).await.unwrap();
    world
        .aws
        .refuse_once(StsRefusal::AccessDenied, "AccessDenied");
    world.trail.take();
    let refused = program.redeem(&world, &shown).await.unwrap_err();
    assert!(!refused.is_transient() && refused.code() == "access_denied");
    let words: Vec<String> = world.trail.take().iter().map(word).collect();
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
        program.redeem(&world, &shown).await,
        Err(LoginError::CodeSpent)
    ));
}

#[tokio::test]
async fn a_store_or_a_trail_that_fails_at_any_step_gives_nothing_away() {
    for of_trail in [false, true] {
        for step in 0.. {
            let world = World::new();
            let alice = world.session_of("alice").await;
            let program = Program::here();
            let shown = program.allowed(&world, &alice, plain()).await.unwrap();
            let outage = if of_trail {
                &world.trail.outage
            } else {
                &world.store.outage
            };
            outage.break_after(step);
            let outcome = program.redeem(&world, &shown).await;
            outage.repair();
            match outcome {
                Ok(_) => {
                    assert!(step >= 3, "it takes some steps");
                    break;
                }
                Err(error) => assert!(error.is_transient(), "step {step}: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn who_asks_from_another_machine_is_held_to_the_rules_of_the_device_flow() {
    let access = ACCESS.replace("who = { everyone = true }\naccounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]", "who = { everyone = true }\naccounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]\nwhen = { device_flow = false }");
    assert_ne!(access, ACCESS);
    let world = World::with_access(&access);
    let alice = world.session_of("alice").await;
    let there = Program::new(LoginClient::CrossDevice, 8);
    let refused = there.allowed(&world, &alice, plain()).await;
    assert!(matches!(
        refused,
        Err(AllowLoginError::Role(IssueError::Locked { .. }))
    ));
    assert!(
        Program::here()
            .allowed(&world, &alice, plain())
            .await
            .is_ok()
    );
    let shown = there.allowed(&world, &alice, developer()).await.unwrap();
    assert!(there.redeem(&world, &shown).await.is_ok());
    world.clock.advance(TimeDelta::seconds(601));
    let stale = there.allowed(&world, &alice, developer()).await;
    assert!(matches!(stale, Err(AllowLoginError::NotFresh)));
    assert!(
        Program::here()
            .allowed(&world, &alice, plain())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn ending_all_others_ends_these_too_and_codes_on_their_way() {
    let world = World::new();
    let (here, there) = (
        world.session_of("alice").await,
        world.session_of("alice").await,
    );
    let program = Program::here();
    let shown = program.allowed(&world, &there, plain()).await.unwrap();
    let tokens = program.redeem(&world, &shown).await.unwrap();
    let waiting = program.allowed(&world, &there, plain()).await.unwrap();
    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &here)
        .await
        .unwrap();
    let over = program.refresh(&world, &tokens.refresh_token).await;
    assert!(matches!(over, Err(LoginError::SessionOver)));
    let over = program.redeem(&world, &waiting).await;
    assert!(matches!(over, Err(LoginError::CodeSpent)));
}

#[tokio::test]
async fn a_code_belongs_to_the_session_that_allowed_it() {
    let world = World::new();
    let (alice, bob) = (
        world.session_of("alice").await,
        world.session_of("bob").await,
    );
    let program = Program::new(LoginClient::CrossDevice, 8);
    let shown = program.allowed(&world, &alice, plain()).await.unwrap();
    let of = async |session: &Session| {
        let code = world
            .gateway
            .aws_logins()
            .login_code(session, &shown.code)
            .await;
        code.unwrap().is_some()
    };
    assert!(of(&alice).await && !of(&bob).await);
    world.clock.advance(TimeDelta::minutes(5));
    assert!(!of(&alice).await);
}
