//! The requests of the flood: one for each route that answers without a session, with something wrong in each.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::http::{get, post, post_json, with_header};

/// A response as SAML providers send it, of a size that costs something to read.
const RESPONSE_BYTES: usize = 8 * 1024;
/// How many different requests there are.
const KINDS: u32 = 17;

/// What is sent. Cheap to clone.
#[derive(Clone)]
pub struct Flood {
    host: Arc<str>,
    client: Arc<(String, String)>,
    response: Arc<str>,
}

impl Flood {
    /// Against the gateway of this name, as the registered client of this id and secret.
    pub fn new(host: &str, client: (String, String)) -> Self {
        let filler = "x".repeat(RESPONSE_BYTES);
        let response = format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_1\" Version=\"2.0\"><!--{filler}--></samlp:Response>"
        );
        Self {
            host: host.into(),
            client: Arc::new(client),
            response: STANDARD.encode(response).into(),
        }
    }

    /// The request of this number, from this address.
    pub fn request(&self, number: u32, address: u32) -> anyhow::Result<Vec<u8>> {
        let (host, (id, secret)) = (&*self.host, &*self.client);
        let state = format!("{number:043}");
        let get = |path: &str| get(host, path, "");
        let form = |path: &str, fields: &[(&str, &str)]| post(host, path, "", fields);
        let json = |path: &str, body: &serde_json::Value| post_json(host, path, body);
        let request = match number % KINDS {
            0 => get("/sign-in/example"),
            1 => get("/sign-in/example/callback?x"),
            2 => get(&format!("/sign-in/example/callback?state={state}&code=a")),
            3 => get(&format!("/sign-in/corporate/continue?state={state}")),
            4 => form(
                "/sign-in/corporate/acs",
                &[("SAMLResponse", &self.response), ("RelayState", &state)],
            ),
            5 => form(
                "/sign-in/corporate/acs",
                &[("SAMLResponse", &self.response)],
            ),
            6 => form(
                "/sign-in/corporate/aws-acs",
                &[("SAMLResponse", &self.response)],
            ),
            7 => get("/sign-in/corporate/slo?SAMLRequest=a"),
            8 => form("/sign-in/corporate/slo", &[("SAMLRequest", &self.response)]),
            9 => json(
                "/client/register",
                &json!({ "clientName": "flood", "clientType": "public", "scopes": ["sso:account:access"] }),
            ),
            10 => json(
                "/device_authorization",
                &json!({ "clientId": id, "clientSecret": secret, "startUrl": format!("http://{host}/start") }),
            ),
            11 => json(
                "/token",
                &json!({ "clientId": id, "clientSecret": secret, "grantType": "refresh_token", "refreshToken": state }),
            ),
            12 => json(
                "/v1/token",
                &json!({
                    "clientId": "arn:aws:signin:::devtools/same-device", "grantType": "authorization_code", "code": state,
                    "codeVerifier": state, "redirectUri": "http://127.0.0.1:1/oauth/callback",
                }),
            ),
            13 => with_header(
                &get("/assignment/accounts"),
                "x-amz-sso_bearer_token",
                &state.repeat(4),
            )?,
            14 => get(&format!("/authorize?client_id={id}&state={state}")),
            15 => get("/device?user_code=BCDF-BCDF"),
            _ => get("/"),
        };
        let from = format!("203.0.113.{address}");
        with_header(&request, "x-forwarded-for", &from)
    }
}
