//! HTTP routes: STS at `/`, the sign-in endpoint at `/federation`, `/saml` and `/oauth`, the console at `/console`.
//!
//! Faults are applied before a request is processed. The maximum body size is 256 KiB.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, rt};

use super::error::{AwsError, ErrorCode};
use super::fault::{Effect, Surface};
use super::state::{AwsState, RecordedRequest};
use super::wire::{NAMESPACE, VERSION, escape};
use super::{
    assume_role, authorization_message, ec2, federation_token, organization_api, pages, saml,
    session_token, signin, sigv4, web_identity,
};

const BODY_LIMIT: usize = 256 * 1_024;

/// Adds all routes of the emulator.
pub(super) fn routes(routes: &mut ServiceConfig, state: Arc<AwsState>) {
    routes
        .app_data(Data::from(state))
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .route("/", web::to(sts))
        .route("/federation", web::to(federation))
        .route("/saml", web::post().to(saml))
        .route("/oauth", web::get().to(oauth))
        .route("/console", web::get().to(console));
}

/// Supported STS operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    AssumeRoleWithWebIdentity,
    AssumeRoleWithSaml,
    Signed(Signed),
}

/// The operations that are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    AssumeRole,
    GetFederationToken,
    GetSessionToken,
    GetCallerIdentity,
    DecodeAuthorizationMessage,
}

impl Operation {
    fn parse(form: &[(String, String)]) -> Result<Self, AwsError> {
        let field = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let (action, version) = (field("Action"), field("Version"));
        match action {
            "AssumeRoleWithWebIdentity" if version == VERSION => {
                Ok(Operation::AssumeRoleWithWebIdentity)
            }
            "AssumeRoleWithSAML" if version == VERSION => Ok(Operation::AssumeRoleWithSaml),
            "AssumeRole" if version == VERSION => Ok(Operation::Signed(Signed::AssumeRole)),
            "GetFederationToken" if version == VERSION => {
                Ok(Operation::Signed(Signed::GetFederationToken))
            }
            "GetSessionToken" if version == VERSION => {
                Ok(Operation::Signed(Signed::GetSessionToken))
            }
            "GetCallerIdentity" if version == VERSION => {
                Ok(Operation::Signed(Signed::GetCallerIdentity))
            }
            "DecodeAuthorizationMessage" if version == VERSION => {
                Ok(Operation::Signed(Signed::DecodeAuthorizationMessage))
            }
            _ => Err(AwsError::new(
                ErrorCode::InvalidAction,
                format!("Could not find operation {action} for version {version}"),
            )),
        }
    }
}

async fn sts(request: HttpRequest, body: Bytes, state: Data<AwsState>) -> HttpResponse {
    if let Some(operation) = organization_api::operation(&request) {
        record(&request, &state, operation, Vec::new());
        let fault = apply_faults(&state, &[Surface::Organizations]).await;
        return organization_api::answer(&state, &request, &body, fault);
    }
    let form = receive(&request, &body, &state);
    let is_ec2 = |(key, value): &(String, String)| key == "Version" && value == ec2::VERSION;
    if form.iter().any(is_ec2) {
        return ec2::answer(&state, &request, &form, &body);
    }
    let request_id = state.next_request_id();
    let operation = Operation::parse(&form);
    let surfaces: &[Surface] = match operation {
        Ok(
            Operation::AssumeRoleWithWebIdentity
            | Operation::AssumeRoleWithSaml
            | Operation::Signed(
                Signed::AssumeRole | Signed::GetFederationToken | Signed::GetSessionToken,
            ),
        ) => &[Surface::Sts, Surface::Issuing],
        Ok(Operation::Signed(Signed::GetCallerIdentity)) => &[Surface::Sts, Surface::Identity],
        Ok(Operation::Signed(Signed::DecodeAuthorizationMessage)) | Err(_) => &[Surface::Sts],
    };
    let result = match apply_faults(&state, surfaces).await {
        Some(Effect::Fail(error)) => Err(error),
        Some(Effect::Drop) => return dropped(),
        Some(Effect::OtherIdentity) => {
            let arn = "arn:aws:sts::999988887777:assumed-role/Other/other@example.com";
            let user_id = "AROAOTHER:other@example.com";
            Ok(caller_identity(arn, user_id, "999988887777", &request_id))
        }
        Some(
            Effect::Unavailable
            | Effect::Wait(_)
            | Effect::BadCredentials
            | Effect::RejectDuration
            | Effect::Html,
        ) => return unavailable(),
        None => match operation {
            Ok(Operation::AssumeRoleWithWebIdentity) => {
                web_identity::assume(&state, &form, &request_id).await
            }
            Ok(Operation::AssumeRoleWithSaml) => {
                let host = request.connection_info().host().to_owned();
                saml::assume(&state, &form, &host, &request_id)
            }
            Ok(Operation::Signed(operation)) => sigv4::signer(&state, &request, &body, "sts")
                .and_then(|signer| match operation {
                    Signed::AssumeRole => assume_role::assume(&state, &signer, &form, &request_id),
                    Signed::GetFederationToken => {
                        federation_token::issue(&state, &signer, &form, &request_id)
                    }
                    Signed::GetSessionToken => {
                        session_token::issue(&state, &signer, &form, &request_id)
                    }
                    Signed::GetCallerIdentity => {
                        let (arn, account) = (signer.arn(), signer.account());
                        Ok(caller_identity(arn, signer.id(), account, &request_id))
                    }
                    Signed::DecodeAuthorizationMessage => {
                        authorization_message::decode(&state, &signer, &form, &request_id)
                    }
                }),
            Err(error) => Err(error),
        },
    };
    let (status, xml) = match result {
        Ok(xml) => (StatusCode::OK, xml),
        Err(error) => {
            tracing::debug!(code = ?error.code, message = error.message, "request rejected");
            (
                StatusCode::from_u16(error.code.wire().1).unwrap_or(StatusCode::BAD_REQUEST),
                error.xml(&request_id),
            )
        }
    };
    HttpResponse::build(status)
        .content_type("text/xml")
        .insert_header(("x-amzn-RequestId", request_id))
        .body(xml)
}

/// GetCallerIdentity: needs no permission, only a good signature.
fn caller_identity(arn: &str, user_id: &str, account: &str, request_id: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    <Arn>{}</Arn>\n    <UserId>{}</UserId>\n    \
         <Account>{}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n",
        escape(arn),
        escape(user_id),
        account,
    )
}

async fn federation(request: HttpRequest, body: Bytes, state: Data<AwsState>) -> HttpResponse {
    let form = receive(&request, &body, &state);
    match form
        .iter()
        .find(|(key, _)| key == "Action")
        .map(|(_, value)| value.as_str())
    {
        Some("getSigninToken") => match apply_faults(&state, &[Surface::Signin]).await {
            Some(Effect::Html) => HttpResponse::Ok()
                .content_type("text/html")
                .body("<html><body>Amazon Web Services Sign-In</body></html>"),
            Some(Effect::RejectDuration)
                if form.iter().all(|(key, _)| key != "SessionDuration") =>
            {
                signin_token(&state, &form)
            }
            Some(Effect::RejectDuration | Effect::BadCredentials) => bad_credentials(),
            Some(
                Effect::Unavailable
                | Effect::OtherIdentity
                | Effect::Drop
                | Effect::Wait(_)
                | Effect::Fail(_),
            ) => unavailable(),
            None => signin_token(&state, &form),
        },
        Some("login") => signin::login(&state, &request, &form),
        Some(_) | None => pages::notice(
            "Invalid action",
            "The sign-in endpoint supports getSigninToken and login.",
        ),
    }
}

async fn saml(request: HttpRequest, body: Bytes, state: Data<AwsState>) -> HttpResponse {
    let form = receive(&request, &body, &state);
    signin::saml(&state, &request, &form)
}

async fn oauth(request: HttpRequest, state: Data<AwsState>) -> HttpResponse {
    let form = receive(&request, &[], &state);
    match form
        .iter()
        .any(|(key, value)| key == "Action" && value == "logout")
    {
        true => signin::logout(&state, &request, &form),
        false => pages::notice("Invalid action", "This endpoint supports logout."),
    }
}

async fn console(request: HttpRequest, state: Data<AwsState>) -> HttpResponse {
    signin::console(&state, &request)
}

fn signin_token(state: &AwsState, form: &[(String, String)]) -> HttpResponse {
    signin::signin_token(state, form).unwrap_or_else(bad_credentials)
}

/// Parses the parameters and records the request.
fn receive(request: &HttpRequest, body: &[u8], state: &AwsState) -> Vec<(String, String)> {
    let encoded = if request.method() == Method::POST {
        body
    } else {
        request.query_string().as_bytes()
    };
    let form: Vec<(String, String)> = url::form_urlencoded::parse(encoded).into_owned().collect();
    let action = form.iter().find(|(key, _)| key == "Action");
    let action = action.map(|(_, value)| value.as_str()).unwrap_or_default();
    record(request, state, action, form.clone());
    form
}

fn record(request: &HttpRequest, state: &AwsState, action: &str, form: Vec<(String, String)>) {
    state.record_request(|| RecordedRequest {
        action: action.to_owned(),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        form,
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
    });
}

/// Applies the delays of the active faults and returns the effect that ends the request, if any.
async fn apply_faults(state: &AwsState, surfaces: &[Surface]) -> Option<Effect> {
    for effect in state.faults.effects_on(surfaces) {
        match effect {
            Effect::Wait(time) => rt::time::sleep(time).await,
            end @ (Effect::Drop
            | Effect::Fail(_)
            | Effect::Unavailable
            | Effect::OtherIdentity
            | Effect::BadCredentials
            | Effect::RejectDuration
            | Effect::Html) => {
                return Some(end);
            }
        }
    }
    None
}

fn bad_credentials() -> HttpResponse {
    HttpResponse::BadRequest()
        .content_type("text/html")
        .body("<html><body><h1>400</h1><p>Invalid credentials parameter</p></body></html>")
}

fn unavailable() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .content_type("text/html")
        .body("<html><body><h1>503 Service Unavailable</h1></body></html>")
}

/// A response whose body fails at once, so that the server closes the connection.
fn dropped() -> HttpResponse {
    struct Broken;
    impl MessageBody for Broken {
        type Error = std::io::Error;
        fn size(&self) -> BodySize {
            BodySize::Sized(1)
        }
        fn poll_next(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Bytes, Self::Error>>> {
            Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
        }
    }
    HttpResponse::with_body(StatusCode::OK, Broken).map_into_boxed_body()
}
