//! Clients with one authentication method, whatever discovery lists.

use rolecall_testkit::oidc::{ClientMethod, OidcClient};
use rolecalld::idp::oidc::ClientAuthentication;

use super::super::{CALLBACK, CLIENT_ID, CLIENT_SECRET};
use super::*;

/// alice signs in at a provider that accepts this method and lists these.
async fn alice_by(
    taken: ClientMethod,
    listed: Value,
    method: Option<ClientAuthentication>,
) -> Result<Identity, Ended> {
    let mut fixture = Fixture::with(
        |upstream| {
            let client = OidcClient::new(CLIENT_ID, CLIENT_SECRET, CALLBACK);
            upstream.clients = vec![client.by(taken)];
        },
        |settings| settings.client_authentication = method,
    )?;
    let discovery = json!({ "token_endpoint_auth_methods_supported": listed });
    fixture.upstream.set_variation(Variation {
        discovery: object(discovery),
        ..Variation::default()
    });
    fixture.sign_in("alice").await
}

#[tokio::test]
async fn registered_method_works_and_others_name_the_setting() -> Result<()> {
    use ClientAuthentication::{SecretBasic, SecretPost};
    let both = json!(["client_secret_basic", "client_secret_post"]);
    if let Some(case) = corpus("M1")? {
        ensure!(case.pointer("/case/auth").and_then(Value::as_str) == Some("post"));
        is_alice(
            "M1",
            alice_by(ClientMethod::SecretPost, both.clone(), Some(SecretPost)).await,
        )?;
        let ended = alice_by(ClientMethod::SecretPost, both.clone(), None).await;
        let (word, message) = refused("M1", ended)?;
        ensure!(
            word == "misconfigured" && message.contains("client_authentication"),
            "M1: {message}"
        );
    }
    for (vendor, taken, listed, method) in [
        (
            "JumpCloud: post, beside methods that we do not have",
            ClientMethod::SecretPost,
            json!([
                "client_secret_post",
                "client_secret_basic",
                "private_key_jwt",
                "none"
            ]),
            Some(SecretPost),
        ),
        (
            "AD FS: Windows' own beside post",
            ClientMethod::SecretPost,
            json!([
                "client_secret_post",
                "private_key_jwt",
                "windows_client_authentication"
            ]),
            None,
        ),
        (
            "OneLogin: basic, though post is listed first",
            ClientMethod::SecretBasic,
            json!(["client_secret_post", "client_secret_basic", "none"]),
            Some(SecretBasic),
        ),
        (
            "WSO2: nothing is listed",
            ClientMethod::SecretBasic,
            json!(null),
            None,
        ),
    ] {
        is_alice(vendor, alice_by(taken, listed, method).await)?;
    }
    Ok(())
}
