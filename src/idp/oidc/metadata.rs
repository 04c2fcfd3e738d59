//! A provider's discovery document (OpenID Connect Discovery 1.0, RFC 8414): the endpoints we use and nothing else.
//!
//! The issuer in it must be the configured one byte for byte, and every endpoint https; a provider on the internet
//! cannot send us to this machine's loopback.

use rolecall_core::json;
use rolecall_core::sign_in::RejectReason;
use serde_json::{Map, Value};
use url::Url;

use super::settings::OidcSettings;
use crate::idp::cache::Trouble;
use crate::idp::http::{callable, on_loopback};

/// What we know of a provider from its own document.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// `authorization_endpoint`
    pub authorization_endpoint: Url,
    /// `token_endpoint`
    pub token_endpoint: Url,
    /// `jwks_uri`
    pub jwks_uri: Url,
    /// `userinfo_endpoint`
    pub userinfo_endpoint: Option<Url>,
    /// `end_session_endpoint` (OIDC RP-Initiated Logout 1.0, 2.1)
    pub end_session_endpoint: Option<Url>,
    /// Whether an authorization response without `iss` is a forgery (RFC 9207, 3).
    pub iss_parameter_required: bool,
    /// Whether the client secret goes into the body because the provider knows no other way.
    pub secret_in_body: bool,
}

/// Where the document of an issuer is (Discovery 4.1).
pub fn discovery_url(issuer: &str) -> Result<Url, Trouble> {
    Url::parse(&format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    ))
    .map_err(|_| Trouble::nonsense("the configured issuer is no URL"))
}

impl Metadata {
    /// Reads the document of the provider with these settings.
    ///
    /// # Errors
    /// [`Trouble`]: another issuer, missing or unusable endpoints.
    pub fn parse(document: &[u8], settings: &OidcSettings) -> Result<Self, Trouble> {
        let document =
            json::object(document).map_err(|why| nonsense(format!("it is not usable: {why}")))?;
        let issuer = document.get("issuer").and_then(Value::as_str);
        if issuer != Some(settings.issuer.as_str()) {
            return Err(Trouble::Rejected(
                RejectReason::Issuer,
                format!(
                    "the discovery document says issuer {:?}, configured is {:?}; they must be equal to the last character",
                    issuer.unwrap_or_default(),
                    settings.issuer
                ),
            ));
        }
        let required = |name: &str| {
            endpoint(&document, name, settings)?
                .ok_or_else(|| nonsense(format!("{name} is missing")))
        };
        let lists = |name: &str, wanted: &str| {
            document
                .get(name)
                .and_then(Value::as_array)
                .map(|list| list.iter().any(|item| item.as_str() == Some(wanted)))
        };
        // RFC 9700 2.1.1: a provider that says which methods it knows and does not know S256 would ignore ours.
        if lists("code_challenge_methods_supported", "S256") == Some(false) {
            return Err(nonsense("the provider does not support PKCE with S256"));
        }
        let methods = "token_endpoint_auth_methods_supported";
        Ok(Self {
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: endpoint(&document, "userinfo_endpoint", settings)?,
            end_session_endpoint: endpoint(&document, "end_session_endpoint", settings)?,
            iss_parameter_required: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            secret_in_body: lists(methods, "client_secret_basic") == Some(false)
                && lists(methods, "client_secret_post") == Some(true),
        })
    }
}

fn endpoint(
    document: &Map<String, Value>,
    name: &str,
    settings: &OidcSettings,
) -> Result<Option<Url>, Trouble> {
    let Some(value) = document.get(name) else {
        return Ok(None);
    };
    let url = value
        .as_str()
        .and_then(|text| Url::parse(text).ok())
        .filter(|url| callable(url) && url.fragment().is_none())
        .ok_or_else(|| nonsense(format!("{name} is no https URL")))?;
    let issuer_here = Url::parse(&settings.issuer).is_ok_and(|issuer| on_loopback(&issuer));
    if on_loopback(&url) && !issuer_here {
        return Err(nonsense(format!("{name} leads to this machine")));
    }
    let host = url.host_str().unwrap_or_default();
    let hosts = &settings.endpoint_hosts;
    if !hosts.is_empty() && !hosts.iter().any(|allowed| allowed == host) {
        return Err(nonsense(format!(
            "{name} is at {host}, which is not in endpoint_hosts"
        )));
    }
    Ok(Some(url))
}

fn nonsense(what: impl std::fmt::Display) -> Trouble {
    Trouble::nonsense(format!("the discovery document: {what}"))
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "issuer": "https://idp.example",
            "authorization_endpoint": "https://idp.example/authorize?tenant=1",
            "token_endpoint": "https://tokens.example/token",
            "jwks_uri": "https://idp.example/jwks",
        })
    }

    fn parse(changes: Value) -> Result<Metadata, Trouble> {
        let mut document = document();
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        Metadata::parse(document.to_string().as_bytes(), &settings())
    }

    #[test]
    fn a_small_document_is_enough() {
        let metadata = parse(json!({})).unwrap();
        assert!(!metadata.iss_parameter_required && !metadata.secret_in_body);
        assert!(metadata.userinfo_endpoint.is_none());
        let metadata = parse(json!({
            "authorization_response_iss_parameter_supported": true,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["plain", "S256"],
        }))
        .unwrap();
        assert!(metadata.iss_parameter_required && metadata.secret_in_body);
    }

    #[test]
    fn the_issuer_is_equal_to_the_last_byte() {
        for other in [
            "https://idp.example/",
            "https://IDP.example",
            "https://evil.example",
            "",
        ] {
            assert!(
                matches!(
                    parse(json!({ "issuer": other })),
                    Err(Trouble::Rejected(RejectReason::Issuer, _))
                ),
                "{other}"
            );
        }
        assert!(parse(json!({"issuer": ["https://idp.example"]})).is_err());
    }

    #[test]
    fn endpoints_elsewhere_are_refused() {
        for url in [
            "http://idp.example/x",
            "http://127.0.0.1:1/x",
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://169.254.169.254/latest",
            "https://a:b@idp.example/x",
            "javascript:alert(1)",
            "/x",
            "",
        ] {
            for name in [
                "authorization_endpoint",
                "token_endpoint",
                "jwks_uri",
                "userinfo_endpoint",
                "end_session_endpoint",
            ] {
                let mut changes = json!({});
                changes[name] = json!(url);
                assert!(parse(changes).is_err(), "{name} {url}");
            }
        }
        assert!(parse(json!({"jwks_uri": null})).is_err());
        assert!(parse(json!({"code_challenge_methods_supported": ["plain"]})).is_err());
    }

    #[test]
    fn hosts_can_be_pinned() {
        let mut pinned = settings();
        pinned.endpoint_hosts = vec!["idp.example".to_owned()];
        assert!(Metadata::parse(document().to_string().as_bytes(), &pinned).is_err());
        pinned.endpoint_hosts.push("tokens.example".to_owned());
        assert!(Metadata::parse(document().to_string().as_bytes(), &pinned).is_ok());
    }

    #[test]
    fn one_slash_joins_the_well_known_path() {
        for issuer in ["https://idp.example/t", "https://idp.example/t/"] {
            assert_eq!(
                discovery_url(issuer).unwrap().as_str(),
                "https://idp.example/t/.well-known/openid-configuration"
            );
        }
    }
}
