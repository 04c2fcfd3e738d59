//! Logout: ends the client's session, with every token of its family, everywhere at once.
//!
//! `aws sso logout` posts here for every token in its cache, those of other installations and of AWS too, so a token that
//! opens nothing is answered as quietly as one that did. Credentials that were issued live on until they expire.

use actix_web::{HttpRequest, HttpResponse};

use super::bearer;
use crate::web::errors::sso::SsoError;
use crate::web::http::extract::RequestScope;

/// `POST /logout`
///
/// # Errors
/// 5xx in an outage: the session lives on.
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
