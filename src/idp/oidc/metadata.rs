//! The discovery document of a provider (OpenID Connect Discovery 1.0, RFC 8414).
//!
//! Its issuer must equal the configured one byte by byte, and all endpoints must use https. A provider that is not on
//! loopback cannot refer to loopback. An invalid optional endpoint is ignored until it is needed.

use rolecall_core::base::json;
use serde_json::{Map, Value};
use url::Url;

use super::google;
use super::settings::OidcSettings;
use crate::idp::cache::FetchError;
use crate::idp::explanation::shown;
use crate::idp::http::{callable, is_on_loopback};

/// The parts of the discovery document that the gateway uses.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// `authorization_endpoint`: the page to which the browser is sent.
    pub authorization_endpoint: Url,
    /// `token_endpoint`, at which codes are redeemed.
    pub token_endpoint: Url,
    /// `jwks_uri`: the keys that sign ID tokens.
    pub jwks_uri: Url,
    /// `userinfo_endpoint`, or why it is unusable. An error is kept, because without the claims a deny rule by groups would
    /// not apply.
    pub userinfo_endpoint: Option<Result<Url, FetchError>>,
    /// `end_session_endpoint` (OIDC RP-Initiated Logout 1.0, 2.1), if usable.
    pub end_session_endpoint: Option<Url>,
    /// Whether `iss` is required in authorization responses (RFC 9207, 3).
    pub iss_parameter_required: bool,
    /// `id_token_signing_alg_values_supported`; empty if missing.
    pub algorithms_offered: Vec<String>,
    /// `token_endpoint_auth_methods_supported`; empty if missing.
    pub client_authentication_offered: Vec<String>,
    /// `claims_parameter_supported` (Discovery 3): whether single claims can be requested. Google supports the
    /// parameter without listing it, and sends `auth_time` only on request.
    pub claims_parameter: bool,
    /// Whether `claims_supported` contains `auth_time`; `None` if the list is missing.
    pub lists_auth_time: Option<bool>,
}

/// The URL of the discovery document of an issuer (Discovery 4.1).
pub fn discovery_url(issuer: &str) -> Result<Url, FetchError> {
    Url::parse(&format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    ))
    .map_err(|_| FetchError::Misconfigured("the configured issuer is not a URL".to_owned()))
}

impl Metadata {
    /// Parses the document of the provider with these settings.
    ///
    /// # Errors
    /// [`FetchError`]: another issuer, missing or unusable endpoints.
    pub fn parse(document: &[u8], settings: &OidcSettings) -> Result<Self, FetchError> {
        let document = json::object(document).map_err(|reason| {
            FetchError::malformed(format!("invalid discovery document: {reason}"))
        })?;
        let issuer = document.get("issuer").and_then(Value::as_str);
        if issuer != Some(settings.issuer.as_str()) {
            return Err(FetchError::Misconfigured(format!(
                "the issuer in the discovery document is {:?}, but {:?} is configured; they must be identical",
                shown(issuer.unwrap_or_default()),
                settings.issuer
            )));
        }
        let required = |name: &str| {
            endpoint(&document, name, settings)?
                .ok_or_else(|| malformed(format!("{name} is missing")))
        };
        let listed = |name: &str| -> Vec<String> {
            let list = document.get(name).and_then(Value::as_array);
            let texts = list.into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        // RFC 9700 2.1.1: a provider that lists its methods without S256 would ignore the code challenge.
        let challenges = listed("code_challenge_methods_supported");
        if !challenges.is_empty() && !challenges.iter().any(|method| method == "S256") {
            return Err(malformed("the provider does not support PKCE with S256"));
        }
        Ok(Self {
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: endpoint(&document, "userinfo_endpoint", settings).transpose(),
            end_session_endpoint: endpoint(&document, "end_session_endpoint", settings)
                .unwrap_or_default(),
            iss_parameter_required: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            algorithms_offered: listed("id_token_signing_alg_values_supported"),
            client_authentication_offered: listed("token_endpoint_auth_methods_supported"),
            claims_parameter: document.get("claims_parameter_supported")
                == Some(&Value::Bool(true))
                || google::is_google(&settings.issuer),
            lists_auth_time: document.contains_key("claims_supported").then(|| {
                listed("claims_supported")
                    .iter()
                    .any(|one| one == "auth_time")
            }),
        })
    }
}

fn endpoint(
    document: &Map<String, Value>,
    name: &str,
    settings: &OidcSettings,
) -> Result<Option<Url>, FetchError> {
    let value = match document.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(value) => value,
    };
    let url = value
        .as_str()
        .and_then(|text| Url::parse(text).ok())
        .filter(|url| callable(url) && url.fragment().is_none())
        .ok_or_else(|| malformed(format!("{name} is not an https URL")))?;
    let issuer_here = Url::parse(&settings.issuer).is_ok_and(|issuer| is_on_loopback(&issuer));
    if is_on_loopback(&url) && !issuer_here {
        return Err(malformed(format!("{name} leads to loopback")));
    }
    let host = url.host_str().unwrap_or_default();
    let hosts = &settings.endpoint_hosts;
    if !hosts.is_empty() && !hosts.iter().any(|allowed| allowed == host) {
        return Err(malformed(format!(
            "{name} is at {host}, which is not in endpoint_hosts"
        )));
    }
    Ok(Some(url))
}

fn malformed(what: impl std::fmt::Display) -> FetchError {
    FetchError::Misconfigured(format!("invalid discovery document: {what}"))
}

#[cfg(test)]
pub(super) mod tests {
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

    fn parse(changes: Value) -> Result<Metadata, FetchError> {
        let mut document = document();
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        Metadata::parse(document.to_string().as_bytes(), &settings())
    }

    pub(in super::super) fn metadata(changes: Value) -> Metadata {
        parse(changes).unwrap()
    }

    #[test]
    fn minimal_document_is_accepted() {
        let metadata = parse(json!({})).unwrap();
        assert!(!metadata.iss_parameter_required);
        assert!(metadata.client_authentication_offered.is_empty());
        assert!(metadata.userinfo_endpoint.is_none());
        let metadata = parse(json!({
            "authorization_response_iss_parameter_supported": true,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["plain", "S256"],
        }))
        .unwrap();
        assert!(metadata.iss_parameter_required);
        assert_eq!(
            metadata.client_authentication_offered,
            ["client_secret_post"]
        );
    }

    #[test]
    fn invalid_optional_members_are_ignored() {
        for odd in [
            json!(null),
            json!(""),
            json!("http://idp.example/logout"),
            json!("/logout"),
            json!(["https://idp.example/logout"]),
            json!({}),
            json!(false),
            json!("https://127.0.0.1/x"),
            json!("https://169.254.169.254/latest"),
        ] {
            let changed = |name: &str| {
                let mut changes = json!({});
                changes[name] = odd.clone();
                parse(changes).unwrap()
            };
            assert!(
                changed("end_session_endpoint")
                    .end_session_endpoint
                    .is_none()
            );
            let userinfo = changed("userinfo_endpoint").userinfo_endpoint;
            assert!(!matches!(userinfo, Some(Ok(_))), "{odd}");
            let absent = odd.is_null() || odd == "";
            assert_eq!(userinfo.is_none(), absent, "{odd}: the error is kept");
            for unused in [
                "registration_endpoint",
                "revocation_endpoint",
                "check_session_iframe",
                "scopes_supported",
                "claims_supported",
                "token_endpoint_auth_methods_supported",
                "authorization_response_iss_parameter_supported",
            ] {
                changed(unused);
            }
        }
        for odd in [json!([]), json!(null), json!("S256"), json!([null])] {
            parse(json!({ "code_challenge_methods_supported": odd })).unwrap();
        }
    }

    #[test]
    fn different_issuer_is_rejected() {
        for other in [
            "https://idp.example/",
            "https://IDP.example",
            "https://evil.example",
            "",
        ] {
            assert!(
                matches!(
                    parse(json!({ "issuer": other })),
                    Err(FetchError::Misconfigured(_))
                ),
                "{other}"
            );
        }
        assert!(parse(json!({"issuer": ["https://idp.example"]})).is_err());
    }

    #[test]
    fn insecure_and_loopback_endpoints_are_rejected() {
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
            for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
                let mut changes = json!({});
                changes[name] = json!(url);
                assert!(parse(changes).is_err(), "{name} {url}");
            }
        }
        assert!(parse(json!({"jwks_uri": null})).is_err());
        assert!(parse(json!({"code_challenge_methods_supported": ["plain"]})).is_err());
    }

    #[test]
    fn claims_parameter_is_used_only_if_supported() {
        assert!(!parse(json!({})).unwrap().claims_parameter);
        let listed = parse(json!({ "claims_parameter_supported": true }));
        assert!(listed.unwrap().claims_parameter);
        let mut google = settings();
        google.issuer = "https://accounts.google.com".to_owned();
        let mut document = document();
        document["issuer"] = json!(google.issuer);
        let google = Metadata::parse(document.to_string().as_bytes(), &google);
        assert!(google.unwrap().claims_parameter);
    }

    #[test]
    fn endpoint_hosts_are_enforced() {
        let mut pinned = settings();
        pinned.endpoint_hosts = vec!["idp.example".to_owned()];
        assert!(Metadata::parse(document().to_string().as_bytes(), &pinned).is_err());
        pinned.endpoint_hosts.push("tokens.example".to_owned());
        assert!(Metadata::parse(document().to_string().as_bytes(), &pinned).is_ok());
    }

    #[test]
    fn well_known_path_is_appended_with_one_slash() {
        for issuer in ["https://idp.example/t", "https://idp.example/t/"] {
            assert_eq!(
                discovery_url(issuer).unwrap().as_str(),
                "https://idp.example/t/.well-known/openid-configuration"
            );
        }
    }
}
