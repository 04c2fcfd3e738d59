//! A provider's discovery document (OpenID Connect Discovery 1.0, RFC 8414): the endpoints we use and nothing else.
//!
//! The issuer in it must be the configured one byte for byte, and every endpoint https; a provider on the internet
//! cannot send us to this machine's loopback. An optional endpoint that we would not call is ignored until it is needed.

use rolecall_core::base::json;
use serde_json::{Map, Value};
use url::Url;

use super::google;
use super::settings::OidcSettings;
use crate::idp::cache::FetchError;
use crate::idp::explanation::shown;
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
    /// `userinfo_endpoint`; where it is told but unusable, why: without its claims a deny by groups would not apply.
    pub userinfo_endpoint: Option<Result<Url, FetchError>>,
    /// `end_session_endpoint` (OIDC RP-Initiated Logout 1.0, 2.1), where it is usable.
    pub end_session_endpoint: Option<Url>,
    /// Whether an authorization response without `iss` is a forgery (RFC 9207, 3).
    pub iss_parameter_required: bool,
    /// `id_token_signing_alg_values_supported`; empty when not told.
    pub algorithms_offered: Vec<String>,
    /// `token_endpoint_auth_methods_supported`; empty when not told.
    pub client_authentication_offered: Vec<String>,
    /// `claims_parameter_supported` (Discovery 3): whether single claims may be asked for. Google knows the parameter and does
    /// not list it; it sends `auth_time` to those who ask.
    pub claims_parameter: bool,
    /// Whether `claims_supported` lists `auth_time`; none where the provider lists no claims.
    pub lists_auth_time: Option<bool>,
}

/// Where the document of an issuer is (Discovery 4.1).
pub fn discovery_url(issuer: &str) -> Result<Url, FetchError> {
    Url::parse(&format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    ))
    .map_err(|_| FetchError::Misfit("the configured issuer is no URL".to_owned()))
}

impl Metadata {
    /// Reads the document of the provider with these settings.
    ///
    /// # Errors
    /// [`FetchError`]: another issuer, missing or unusable endpoints.
    pub fn parse(document: &[u8], settings: &OidcSettings) -> Result<Self, FetchError> {
        let document = json::object(document).map_err(|why| {
            FetchError::malformed(format!("the discovery document is not usable: {why}"))
        })?;
        let issuer = document.get("issuer").and_then(Value::as_str);
        if issuer != Some(settings.issuer.as_str()) {
            return Err(FetchError::Misfit(format!(
                "the discovery document says issuer {:?}, configured is {:?}; they must be equal to the last character",
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
        // RFC 9700 2.1.1: a provider that says which methods it knows and does not know S256 would ignore ours.
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
        .ok_or_else(|| malformed(format!("{name} is no https URL")))?;
    let issuer_here = Url::parse(&settings.issuer).is_ok_and(|issuer| on_loopback(&issuer));
    if on_loopback(&url) && !issuer_here {
        return Err(malformed(format!("{name} leads to this machine")));
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
    FetchError::Misfit(format!("the discovery document: {what}"))
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
    fn a_small_document_is_enough() {
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
    fn optional_members_never_refuse_a_document() {
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
            assert_eq!(
                userinfo.is_none(),
                absent,
                "{odd}: it must not be forgotten"
            );
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
                    Err(FetchError::Misfit(_))
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
    fn single_claims_are_asked_for_where_that_is_known_to_work() {
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
