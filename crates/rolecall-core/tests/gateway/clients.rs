//! Registered clients: registration, authorization in both flows, consent, and the resulting sessions.

mod attacks;
mod failures;
mod flows;
mod random_walks;
mod remaining;
mod sessions;
mod user_codes;

use chrono::TimeDelta;
use rolecall_core::base::secret::{AccessToken, AuthorizationCode, RefreshToken, SecretText};
use rolecall_core::clients::{
    AuthorizationForm, AuthorizationStep, ClientId, CodeRedemption, ConsentChoice, ConsentError,
    DeviceConsent, GrantType, RegisteredClient, RegistrationForm, StartedDeviceAuthorization,
    TokenError,
};
use rolecall_core::gateway::Gateway;
use rolecall_core::session::{ClientTokens, Session};

use crate::fixture::{Fixture, context, context_from};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const LISTENING: &str = "http://127.0.0.1:33389/oauth/callback";

/// A registered client.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) id: ClientId,
    client: RegisteredClient,
}

pub(crate) fn register(gateway: &Gateway) -> Known {
    let form = RegistrationForm {
        client_name: "canary-client".to_owned(),
        client_type: "public".to_owned(),
        redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
        ..RegistrationForm::default()
    };
    let registered = gateway.clients().register_client(form).unwrap();
    let known = gateway.clients().authenticate_client(
        &registered.id,
        &registered.secret,
        GrantType::DeviceCode,
    );
    Known {
        client: known.unwrap(),
        id: registered.id,
    }
}

/// A gateway with a registered client, and a session of alice.
async fn set_up() -> (Fixture, Known, Session) {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let alice = fixture.session_of("alice").await;
    (fixture, known, alice)
}

pub(crate) async fn start(fixture: &Fixture, known: &Known) -> StartedDeviceAuthorization {
    let from = context_from("192.0.2.7");
    fixture
        .gateway
        .clients()
        .start_device_authorization(&from, (&known.id, &known.client), None)
        .await
        .unwrap()
}

/// A decision about a device, with the code as displayed.
pub(crate) fn answer(
    started: &StartedDeviceAuthorization,
    decision: ConsentChoice,
) -> DeviceConsent {
    let user_code = started.user_code.to_string();
    DeviceConsent {
        retyped: user_code[5..].to_owned(),
        user_code,
        choice: decision,
        shown: vec![],
    }
}

pub(crate) async fn decide(
    fixture: &Fixture,
    session: &Session,
    answer: &DeviceConsent,
) -> Result<u32, ConsentError> {
    fixture
        .gateway
        .clients()
        .decide_device(&context(), session, answer)
        .await
}

pub(crate) async fn poll(
    fixture: &Fixture,
    known: &Known,
    started: &StartedDeviceAuthorization,
) -> Result<ClientTokens, TokenError> {
    let code = &started.device_code;
    fixture
        .gateway
        .clients()
        .redeem_device_code(&context_from("192.0.2.7"), (&known.id, &known.client), code)
        .await
}

/// Starts a device authorization that the person of the session allows.
pub(crate) async fn start_allowed(
    fixture: &Fixture,
    known: &Known,
    session: &Session,
) -> StartedDeviceAuthorization {
    let started = start(fixture, known).await;
    decide(fixture, session, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap();
    started
}

/// The tokens of a client after the device flow.
pub(crate) async fn by_device(fixture: &Fixture, known: &Known, session: &Session) -> ClientTokens {
    let started = start_allowed(fixture, known, session).await;
    poll(fixture, known, &started).await.unwrap()
}

async fn refresh(
    fixture: &Fixture,
    known: &Known,
    token: &RefreshToken,
) -> Result<ClientTokens, TokenError> {
    fixture
        .gateway
        .clients()
        .refresh(&context(), &known.id, token)
        .await
}

pub(crate) fn form(known: &Known, state: &str) -> AuthorizationForm {
    AuthorizationForm {
        client_id: Some(known.id.as_str().to_owned()),
        redirect_uri: Some(LISTENING.to_owned()),
        response_type: Some("code".to_owned()),
        state: Some(state.to_owned()),
        code_challenge: Some(CHALLENGE.to_owned()),
        code_challenge_method: Some("S256".to_owned()),
        scope: None,
    }
}

/// Approves a client of the code flow and returns its code.
pub(crate) async fn code(
    fixture: &Fixture,
    known: &Known,
    session: &Session,
    state: &str,
) -> AuthorizationCode {
    let gateway = &fixture.gateway;
    let read = gateway
        .clients()
        .read_authorization(form(known, state))
        .unwrap();
    let step = gateway
        .clients()
        .begin_authorization(&context(), session, &read)
        .await;
    assert!(
        matches!(step, Ok(AuthorizationStep::RequestConsent(_))),
        "{step:?}"
    );
    let decided = (ConsentChoice::Allow, [].as_slice());
    let step = gateway
        .clients()
        .decide_authorization(&context(), session, &read, decided)
        .await;
    let step = step.unwrap();
    let AuthorizationStep::Redirect(to) = &step else {
        panic!("{step:?}");
    };
    AuthorizationCode::new(to.split(['=', '&']).nth(1).unwrap())
}

pub(crate) async fn redeem(
    gateway: &Gateway,
    known: &Known,
    code: &AuthorizationCode,
) -> Result<ClientTokens, TokenError> {
    let redemption = CodeRedemption {
        code: code.clone(),
        redirect_uri: LISTENING.to_owned(),
        verifier: SecretText::new(VERIFIER),
    };
    gateway
        .clients()
        .redeem_code(&context(), &known.id, &redemption)
        .await
}

pub(crate) async fn opens(fixture: &Fixture, tokens: &ClientTokens) -> bool {
    let found = fixture
        .gateway
        .sessions()
        .client_session(&tokens.access_token)
        .await;
    found.unwrap().is_some()
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}
