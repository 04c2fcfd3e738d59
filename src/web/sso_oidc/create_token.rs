//! CreateToken: exchanges a device code, an authorization code or a refresh token for an access token.

use actix_web::HttpResponse;
use rolecall_core::base::secret::{
    AuthorizationCode, ClientSecret, DeviceCode, RefreshToken, SecretText,
};
use rolecall_core::clients::{ClientId, CodeRedemption, GrantType, TokenError};
use rolecall_core::session::ClientTokens;
use rolecall_wire::sso_oidc::{BEARER, CreateTokenRequest, CreateTokenResponse};

use super::body::Body;
use super::required;
use crate::web::errors::code::OutcomeLabel;
use crate::web::errors::oauth::OAuthError;
use crate::web::http::extract::RequestScope;

/// `POST /token`.
///
/// # Errors
/// [`TokenError`], as AWS exceptions.
pub async fn create_token(
    scope: RequestScope,
    request: Body<CreateTokenRequest>,
) -> Result<HttpResponse, OAuthError> {
    let Body { body, form } = request;
    let name = required(body.grant_type.as_deref(), "grantType")?;
    let grant_type = GrantType::parse(name).ok_or(OAuthError::UnsupportedGrantType)?;
    let outcome = tokens(&scope, body, grant_type).await;
    let site = &scope.site;
    let metrics = &site.metrics;
    metrics.token(grant_type.as_str(), OutcomeLabel::of(&outcome));
    let tokens = outcome?;
    let response = CreateTokenResponse {
        access_token: tokens.access_token.expose().into(),
        expires_in: (tokens.access_expires_at - site.gateway.now()).num_seconds(),
        refresh_token: tokens.refresh_token.expose().into(),
        token_type: BEARER.to_owned(),
    };
    Ok(match form {
        true => HttpResponse::Ok().json(response.for_form()),
        false => HttpResponse::Ok().json(response),
    })
}

async fn tokens(
    scope: &RequestScope,
    request: CreateTokenRequest,
    grant_type: GrantType,
) -> Result<ClientTokens, OAuthError> {
    let (gateway, context) = (&scope.site.gateway, &scope.context);
    let id = required(request.client_id, "clientId")?;
    let secret = ClientSecret::new(required(request.client_secret, "clientSecret")?);
    let id = ClientId::parse(&id).map_err(|_| TokenError::InvalidClient)?;
    let client = gateway
        .clients()
        .authenticate_client(&id, &secret, grant_type)?;
    Ok(match grant_type {
        GrantType::DeviceCode => {
            let code = DeviceCode::new(required(request.device_code, "deviceCode")?);
            gateway
                .clients()
                .redeem_device_code(context, (&id, &client), &code)
                .await?
        }
        GrantType::AuthorizationCode => {
            let redemption = CodeRedemption {
                code: AuthorizationCode::new(required(request.code, "code")?),
                redirect_uri: required(request.redirect_uri, "redirectUri")?,
                verifier: SecretText::new(required(request.code_verifier, "codeVerifier")?),
            };
            gateway
                .clients()
                .redeem_code(context, &id, &redemption)
                .await?
        }
        GrantType::RefreshToken => {
            let token = RefreshToken::new(required(request.refresh_token, "refreshToken")?);
            gateway.clients().refresh(context, &id, &token).await?
        }
    })
}
