//! Logout: ends the client session and revokes all its tokens.
//!
//! `aws sso logout` sends every token in its cache, including those of other installations and of AWS, so an unknown token is
//! not an error. Credentials that were already issued remain valid until they expire.

use actix_web::{HttpRequest, HttpResponse};

use super::bearer;
use crate::web::errors::sso::SsoError;
use crate::web::http::extract::RequestScope;

/// `POST /logout`
///
/// # Errors
/// 5xx during an outage. The session remains active.
pub async fn logout(scope: RequestScope, request: HttpRequest) -> Result<HttpResponse, SsoError> {
    if let Some(token) = bearer::token(&request) {
        let RequestScope { site, context } = &scope;
        site.gateway
            .sessions()
            .end_client_session(context, &token)
            .await?;
    }
    Ok(HttpResponse::Ok().finish())
}
