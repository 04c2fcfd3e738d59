//! The flows of a stolen session, and their results.

use std::sync::Arc;

use chrono::TimeDelta;
use rolecall_core::aws_login::LoginExchange;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{
    AccessToken, AuthorizationCode, ConsoleTicket, ProofTicket, RefreshToken,
};
use rolecall_core::clients::{
    AuthorizationStep, ConsentChoice, StartedDeviceAuthorization, ValidatedAuthorization,
};
use rolecall_core::issue::{ConsoleOutcome, ConsoleRequest, ProofOutcome};
use rolecall_core::session::ClientTokens;
use rolecall_core::sign_in::{ReturnTo, SignInCompleted};

use super::flow::Flow;
use super::results::FlowResults;
use crate::at_provider;
use crate::clients::{self, Known};
use crate::fixture::{Fixture, PostResponse as _, context, id, plain, saml};
use crate::login::Program;

/// A person, and an attacker with a copy of the cookie of the person's other browser.
pub struct Stage {
    /// The state after the preparation of the flow.
    origin: Arc<Fixture>,
    pub fixture: Arc<Fixture>,
    pub desk: SignInCompleted,
    pub stolen: SignInCompleted,
    /// Name of the person at the provider whose session it ends.
    pub called: String,
    /// Session index of the provider.
    pub index: String,
    /// The client session of the flow, if it is not that of the browser.
    pub client: Option<AccessToken>,
    pub(super) known: Known,
    pub(super) program: Program,
    prepared: Prepared,
}

/// The result of the preparation.
enum Prepared {
    Nothing,
    Device(Arc<StartedDeviceAuthorization>),
    Read(Box<ValidatedAuthorization>),
    Code(AuthorizationCode),
    Tokens(ClientTokens),
    Login(LoginExchange),
    LoginTokens(RefreshToken),
    Ticket(ConsoleTicket),
    Proof(ProofTicket),
}

impl Stage {
    pub async fn set(flow: Flow) -> Self {
        Self::on(Arc::new(flow.fixture()), flow, 0).await
    }

    /// Restores the prepared state, with a gateway without caches.
    pub fn reset(&mut self) {
        self.fixture = Arc::new(self.origin.fork());
    }

    /// Prepares the flow in a fixture that was used before.
    pub async fn on(fixture: Arc<Fixture>, flow: Flow, round: usize) -> Self {
        // One minute between two rounds, so that no rate limit is exceeded.
        fixture.clock.advance(TimeDelta::minutes(1));
        let response = format!("alice a-{round} stolen-{round}");
        let desk = fixture.sign_in("okta", "alice").await;
        let stolen = fixture
            .gateway
            .sign_ins()
            .post_unsolicited(&context(), &id("okta"), saml(&response))
            .await
            .unwrap();
        let called = if flow == Flow::SignIn {
            // A name that was not used before.
            format!("persistent-{round}")
        } else {
            "subject-alice".to_owned()
        };
        let (known, program) = (clients::register(&fixture.gateway), Program::here());
        let mut stage = Self {
            origin: fixture.clone(),
            fixture,
            desk,
            stolen,
            called,
            index: format!("stolen-{round}"),
            client: None,
            known,
            program,
            prepared: Prepared::Nothing,
        };
        stage.prepared = stage.prepare(flow, round).await;
        if let Prepared::Tokens(tokens) = &stage.prepared {
            stage.client = Some(tokens.access_token.clone());
        }
        stage
    }

    /// Removes the sessions of browsers and clients from the indexes.
    pub fn unlist(&self) {
        for list in ["session-index", "client-session-index"] {
            self.fixture.store.remove_all(list);
        }
    }

    async fn prepare(&self, flow: Flow, round: usize) -> Prepared {
        let (fixture, known, session) = (&self.fixture, &self.known, &self.stolen.session);
        match flow {
            Flow::AllowDevice => Prepared::Device(Arc::new(clients::start(fixture, known).await)),
            Flow::RedeemDevice => {
                let started = clients::start(fixture, known).await;
                let yes = clients::answer(&started, ConsentChoice::Allow);
                clients::decide(fixture, session, &yes).await.unwrap();
                Prepared::Device(Arc::new(started))
            }
            Flow::AllowCode => {
                let form = clients::form(known, "s");
                Prepared::Read(Box::new(
                    fixture.gateway.clients().read_authorization(form).unwrap(),
                ))
            }
            Flow::RedeemCode => Prepared::Code(clients::code(fixture, known, session, "s").await),
            Flow::RefreshTokens | Flow::ClientCredentials => {
                Prepared::Tokens(clients::by_device(fixture, known, session).await)
            }
            Flow::RedeemLogin => {
                let allowed = self.program.allowed(fixture, session, plain()).await;
                Prepared::Login(allowed.unwrap())
            }
            Flow::RefreshLogin => {
                let allowed = self
                    .program
                    .allowed(fixture, session, plain())
                    .await
                    .unwrap();
                let tokens = self.program.redeem(fixture, &allowed).await.unwrap();
                Prepared::LoginTokens(tokens.refresh_token)
            }
            Flow::ConsoleTicket => {
                let gateway = &fixture.gateway;
                let url = gateway
                    .issuer()
                    .sign_out_of_console(session, plain(), request());
                let url = url.await.unwrap();
                let (_, ticket) = url.as_str().rsplit_once("continue%2F").unwrap();
                Prepared::Ticket(ConsoleTicket::new(ticket))
            }
            Flow::AtProvider => {
                fixture.sent_away(session).await;
                let response = at_provider::said("alice", &format!("b-{round}"));
                Prepared::Proof(fixture.received(&response).await.unwrap())
            }
            Flow::RenewSecret | Flow::Touch => {
                fixture.clock.advance(limits::SESSION_SECRET_LIFE);
                Prepared::Nothing
            }
            Flow::EndOthers => {
                self.unlist();
                Prepared::Nothing
            }
            Flow::AllowLogin
            | Flow::Credentials
            | Flow::ConsoleLink
            | Flow::ConsolePost
            | Flow::SignIn => Prepared::Nothing,
        }
    }
}

fn request() -> ConsoleRequest {
    ConsoleRequest {
        destination: None,
        return_to: ReturnTo::portal(),
    }
}

impl Flow {
    /// Runs the flow as far as possible.
    pub async fn run(self, stage: &Stage) -> FlowResults {
        let (fixture, known, session) = (&stage.fixture, &stage.known, &stage.stolen.session);
        let (gateway, context) = (&fixture.gateway, context());
        let mut results = FlowResults::default();
        match (self, &stage.prepared) {
            (Self::AllowDevice, Prepared::Device(started)) => {
                let yes = clients::answer(started, ConsentChoice::Allow);
                let _ = clients::decide(fixture, session, &yes).await;
                results.device = Some(started.clone());
            }
            (Self::RedeemDevice, Prepared::Device(started)) => {
                results
                    .tokens
                    .extend(clients::poll(fixture, known, started).await);
                results.device = Some(started.clone());
            }
            (Self::AllowCode, Prepared::Read(read)) => {
                let _ = gateway
                    .clients()
                    .begin_authorization(&context, session, read)
                    .await;
                let yes = (ConsentChoice::Allow, [].as_slice());
                let step = gateway
                    .clients()
                    .decide_authorization(&context, session, read, yes);
                if let Ok(AuthorizationStep::Redirect(to)) = step.await {
                    results.code = to.split(['=', '&']).nth(1).map(AuthorizationCode::new);
                }
            }
            (Self::RedeemCode, Prepared::Code(code)) => {
                results
                    .tokens
                    .extend(clients::redeem(gateway, known, code).await);
            }
            (Self::RefreshTokens, Prepared::Tokens(tokens)) => {
                let presented = &tokens.refresh_token;
                results.tokens.extend(
                    gateway
                        .clients()
                        .refresh(&context, &known.id, presented)
                        .await,
                );
                results.tokens.push(tokens.clone());
            }
            (Self::AllowLogin, _) => {
                results.login = stage.program.allowed(fixture, session, plain()).await.ok();
            }
            (Self::RedeemLogin, Prepared::Login(shown)) => {
                let redeemed = stage.program.redeem(fixture, shown).await;
                results.got(redeemed.as_ref());
                results
                    .login_tokens
                    .extend(redeemed.map(|tokens| tokens.refresh_token));
            }
            (Self::RefreshLogin, Prepared::LoginTokens(token)) => {
                let refreshed = stage.program.refresh(fixture, token).await;
                results.got(refreshed.as_ref());
                results
                    .login_tokens
                    .extend(refreshed.map(|tokens| tokens.refresh_token));
                results.login_tokens.push(token.clone());
            }
            (Self::Credentials, _) => {
                results.got(fixture.issue(session, &plain()).await);
            }
            (Self::ClientCredentials, Prepared::Tokens(tokens)) => {
                let found = gateway
                    .sessions()
                    .client_session(&tokens.access_token)
                    .await;
                if let Ok(Some(client)) = found {
                    results.got(
                        gateway
                            .issuer()
                            .credentials(&context, &client, &plain())
                            .await,
                    );
                }
                results.tokens.push(tokens.clone());
            }
            (Self::ConsoleLink | Self::ConsolePost, _) => {
                let (role, request) = (plain(), request());
                let visit = gateway
                    .issuer()
                    .visit_console(&context, session, &role, &request);
                results.got(visit.await);
            }
            (Self::ConsoleTicket, Prepared::Ticket(ticket)) => {
                let outcome = gateway
                    .issuer()
                    .continue_to_console(&context, session, ticket)
                    .await;
                match outcome {
                    Ok(ConsoleOutcome::AlreadyUsed) => {}
                    outcome => results.got(outcome),
                }
            }
            (Self::AtProvider, Prepared::Proof(ticket)) => {
                let outcome = gateway
                    .issuer()
                    .continue_with_proof(&context, session, ticket)
                    .await;
                match outcome {
                    Ok(ProofOutcome::AlreadyUsed) => {}
                    outcome => results.got(outcome),
                }
            }
            (Self::RenewSecret, _) => {
                let renewed = gateway.sessions().renew_secret(&stage.stolen.secret).await;
                results.secrets.extend(renewed.ok().flatten());
                results.secrets.push(stage.stolen.secret.clone());
            }
            (Self::Touch, _) => {
                let _ = gateway.sessions().session(&stage.stolen.secret).await;
                results.secrets.push(stage.stolen.secret.clone());
            }
            (Self::EndOthers, _) => {
                let _ = gateway
                    .sessions()
                    .end_other_sessions(&context, session)
                    .await;
                results.secrets.push(stage.stolen.secret.clone());
            }
            (Self::SignIn, _) => {
                let Stage { called, index, .. } = stage;
                let response = saml(&format!("alice {called} {index} {called}"));
                let signed_in = gateway
                    .sign_ins()
                    .post_unsolicited(&context, &id("okta"), response)
                    .await;
                results.secrets.extend(signed_in.map(|new| new.secret));
            }
            (flow, _) => panic!("{flow:?} was not prepared"),
        }
        results
    }
}
