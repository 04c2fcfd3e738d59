//! The token endpoint of `aws login` (AWS Sign-In, `CreateOAuth2Token`). Request and response are JSON. Errors have the
//! codes of AWS, which its clients evaluate.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::aws_login::{LoginClient, LoginExchange, LoginTokenRequest, LoginTokens};
use rolecall_core::base::json;
use rolecall_core::base::secret::{AuthorizationCode, RefreshToken, SecretText};
use rolecall_wire::signin::{
    AWS_SIGV4, AccessToken, CreateOAuth2TokenRequestBody, CreateOAuth2TokenResponseBody, DPOP,
    grant,
};
use serde_json::Value;

use crate::web::errors::request::RequestError;
use crate::web::errors::signin::AwsSignInError;
use crate::web::http::detached::{DetachedError, detached};
use crate::web::http::extract::RequestScope;

/// Maximum size of a request in bytes. A code, a verifier and a refresh token as long as those of AWS fit.
const BODY_BYTES_MAX: usize = 8 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// `POST /v1/token`
///
/// # Errors
/// `ValidationException`, `AccessDeniedException`, `TooManyRequestsError`, `InternalServerException`.
pub async fn token(
    scope: RequestScope,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, AwsSignInError> {
    let token_request = read(&request, body).await?;
    let proofs: Vec<String> = proofs(&request);
    let (site, context) = scope.parts();
    let work = async move {
        let (gateway, context) = (&scope.site.gateway, &scope.context);
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let tokens = gateway
            .aws_logins()
            .create_token(context, &proofs, &token_request);
        tokens.await.map_err(DetachedError::Failed)
    };
    let tokens = detached(site, context, "aws_login", work).await;
    let tokens = tokens.map_err(DetachedError::<_, AwsSignInError>::into_surface)?;
    Ok(HttpResponse::Ok().json(response(&tokens)))
}

/// All `DPoP` headers; an unreadable one is an empty string, so that it is counted and rejected.
fn proofs(request: &HttpRequest) -> Vec<String> {
    let headers = request.headers().get_all(DPOP);
    headers
        .map(|value| value.to_str().unwrap_or_default().to_owned())
        .collect()
}

async fn read(request: &HttpRequest, body: Payload) -> Result<LoginTokenRequest, AwsSignInError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(invalid(
            "The request body must be JSON with Content-Type application/json.",
        ));
    }
    let body = body.to_bytes_limited(BODY_BYTES_MAX);
    let body = actix_web::rt::time::timeout(BODY_TIMEOUT, body).await;
    let body = body.map_err(|_| RequestError::Status(StatusCode::REQUEST_TIMEOUT))?;
    let body = body.map_err(|_| RequestError::Status(StatusCode::PAYLOAD_TOO_LARGE))?;
    let body = body.map_err(|_| invalid("The request body could not be read."))?;
    let members =
        json::object(&body).map_err(|error| invalid(format!("Invalid request body: {error}.")))?;
    let request = serde_json::from_value(Value::Object(members));
    parse(request.map_err(|_| invalid("The request body could not be read."))?)
}

fn parse(request: CreateOAuth2TokenRequestBody) -> Result<LoginTokenRequest, AwsSignInError> {
    let client = LoginClient::parse(&text(request.client_id, "clientId")?);
    let client = client.ok_or_else(|| invalid("clientId is not the ID of a known AWS client."))?;
    match text(request.grant_type, "grantType")?.as_str() {
        grant::AUTHORIZATION_CODE => Ok(LoginTokenRequest::Code(LoginExchange {
            client,
            code: AuthorizationCode::new(text(request.code, "code")?),
            code_verifier: SecretText::new(text(request.code_verifier, "codeVerifier")?),
            redirect_uri: text(request.redirect_uri, "redirectUri")?,
        })),
        grant::REFRESH_TOKEN => Ok(LoginTokenRequest::Refresh(
            client,
            RefreshToken::new(text(request.refresh_token, "refreshToken")?),
        )),
        _ => Err(invalid(
            "grantType must be authorization_code or refresh_token.",
        )),
    }
}

/// A required member.
///
/// # Errors
/// `ValidationException`.
fn text<T>(member: Option<T>, name: &str) -> Result<T, AwsSignInError> {
    member.ok_or_else(|| invalid(format!("{name} is missing or is not a string.")))
}

fn response(tokens: &LoginTokens) -> CreateOAuth2TokenResponseBody<'_> {
    let credentials = &tokens.credentials;
    CreateOAuth2TokenResponseBody {
        access_token: AccessToken {
            access_key_id: credentials.access_key_id.as_str().into(),
            secret_access_key: credentials.secret_access_key.expose().into(),
            session_token: credentials.session_token.expose().into(),
        },
        token_type: AWS_SIGV4.into(),
        expires_in: tokens.expires_in,
        refresh_token: tokens.refresh_token.expose().into(),
        id_token: tokens.id_token.as_ref().map(|token| token.expose().into()),
    }
}

/// The error `ValidationException` with this message.
fn invalid(message: impl Into<Cow<'static, str>>) -> AwsSignInError {
    AwsSignInError::InvalidRequest(message.into())
}
