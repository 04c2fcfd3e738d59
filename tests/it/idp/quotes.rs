//! Providers that quote requests in errors: secrets are redacted.

use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_core::base::secret::SecretText;
use rolecall_core::sign_in::{AuthnRequirements, Callback, IdentityProvider as _};
use rolecall_testkit::serve::LocalServer;
use serde_json::json;

use super::*;

const SECRET: &str = "hunt/er+2 %&\"hunter2";

/// Discovery, and a token endpoint that rejects every code and quotes the whole request. `method` is the client
/// authentication method.
fn talkative(method: &'static str) -> Result<LocalServer> {
    let discovery = move |request: HttpRequest| async move {
        let issuer = format!("http://{}", request.connection_info().host());
        HttpResponse::Ok().json(json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": [method],
        }))
    };
    let token = |request: HttpRequest, body: String| async move {
        let header = request.headers().get("authorization");
        let header = header
            .and_then(|value| value.to_str().ok())
            .unwrap_or("none");
        HttpResponse::BadRequest().json(json!({
            "error": format!("invalid_client {SECRET}"),
            "error_description": format!("{SECRET}; {body}; {header}"),
        }))
    };
    LocalServer::start(0, move |routes| {
        routes.route(
            "/.well-known/openid-configuration",
            web::get().to(discovery),
        );
        routes.route("/token", web::post().to(token));
    })
}

#[tokio::test]
async fn quoted_client_secret_is_redacted() -> Result<()> {
    for method in ["client_secret_post", "client_secret_basic"] {
        let server = talkative(method)?;
        let mut settings = settings_for(&server.url())?;
        settings.client_secret = Some(SecretText::new(SECRET));
        let clock = ManualClock::starting_now();
        let adapter = new_adapter(settings, &clock)?;
        let state = new_state();
        let (_, correlation) = adapter.begin(&state, &AuthnRequirements::default()).await?;
        let callback = Callback::Code {
            code: SecretText::new("a-code-that-counts-once"),
            iss: None,
        };
        let refused = adapter.complete(correlation, callback).await.err();
        let text = format!("{refused:?}");
        ensure!(text.contains("invalid_client"), "{method}: {text}");
        let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let basic = STANDARD.encode(format!("{CLIENT_ID}:{form}"));
        for secret in [
            SECRET,
            "hunter2",
            "a-code-that-counts",
            &form,
            &form.to_lowercase(),
            &basic[basic.len() / 2..],
        ] {
            ensure!(!text.contains(secret), "{method}: {secret} is in {text}");
        }
    }
    Ok(())
}
