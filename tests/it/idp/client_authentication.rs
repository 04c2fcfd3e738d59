//! Client authentication at the token endpoint of a provider that verifies it.

use anyhow::{Context, Result, ensure};
use rolecall_core::base::secret::SecretText;
use rolecall_core::sign_in::ProviderError;
use rolecall_testkit::keys::{self, Algorithm, SigningKey};
use rolecall_testkit::oidc::variation::Variation;
use rolecall_testkit::oidc::{ClientMethod, OidcClient};
use rolecalld::idp::oidc::{AssertionAudience, ClientAuthentication, ClientKey, OidcSettings};
use serde_json::json;

use super::{CALLBACK, CLIENT_ID, CLIENT_SECRET, Ended, Fixture};

/// A provider that accepts only this authentication method, and an adapter with these settings.
fn fixture(method: ClientMethod, adapter: impl FnOnce(&mut OidcSettings)) -> Result<Fixture> {
    Fixture::with(
        |upstream| {
            let client = OidcClient::new(CLIENT_ID, CLIENT_SECRET, CALLBACK);
            upstream.clients = vec![client.by(method)];
        },
        adapter,
    )
}

/// The client key as configured by the operator.
pub(super) fn client_key(key: &SigningKey, id: Option<&str>) -> Result<ClientKey> {
    let pem = SecretText::new(String::from_utf8(key.private_pem()?)?);
    Ok(ClientKey::parse(&pem, id.map(str::to_owned))?)
}

fn method(wanted: ClientAuthentication) -> impl FnOnce(&mut OidcSettings) {
    move |settings| settings.client_authentication = Some(wanted)
}

#[tokio::test]
async fn secret_is_sent_as_configured() -> Result<()> {
    use ClientAuthentication::{SecretBasic, SecretPost};
    for (taken, sent, signed_in) in [
        (ClientMethod::SecretPost, SecretPost, true),
        (ClientMethod::SecretBasic, SecretBasic, true),
        (ClientMethod::SecretPost, SecretBasic, false),
        (ClientMethod::SecretBasic, SecretPost, false),
    ] {
        let case = format!("{taken:?} {sent:?}");
        let ended = fixture(taken, method(sent))?.sign_in("alice").await;
        match ended {
            Ok(_) => ensure!(signed_in, "{case}"),
            Err(Ended::ByTheAdapter(ProviderError::Misconfigured(why))) => {
                ensure!(!signed_in, "{case}: {why}");
                ensure!(why.to_string().contains("client_authentication"), "{why}");
            }
            Err(other) => return Err(other).context(case),
        }
    }
    Ok(())
}

#[tokio::test]
async fn default_method_depends_on_discovery() -> Result<()> {
    let mut fixture = fixture(ClientMethod::SecretPost, |_| ())?;
    let offered =
        json!({"token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"]});
    fixture.upstream.set_variation(Variation {
        discovery: offered.as_object().cloned().unwrap_or_default(),
        ..Variation::default()
    });
    fixture.sign_in("alice").await?;
    Ok(())
}

#[tokio::test]
async fn client_assertion_is_accepted_once() -> Result<()> {
    for (algorithm, for_issuer) in [
        (Algorithm::Es256, false),
        (Algorithm::Rs256, false),
        (Algorithm::Es256, true),
    ] {
        let key = SigningKey::generate(algorithm)?;
        let jwks = keys::jwks([&key])?;
        let taken = ClientMethod::PrivateKeyJwt { jwks, for_issuer };
        let ours = client_key(&key, Some(key.kid()))?;
        let mut fixture = fixture(taken, |settings| {
            settings.client_secret = None;
            settings.client_key = Some(ours);
            if for_issuer {
                settings.client_assertion_audience = AssertionAudience::Issuer;
            }
        })?;
        // Twice: each assertion has a new `jti`.
        fixture.sign_in("alice").await?;
        fixture.sign_in("bob").await?;
    }
    Ok(())
}

#[tokio::test]
async fn wrong_key_or_audience_is_rejected() -> Result<()> {
    let key = SigningKey::generate(Algorithm::Es256)?;
    let other = SigningKey::generate(Algorithm::Es256)?.with_kid(key.kid());
    for (signs, for_issuer) in [(&other, false), (&key, true)] {
        let taken = ClientMethod::PrivateKeyJwt {
            jwks: keys::jwks([&key])?,
            for_issuer,
        };
        let ours = client_key(signs, Some(key.kid()))?;
        let mut fixture = fixture(taken, |settings| {
            settings.client_secret = None;
            settings.client_key = Some(ours);
        })?;
        let ended = fixture.sign_in("alice").await;
        let Err(Ended::ByTheAdapter(ProviderError::Misconfigured(why))) = ended else {
            anyhow::bail!("{ended:?}");
        };
        ensure!(why.to_string().contains("invalid_client"), "{why}");
    }
    Ok(())
}
