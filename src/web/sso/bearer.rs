//! Whose client is calling: the access token in its header, and the session it opens.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use rolecall_core::access::Grants;
use rolecall_core::audit::RequestContext;
use rolecall_core::aws::AccountId;
use rolecall_core::base::secret::AccessToken;
use rolecall_core::record::StoreError;
use rolecall_core::session::ClientSession;
use rolecall_wire::sso::BEARER_TOKEN;

use crate::web::errors::problem::{Fault, Problem};
use crate::web::http::extract::RequestScope;
use crate::web::site::Site;

/// A client with a live session.
pub struct Bearer {
    /// Where the request comes from.
    pub scope: RequestScope,
    /// What its person allowed it.
    pub session: ClientSession,
}

impl Bearer {
    /// Today's grants of its person, from where it calls.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn grants(&self) -> Result<Grants, StoreError> {
        let RequestScope { site, context } = &self.scope;
        site.gateway
            .entitlements()
            .grants(&self.session, &context.origin)
            .await
    }

    /// Those of them that are in one account.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn grants_in(&self, account: &AccountId) -> Result<Grants, StoreError> {
        let RequestScope { site, context } = &self.scope;
        let gateway = &site.gateway;
        gateway
            .entitlements()
            .grants_in(account, &self.session, &context.origin)
            .await
    }
}

/// The token in the header, if there is exactly one.
pub fn token(request: &HttpRequest) -> Option<AccessToken> {
    let mut values = request.headers().get_all(BEARER_TOKEN);
    let token = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| AccessToken::new(token))
}

const INVALID_REQUEST: &str = "InvalidRequestException";
/// How access tokens of AWS IAM Identity Center begin (CreateToken, example response).
const AWS_TOKEN_PREFIX: &str = "aoa";

/// No token, or more than one. AWS's clients take `UnauthorizedException` for a session that has expired and hide the
/// message; signing in again does not help here, so they get the exception that they print.
fn no_token(request: &HttpRequest) -> Problem {
    let (message, detail) = match request.headers().contains_key(BEARER_TOKEN) {
        true => (
            "The header x-amz-sso_bearer_token is not one access token.",
            "x-amz-sso_bearer_token is repeated or unreadable",
        ),
        false => (
            "The header x-amz-sso_bearer_token did not arrive.",
            "x-amz-sso_bearer_token did not arrive: a proxy may drop header names with underscores (nginx: underscores_in_headers on)",
        ),
    };
    Problem::new(
        StatusCode::UNAUTHORIZED,
        Fault::Caller,
        "no_access_token",
        "No access token",
        message,
    )
    .hint("A reverse proxy in front of Rolecall may drop header names with underscores: nginx needs `underscores_in_headers on;`. Tell your administrator.")
    .detail(detail)
    .exception(INVALID_REQUEST)
}

/// A token that was not made here, as when `AWS_ENDPOINT_URL_SSO` leads a profile of another portal here. One of AWS's own
/// is good there, so its client must not say that it has expired.
fn foreign(token: &AccessToken, origin: &str) -> Problem {
    let refused = Problem::new(
        StatusCode::UNAUTHORIZED,
        Fault::Caller,
        "foreign_access_token",
        "Not our access token",
        format!("This access token was not issued by Rolecall at {origin}."),
    );
    if token.expose().starts_with(AWS_TOKEN_PREFIX) {
        refused
            .hint("It looks like one of AWS IAM Identity Center. For such a profile, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC, which lead every profile here.")
            .detail("the access token looks like one of AWS IAM Identity Center")
            .exception(INVALID_REQUEST)
    } else {
        refused
            .hint("Run `aws sso login`. If the profile is of another portal, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC.")
            .detail("the access token does not have the form of ours")
    }
}

/// The answer upon which clients forget a token and tell their person to sign in: only where that helps.
pub(super) fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        Fault::Caller,
        "unauthorized",
        "Sign in first",
        "Session token not found or invalid.",
    )
    .hint("Run `aws sso login`.")
}

/// An access token that has not been looked up. GetRoleCredentials looks it up in the same visit to the runtime in which it
/// waits for AWS, so that the worker is woken once.
pub struct BearerToken {
    scope: RequestScope,
    token: AccessToken,
}

impl BearerToken {
    /// As [`RequestScope::parts`].
    pub fn parts(&self) -> (Data<Site>, RequestContext) {
        self.scope.parts()
    }

    /// Looks the session up.
    ///
    /// # Errors
    /// `UnauthorizedException` when there is none, or the token was not issued here; `InvalidRequestException` for one of
    /// AWS's own; 5xx when the store does not answer.
    pub async fn verify(self) -> Result<Bearer, Problem> {
        let Self { scope, token } = self;
        if token.handle().is_none() {
            return Err(foreign(&token, scope.site.origin()));
        }
        let session = scope.site.gateway.sessions().client_session(&token).await?;
        let session = session.ok_or_else(unauthorized)?;
        Ok(Bearer { scope, session })
    }
}

impl FromRequest for BearerToken {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let scope = RequestScope::from_request(request, payload).into_inner();
        ready(scope.and_then(|scope| {
            let token = token(request).ok_or_else(|| no_token(request))?;
            Ok(Self { scope, token })
        }))
    }
}

impl FromRequest for Bearer {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let token = BearerToken::from_request(request, payload).into_inner();
        Box::pin(async move { token?.verify().await })
    }
}
