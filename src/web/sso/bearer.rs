//! Authentication of `sso` clients: the access token of the header, and its session.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use rolecall_core::access::Grants;
use rolecall_core::audit::RequestContext;
use rolecall_core::aws::AccountId;
use rolecall_core::base::secret::AccessToken;
use rolecall_core::entitlements::FactsUnavailable;
use rolecall_core::session::{AccessTokenError, ClientSession};
use rolecall_wire::sso::BEARER_TOKEN;

use crate::web::errors::sso::SsoError;
use crate::web::http::extract::RequestScope;
use crate::web::site::Site;

/// A client with a live session.
pub struct Bearer {
    /// The site and the context of the request.
    pub scope: RequestScope,
    /// The session that the access token belongs to.
    pub session: ClientSession,
}

impl Bearer {
    /// The current grants of the user, for the address of the request.
    ///
    /// # Errors
    /// [`FactsUnavailable`].
    pub async fn grants(&self) -> Result<Grants, FactsUnavailable> {
        let RequestScope { site, context } = &self.scope;
        site.gateway
            .entitlements()
            .grants(&self.session, &context.client_info)
            .await
    }

    /// As [`Self::grants`], in one account.
    ///
    /// # Errors
    /// [`FactsUnavailable`].
    pub async fn grants_in(&self, account: &AccountId) -> Result<Grants, FactsUnavailable> {
        let RequestScope { site, context } = &self.scope;
        let gateway = &site.gateway;
        gateway
            .entitlements()
            .grants_in(account, &self.session, &context.client_info)
            .await
    }
}

/// The access token of the header; `None` if it is missing, repeated or not ASCII.
pub fn token(request: &HttpRequest) -> Option<AccessToken> {
    let mut values = request.headers().get_all(BEARER_TOKEN);
    let token = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| AccessToken::new(token))
}

/// An access token that is not verified yet. GetRoleCredentials verifies it in the same task that calls AWS, so that the
/// worker is woken once.
pub struct BearerToken {
    scope: RequestScope,
    token: AccessToken,
}

impl BearerToken {
    /// The site and the request context, see [`RequestScope::parts`].
    pub fn parts(&self) -> (Data<Site>, RequestContext) {
        self.scope.parts()
    }

    /// Finds the session of the token.
    ///
    /// # Errors
    /// `UnauthorizedException` if there is none, or the token was not issued here; `InvalidRequestException` for a token of
    /// AWS itself; 5xx if the store is unavailable.
    pub async fn verify(self) -> Result<Bearer, SsoError> {
        let Self { scope, token } = self;
        let sessions = scope.site.gateway.sessions();
        let session = sessions.verify_access_token(&token).await;
        let session = session.map_err(|error| match error {
            AccessTokenError::NotIssuedHere { of_aws } => SsoError::ForeignAccessToken {
                origin: scope.site.origin().to_owned(),
                of_aws,
            },
            AccessTokenError::SessionEnded => SsoError::SessionEnded,
            AccessTokenError::Unavailable(error) => error.into(),
        })?;
        Ok(Bearer { scope, session })
    }
}

impl FromRequest for BearerToken {
    type Error = SsoError;
    type Future = Ready<Result<Self, SsoError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let scope = RequestScope::from_request(request, payload).into_inner();
        ready(scope.map_err(SsoError::from).and_then(|scope| {
            let token = token(request).ok_or_else(|| SsoError::NoAccessToken {
                unreadable: request.headers().contains_key(BEARER_TOKEN),
            })?;
            Ok(Self { scope, token })
        }))
    }
}

impl FromRequest for Bearer {
    type Error = SsoError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, SsoError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let token = BearerToken::from_request(request, payload).into_inner();
        Box::pin(async move { token?.verify().await })
    }
}
