//! Client authentication at the token endpoint (RFC 6749 2.3, OpenID Connect Core 9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openidconnect::http::header::HeaderValue;
use rolecall_core::base::secret::SecretText;
use rolecall_core::base::{Entropy, limits, text};
use rolecall_core::sign_in::ProviderError;
use url::form_urlencoded::byte_serialize;

use super::client_key::Assertion;
use super::metadata::Metadata;
use super::settings::OidcSettings;
use crate::idp::cache::FetchError;

/// The methods (`token_endpoint_auth_method`, RFC 7591 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_id` and `client_secret` in an `Authorization` header.
    SecretBasic,
    /// `client_id` and `client_secret` in the form.
    SecretPost,
    /// A JWT signed by the client (RFC 7523 2.2).
    PrivateKeyJwt,
}

impl ClientAuthentication {
    /// All methods, for parsing.
    pub const ALL: [Self; 3] = [Self::SecretBasic, Self::SecretPost, Self::PrivateKeyJwt];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Parses the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// The method for a provider: the configured one, or one that is possible with the configured credentials and
    /// supported by the provider. `None` for a public client.
    pub fn of(settings: &OidcSettings, metadata: &Metadata) -> Option<Self> {
        if settings.client_authentication.is_some() {
            return settings.client_authentication;
        }
        let offered = &metadata.client_authentication_offered;
        let offers = |method: Self| offered.iter().any(|name| name == method.name());
        match (&settings.client_secret, &settings.client_key) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::PrivateKeyJwt),
            (Some(_), _) if !offers(Self::SecretBasic) && offers(Self::SecretPost) => {
                Some(Self::SecretPost)
            }
            (Some(_), _) => Some(Self::SecretBasic),
        }
    }
}

/// A warning if the metadata of the provider does not list the method. It is not an error, because metadata is
/// sometimes incomplete.
pub fn warning(settings: &OidcSettings, metadata: &Metadata) -> Option<String> {
    let method =
        ClientAuthentication::of(settings, metadata).map_or("none", |method| method.name());
    let offered = &metadata.client_authentication_offered;
    if offered.is_empty() || offered.iter().any(|name| name == method) {
        return None;
    }
    let ours = ClientAuthentication::ALL.map(ClientAuthentication::name);
    let common: Vec<&str> = ours
        .into_iter()
        .filter(|name| offered.iter().any(|offered| offered == name))
        .collect();
    let advice = match common.as_slice() {
        [] => format!(
            "none of them is supported by the gateway; configure the provider to accept one of {}",
            ours.join(", ")
        ),
        common => format!("set client_authentication to one of {}", common.join(", ")),
    };
    Some(format!(
        "the client authentication method is {method}, but the provider supports only {}; {advice}",
        text::one_line(&offered.join(", "), limits::PROVIDER_TEXT_CHARS_MAX)
    ))
}

/// The credentials of a token request.
pub struct Credentials {
    /// `Authorization`, for `client_secret_basic`.
    pub authorization: Option<HeaderValue>,
    /// Form fields, for the other methods.
    pub parameters: Vec<(&'static str, SecretText)>,
}

impl Credentials {
    /// Credentials for one request. They are built for each request, because an assertion is valid once.
    ///
    /// # Errors
    /// If the method requires a secret or key that is not configured, or OpenSSL fails.
    pub fn for_request(
        settings: &OidcSettings,
        metadata: &Metadata,
        now: chrono::DateTime<chrono::Utc>,
        entropy: &dyn Entropy,
    ) -> Result<Self, ProviderError> {
        let client_id = || SecretText::new(settings.client_id.as_str());
        let secret = || {
            let missing = || {
                FetchError::Misconfigured("client_authentication requires client_secret".to_owned())
            };
            settings.client_secret.as_ref().ok_or_else(missing)
        };
        let (authorization, parameters) = match ClientAuthentication::of(settings, metadata) {
            None => (None, vec![("client_id", client_id())]),
            Some(ClientAuthentication::SecretBasic) => {
                (Some(basic(&settings.client_id, secret()?)?), Vec::new())
            }
            Some(ClientAuthentication::SecretPost) => (
                None,
                vec![
                    ("client_id", client_id()),
                    ("client_secret", secret()?.clone()),
                ],
            ),
            Some(ClientAuthentication::PrivateKeyJwt) => {
                let missing = || {
                    FetchError::Misconfigured(
                        "client_authentication requires client_key".to_owned(),
                    )
                };
                let key = settings.client_key.as_ref().ok_or_else(missing)?;
                let assertion = Assertion {
                    client_id: &settings.client_id,
                    audience: settings.client_assertion_audience.of(settings, metadata),
                    now,
                };
                let signed = assertion.sign(key, entropy).map_err(|error| {
                    FetchError::malformed(format!("could not sign the client assertion: {error}"))
                })?;
                (
                    None,
                    vec![
                        ("client_id", client_id()),
                        ("client_assertion_type", SecretText::new(ASSERTION_TYPE)),
                        ("client_assertion", signed),
                    ],
                )
            }
        };
        Ok(Self {
            authorization,
            parameters,
        })
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Both parts are form-encoded before they are joined (RFC 6749 2.3.1).
fn basic(client_id: &str, secret: &SecretText) -> Result<HeaderValue, FetchError> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).map_err(|_| {
            FetchError::Misconfigured("the client secret is not valid in an HTTP header".to_owned())
        })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::metadata;
    use super::super::settings::tests::settings;
    use super::*;
    use crate::idp::oidc::client_key::tests::ec_key;
    use serde_json::json;

    fn chosen(settings: &OidcSettings, offered: &[&str]) -> Option<&'static str> {
        let metadata = metadata(json!({ "token_endpoint_auth_methods_supported": offered }));
        ClientAuthentication::of(settings, &metadata).map(ClientAuthentication::name)
    }

    #[test]
    fn configured_method_precedes_supported_methods() {
        let mut settings = settings();
        let (basic, post) = ("client_secret_basic", "client_secret_post");
        for (offered, wanted) in [
            (vec![], basic),
            (vec![basic, post], basic),
            (vec![post], post),
            (vec![post, "private_key_jwt"], post),
            (vec!["none"], basic),
        ] {
            assert_eq!(chosen(&settings, &offered), Some(wanted), "{offered:?}");
        }
        settings.client_authentication = Some(ClientAuthentication::SecretPost);
        assert_eq!(chosen(&settings, &[basic]), Some(post));
        settings.client_authentication = None;
        settings.client_secret = None;
        assert_eq!(chosen(&settings, &[basic]), None);
        settings.client_key = Some(ec_key());
        assert_eq!(chosen(&settings, &[basic]), Some("private_key_jwt"));
    }

    #[test]
    fn unsupported_method_is_a_warning() {
        let warning = |settings: &OidcSettings, offered: &[&str]| {
            warning(
                settings,
                &metadata(json!({ "token_endpoint_auth_methods_supported": offered })),
            )
            .unwrap_or_default()
        };
        let mut settings = settings();
        assert_eq!(warning(&settings, &[]), "");
        assert_eq!(warning(&settings, &["client_secret_basic"]), "");
        assert_eq!(warning(&settings, &["client_secret_post"]), "");
        let none = warning(&settings, &["tls_client_auth", "client_secret_jwt"]);
        assert!(
            none.contains("only tls_client_auth, client_secret_jwt; none of them"),
            "{none}"
        );
        settings.client_authentication = Some(ClientAuthentication::SecretPost);
        let other = warning(&settings, &["client_secret_basic", "private_key_jwt"]);
        assert!(
            other.ends_with("one of client_secret_basic, private_key_jwt"),
            "{other}"
        );
    }

    #[test]
    fn basic_credentials_are_form_encoded() {
        let header = basic("a b:c", &SecretText::new("p+q/%")).unwrap();
        let text = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(
            STANDARD.decode(text).unwrap(),
            b"a+b%3Ac:p%2Bq%2F%25".as_slice()
        );
        assert!(!format!("{header:?}").contains(text));
    }
}
