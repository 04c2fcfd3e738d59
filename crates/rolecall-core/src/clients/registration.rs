//! Client metadata of a registration. All requests of AWS's clients are accepted: with and without grant types, scopes,
//! redirect URIs and issuer.

use rolecall_wire::sso_oidc::PUBLIC_CLIENT;
use serde::{Deserialize, Serialize};

use crate::base::{limits, text_newtype};
use crate::clients::{GrantType, RedirectUri, StartUrlMismatch};
use crate::session::ClientName;

text_newtype!(
    /// A scope (RFC 6749 3.3). It grants nothing by itself: each access token is for the portal API and for the current
    /// roles of its person.
    Scope,
    InvalidScope,
    "a scope is 1 to 80 visible characters without quotes and backslashes",
    |text| (1..=limits::SCOPE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
);

/// The parameters of a RegisterClient request, unvalidated.
#[derive(Clone, Debug, Default)]
pub struct RegistrationForm {
    /// `clientName`, shown on the consent page; not verified.
    pub client_name: String,
    /// `clientType`; must be `public`.
    pub client_type: String,
    /// `scopes`; may be empty.
    pub scopes: Vec<String>,
    /// `grantTypes`; may be empty.
    pub grant_types: Vec<String>,
    /// `redirectUris`: loopback URLs (RFC 8252 7.3).
    pub redirect_uris: Vec<String>,
    /// `issuerUrl`: the start URL of the client's configuration.
    pub issuer_url: Option<String>,
}

/// The validated metadata of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Display name, unverified.
    #[serde(rename = "n")]
    pub name: ClientName,
    /// Redirect URIs, for any port.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<RedirectUri>,
    /// Grant types; empty: all.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<GrantType>,
    /// Scopes that the client may request.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Start URL of the client's configuration.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub issuer_url: Option<String>,
}

/// Why a registration is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRegistration {
    /// `clientType` is not `public`.
    #[error("clientType must be public")]
    ClientType,
    /// A member is too long, or there are too many values.
    #[error("the registration is too large")]
    TooLarge,
    /// A scope is invalid, or there are more than 25.
    #[error("at most 25 scopes of plain characters")]
    Scope,
    /// Unknown grant type.
    #[error(
        "grantTypes may name authorization_code, refresh_token and urn:ietf:params:oauth:grant-type:device_code"
    )]
    GrantType,
    /// A redirect URI that is not a loopback address.
    #[error(transparent)]
    RedirectUri(#[from] crate::clients::InvalidRedirectUri),
    /// `issuerUrl` is that of another portal.
    #[error(transparent)]
    StartUrl(#[from] StartUrlMismatch),
}

impl Registration {
    /// Validates a request.
    ///
    /// # Errors
    /// [`InvalidRegistration`].
    pub fn parse(form: RegistrationForm) -> Result<Self, InvalidRegistration> {
        if form.client_type != PUBLIC_CLIENT {
            return Err(InvalidRegistration::ClientType);
        }
        if form.scopes.len() > limits::SCOPES_MAX {
            return Err(InvalidRegistration::Scope);
        }
        let few = form.redirect_uris.len() <= limits::REDIRECT_URIS_MAX
            && form.grant_types.len() <= GrantType::ALL.len();
        let issuer_url = form.issuer_url.filter(|url| !url.is_empty());
        let short = issuer_url
            .as_ref()
            .is_none_or(|url| url.len() <= limits::ISSUER_URL_BYTES_MAX);
        if !few || !short {
            return Err(InvalidRegistration::TooLarge);
        }
        let scopes: Result<_, _> = form.scopes.iter().map(|text| Scope::parse(text)).collect();
        let grant_types: Option<_> = form
            .grant_types
            .iter()
            .map(|text| GrantType::parse(text))
            .collect();
        let redirect_uris: Result<_, _> = form
            .redirect_uris
            .iter()
            .map(|text| RedirectUri::parse(text))
            .collect();
        Ok(Self {
            name: ClientName::new(&form.client_name),
            scopes: scopes.map_err(|_| InvalidRegistration::Scope)?,
            grant_types: grant_types.ok_or(InvalidRegistration::GrantType)?,
            redirect_uris: redirect_uris?,
            issuer_url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> RegistrationForm {
        RegistrationForm {
            client_name: "botocore-client-1795198274".to_owned(),
            client_type: "public".to_owned(),
            ..RegistrationForm::default()
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn registrations_of_aws_clients_are_accepted() {
        let forms = [
            form(),
            RegistrationForm {
                scopes: texts(&["sso:account:access"]),
                ..form()
            },
            RegistrationForm {
                scopes: texts(&["sso-portal:*"]),
                client_name: "Granted CLI".to_owned(),
                ..form()
            },
            RegistrationForm {
                grant_types: texts(&["authorization_code", "refresh_token"]),
                redirect_uris: texts(&["http://127.0.0.1/oauth/callback"]),
                issuer_url: Some("https://x.awsapps.com/start".to_owned()),
                scopes: texts(&["sso:account:access"]),
                ..form()
            },
            RegistrationForm {
                redirect_uris: texts(&["http://127.0.0.1"]),
                ..form()
            },
            RegistrationForm {
                grant_types: texts(&[
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "authorization_code",
                    "refresh_token",
                ]),
                ..form()
            },
        ];
        for form in forms {
            assert!(Registration::parse(form.clone()).is_ok(), "{form:?}");
        }
    }

    #[test]
    fn invalid_registrations_are_rejected() {
        let many = |count: usize| (0..count).map(|n| format!("scope:{n}")).collect();
        let cases = [
            (
                RegistrationForm {
                    client_type: "confidential".to_owned(),
                    ..form()
                },
                InvalidRegistration::ClientType,
            ),
            (
                RegistrationForm {
                    scopes: many(26),
                    ..form()
                },
                InvalidRegistration::Scope,
            ),
            (
                RegistrationForm {
                    scopes: texts(&["a b"]),
                    ..form()
                },
                InvalidRegistration::Scope,
            ),
            (
                RegistrationForm {
                    grant_types: texts(&["password"]),
                    ..form()
                },
                InvalidRegistration::GrantType,
            ),
            (
                RegistrationForm {
                    redirect_uris: texts(&["https://evil.example/"]),
                    ..form()
                },
                InvalidRegistration::RedirectUri(crate::clients::InvalidRedirectUri),
            ),
            (
                RegistrationForm {
                    redirect_uris: texts(&["http://localhost/oauth/callback"]),
                    ..form()
                },
                InvalidRegistration::RedirectUri(crate::clients::InvalidRedirectUri),
            ),
            (
                RegistrationForm {
                    redirect_uris: vec!["http://127.0.0.1".to_owned(); 11],
                    ..form()
                },
                InvalidRegistration::TooLarge,
            ),
            (
                RegistrationForm {
                    issuer_url: Some("x".repeat(513)),
                    ..form()
                },
                InvalidRegistration::TooLarge,
            ),
        ];
        for (form, expected) in cases {
            assert_eq!(Registration::parse(form.clone()), Err(expected), "{form:?}");
        }
    }
}
