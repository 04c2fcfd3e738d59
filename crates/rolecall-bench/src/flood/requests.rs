//! The requests of the flood: one invalid request for each route without a session.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_wire::signin::{self, CreateOAuth2TokenRequestBody};
use rolecall_wire::sso;
use rolecall_wire::sso_oidc::{self, ACCOUNT_ACCESS, PUBLIC_CLIENT, RegisterClientRequest};

use crate::aws_client::AwsClient;
use crate::http::{get, post, post_json, with_header};

/// Size of the SAML response.
const RESPONSE_BYTES: usize = 8 * 1024;
/// Number of different requests.
const KINDS: u32 = 17;

/// The parts of the requests. Cheap to clone.
#[derive(Clone)]
pub struct Flood {
    host: Arc<str>,
    client: Arc<AwsClient>,
    response: Arc<str>,
}

impl Flood {
    /// Creates the requests for the gateway with this host name and this client.
    pub fn new(host: &str, client: AwsClient) -> Self {
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

    /// The request with this number from this address.
    pub fn request(&self, number: u32, address: u32) -> anyhow::Result<Vec<u8>> {
        let (host, client) = (&*self.host, &*self.client);
        let state = format!("{number:043}");
        let get = |path: &str| get(host, path, "");
        let form = |path: &str, fields: &[(&str, &str)]| post(host, path, "", fields);
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
            9 => post_json(host, sso_oidc::path::REGISTER_CLIENT, &registration())?,
            10 => client.device_authorization()?,
            11 => client.refresh(&state)?,
            12 => post_json(host, signin::path::CREATE_OAUTH2_TOKEN, &login(&state))?,
            13 => with_header(
                &get(sso::path::LIST_ACCOUNTS),
                sso::BEARER_TOKEN,
                &state.repeat(4),
            )?,
            14 => get(&format!(
                "{}?client_id={}&state={state}",
                sso_oidc::path::AUTHORIZE,
                client.id()
            )),
            15 => get("/device?user_code=BCDF-BCDF"),
            _ => get("/"),
        };
        let from = format!("203.0.113.{address}");
        with_header(&request, "x-forwarded-for", &from)
    }
}

fn registration() -> RegisterClientRequest {
    RegisterClientRequest {
        client_name: Some("flood".to_owned()),
        client_type: Some(PUBLIC_CLIENT.to_owned()),
        scopes: Some(vec![ACCOUNT_ACCESS.to_owned()]),
        ..RegisterClientRequest::default()
    }
}

/// A token request of `aws login` with an unknown code.
fn login(code: &str) -> CreateOAuth2TokenRequestBody {
    CreateOAuth2TokenRequestBody {
        client_id: Some(signin::SAME_DEVICE.to_owned()),
        grant_type: Some(signin::grant::AUTHORIZATION_CODE.to_owned()),
        code: Some(code.into()),
        redirect_uri: Some("http://127.0.0.1:1/oauth/callback".to_owned()),
        code_verifier: Some(code.into()),
        refresh_token: None,
    }
}
