//! The HTTP side: STS at `/`, the sign-in endpoint at `/federation`, `/saml` and `/oauth`, the console at `/console`.
//!
//! Faults strike here, before anything is looked at. Bodies past 256 KiB are refused.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, rt};

use super::fault::{Effect, Surface};
use super::refusal::{Code, Refusal};
use super::wire::{NAMESPACE, VERSION, escape};
use super::world::{SeenRequest, World};
use super::{pages, signin, sigv4, web_identity, with_saml};

const BODY_LIMIT: usize = 256 * 1_024;

/// Everything this AWS serves.
pub(super) fn routes(routes: &mut ServiceConfig, world: Arc<World>) {
    routes
        .app_data(Data::from(world))
        .app_data(web::PayloadConfig::new(BODY_LIMIT))
        .route("/", web::to(sts))
        .route("/federation", web::to(federation))
        .route("/saml", web::post().to(saml))
        .route("/oauth", web::get().to(oauth))
        .route("/console", web::get().to(console));
}

/// The STS operations served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    AssumeRoleWithWebIdentity,
    AssumeRoleWithSaml,
    GetCallerIdentity,
}

impl Operation {
    fn parse(form: &[(String, String)]) -> Result<Self, Refusal> {
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
            "GetCallerIdentity" if version == VERSION => Ok(Operation::GetCallerIdentity),
            _ => Err(Refusal::new(
                Code::InvalidAction,
                format!("Could not find operation {action} for version {version}"),
            )),
        }
    }
}

async fn sts(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let form = receive(&request, &body, &world);
    let request_id = world.next_request_id();
    let operation = Operation::parse(&form);
    let surfaces: &[Surface] = match operation {
        Ok(Operation::AssumeRoleWithWebIdentity | Operation::AssumeRoleWithSaml) => {
            &[Surface::Sts, Surface::Issuing]
        }
        Ok(Operation::GetCallerIdentity) | Err(_) => &[Surface::Sts],
    };
    let answer = match strike(&world, surfaces).await {
        Some(Effect::Refuse(refusal)) => Err(refusal),
        Some(Effect::Drop) => return dropped(),
        Some(
            Effect::Unavailable
            | Effect::Wait(_)
            | Effect::BadCredentials
            | Effect::RefuseDuration
            | Effect::Html,
        ) => return unavailable(),
        None => match operation {
            Ok(Operation::AssumeRoleWithWebIdentity) => {
                web_identity::assume(&world, &form, &request_id).await
            }
            Ok(Operation::AssumeRoleWithSaml) => {
                let host = request.connection_info().host().to_owned();
                with_saml::assume(&world, &form, &host, &request_id)
            }
            Ok(Operation::GetCallerIdentity) => {
                caller_identity(&world, &request, &body, &request_id)
            }
            Err(refusal) => Err(refusal),
        },
    };
    let (status, xml) = match answer {
        Ok(xml) => (StatusCode::OK, xml),
        Err(refusal) => {
            tracing::debug!(code = ?refusal.code, message = refusal.message, "refused");
            (
                StatusCode::from_u16(refusal.code.wire().1).unwrap_or(StatusCode::BAD_REQUEST),
                refusal.xml(&request_id),
            )
        }
    };
    HttpResponse::build(status)
        .content_type("text/xml")
        .insert_header(("x-amzn-RequestId", request_id))
        .body(xml)
}

/// GetCallerIdentity: needs no permission, only a good signature.
fn caller_identity(
    world: &World,
    request: &HttpRequest,
    body: &[u8],
    request_id: &str,
) -> Result<String, Refusal> {
    let session = sigv4::signer(world, request, body)?;
    Ok(format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    <Arn>{}</Arn>\n    <UserId>{}</UserId>\n    \
         <Account>{}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n",
        escape(&session.assumed_role_arn),
        escape(&session.assumed_role_id),
        session.account_id,
    ))
}

async fn federation(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let form = receive(&request, &body, &world);
    match form
        .iter()
        .find(|(key, _)| key == "Action")
        .map(|(_, value)| value.as_str())
    {
        Some("getSigninToken") => match strike(&world, &[Surface::Signin]).await {
            Some(Effect::Html) => HttpResponse::Ok()
                .content_type("text/html")
                .body("<html><body>Amazon Web Services Sign-In</body></html>"),
            Some(Effect::RefuseDuration)
                if form.iter().all(|(key, _)| key != "SessionDuration") =>
            {
                signin_token(&world, &form)
            }
            Some(Effect::RefuseDuration | Effect::BadCredentials) => bad_credentials(),
            Some(Effect::Unavailable | Effect::Drop | Effect::Wait(_) | Effect::Refuse(_)) => {
                unavailable()
            }
            None => signin_token(&world, &form),
        },
        Some("login") => signin::login(&world, &request, &form),
        Some(_) | None => pages::notice(
            "Invalid action",
            "The sign-in endpoint knows getSigninToken and login.",
        ),
    }
}

async fn saml(request: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let form = receive(&request, &body, &world);
    signin::saml(&world, &request, &form)
}

async fn oauth(request: HttpRequest, world: Data<World>) -> HttpResponse {
    let form = receive(&request, &[], &world);
    match form
        .iter()
        .any(|(key, value)| key == "Action" && value == "logout")
    {
        true => signin::logout(&world, &request, &form),
        false => pages::notice("Invalid action", "This address knows logout."),
    }
}

async fn console(request: HttpRequest, world: Data<World>) -> HttpResponse {
    signin::console(&world, &request)
}

fn signin_token(world: &World, form: &[(String, String)]) -> HttpResponse {
    signin::signin_token(world, form).unwrap_or_else(bad_credentials)
}

/// The parameters, and a note of the request.
fn receive(request: &HttpRequest, body: &[u8], world: &World) -> Vec<(String, String)> {
    let encoded = if request.method() == Method::POST {
        body
    } else {
        request.query_string().as_bytes()
    };
    let form: Vec<(String, String)> = url::form_urlencoded::parse(encoded).into_owned().collect();
    world.saw(|| SeenRequest {
        action: form
            .iter()
            .find(|(key, _)| key == "Action")
            .map(|(_, value)| value.clone())
            .unwrap_or_default(),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        form: form.clone(),
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
    form
}

/// Waits as the faults say, and returns the one that ends the request.
async fn strike(world: &World, surfaces: &[Surface]) -> Option<Effect> {
    for effect in world.faults.strike(surfaces) {
        match effect {
            Effect::Wait(time) => rt::time::sleep(time).await,
            end @ (Effect::Drop
            | Effect::Refuse(_)
            | Effect::Unavailable
            | Effect::BadCredentials
            | Effect::RefuseDuration
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

/// An answer whose body fails at once, which makes the server close the connection.
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
