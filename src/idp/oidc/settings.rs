//! What is configured about one OIDC provider, and what is odd about it.

use chrono::TimeDelta;
use rolecall_core::access::UnsupportedFacts;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::{EmailDomain, ProviderId};
use url::Url;

use super::auth_time::AuthTimeRule;
use super::client_authentication::ClientAuthentication;
use super::client_key::{AssertionAudience, ClientKey};
use super::google;
use super::jws::Algorithm;
use super::userinfo::UserinfoUse;
use crate::idp::http::on_loopback;

/// One OIDC provider, as configured.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// Its id here.
    pub id: ProviderId,
    /// How people know it.
    pub title: String,
    /// `iss`, compared byte for byte.
    pub issuer: String,
    /// `client_id`
    pub client_id: String,
    /// `client_secret`; none for a public client, and for one with a key.
    pub client_secret: Option<SecretText>,
    /// How the client authenticates; where it is not said, as the credentials and the provider allow.
    pub client_authentication: Option<ClientAuthentication>,
    /// The key that signs client assertions.
    pub client_key: Option<ClientKey>,
    /// Whom client assertions are for.
    pub client_assertion_audience: AssertionAudience,
    /// Whether userinfo is asked.
    pub userinfo: UserinfoUse,
    /// Where the provider sends browsers back to: its own path for every provider (RFC 9700 4.4.2).
    pub redirect_uri: Url,
    /// Where the provider sends browsers after signing out there; it must be registered with it.
    pub post_logout_redirect_uri: Option<Url>,
    /// `scope`; must hold `openid`.
    pub scopes: Vec<String>,
    /// The Google Workspace domain that `hd` must name.
    pub hosted_domain: Option<EmailDomain>,
    /// The mail domains about which the provider is believed.
    pub domains: Vec<EmailDomain>,
    /// Which claims mean what.
    pub claims: ClaimNames,
    /// What counts as a second factor.
    pub mfa: MfaRule,
    /// What a missing `auth_time` means.
    pub auth_time: AuthTimeRule,
    /// How far the provider's clock may differ from ours.
    pub leeway: TimeDelta,
    /// The signature algorithms it may use.
    pub algorithms: Vec<Algorithm>,
    /// Audiences an ID token may have beside us.
    pub extra_audiences: Vec<String>,
    /// The hosts its endpoints may be at; any when empty.
    pub endpoint_hosts: Vec<String>,
}

/// Which claims carry what: each a claim's name or a JSON pointer (`/realm_access/roles`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The e-mail address.
    pub email: String,
    /// The display name.
    pub name: String,
    /// The groups.
    pub groups: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            email: "email".to_owned(),
            name: "name".to_owned(),
            groups: "groups".to_owned(),
        }
    }
}

/// What counts as a second factor: any of these values of `amr` (RFC 8176) or `acr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaRule {
    /// Values of `amr`.
    pub amr: Vec<String>,
    /// Values of `acr`.
    pub acr: Vec<String>,
}

impl Default for MfaRule {
    fn default() -> Self {
        Self {
            amr: vec!["mfa".to_owned()],
            acr: Vec::new(),
        }
    }
}

/// Something about a provider's settings that its operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key of `[[provider]]` it is about, such as `oidc.issuer`.
    pub key: &'static str,
    /// What it is.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Whether no sign-in can succeed, or none should, until it is done.
    pub fatal: bool,
}

impl OidcSettings {
    /// The signature algorithms allowed when none are configured.
    pub const ALGORITHMS: [Algorithm; 4] = [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
    ];

    /// What `rolecalld check` should say about them.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut note = |fatal: bool, key: &'static str, message: &str, hint: &str| {
            findings.push(Finding {
                key,
                message: message.to_owned(),
                hint: hint.to_owned(),
                fatal,
            });
        };
        let issuer = Url::parse(&self.issuer).ok();
        let host = issuer.as_ref().and_then(Url::host_str).unwrap_or_default();
        match &issuer {
            Some(url) if url.scheme() == "https" || on_loopback(url) => {
                if url.query().is_some() || url.fragment().is_some() {
                    note(
                        true,
                        "oidc.issuer",
                        "an issuer has no query and no fragment",
                        "copy \"issuer\" from the provider's /.well-known/openid-configuration",
                    );
                }
            }
            Some(_) | None => note(
                true,
                "oidc.issuer",
                "the issuer is not an https URL",
                "copy \"issuer\" from the provider's /.well-known/openid-configuration",
            ),
        }
        if host == "login.microsoftonline.com" {
            let path = issuer.as_ref().map(Url::path).unwrap_or_default();
            let tenant = path.split('/').nth(1).unwrap_or_default();
            if ["common", "organizations", "consumers"].contains(&tenant) {
                note(
                    true,
                    "oidc.issuer",
                    "this Entra ID endpoint serves every organisation, so its tokens come from other issuers",
                    "use your tenant's: https://login.microsoftonline.com/TENANT-ID/v2.0",
                );
            } else if !path.ends_with("/v2.0") {
                note(
                    false,
                    "oidc.issuer",
                    "Entra ID's issuer usually ends in /v2.0",
                    "use https://login.microsoftonline.com/TENANT-ID/v2.0",
                );
            }
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            note(
                true,
                "oidc.scopes",
                "the scopes lack \"openid\", so the provider would send no ID token",
                "add \"openid\"",
            );
        }
        if is_okta(host) && !self.scopes.iter().any(|scope| scope == "groups") {
            note(
                false,
                "oidc.scopes",
                "Okta sends groups only when the scope \"groups\" is asked for",
                "add \"groups\", and a groups claim filter in the Okta application",
            );
        }
        if self.hosted_domain.is_some() && !google::is_google(&self.issuer) {
            note(
                false,
                "oidc.hosted_domain",
                "hosted_domain is for Google Workspace only; no other provider sends hd",
                "remove it, and name your mail domains in \"domains\"",
            );
        }
        if google::is_google(&self.issuer) && self.hosted_domain.is_none() {
            note(
                false,
                "oidc.hosted_domain",
                "without hosted_domain anybody with a Google account can sign in (and see that they have no access)",
                "set hosted_domain to your Workspace domain",
            );
        }
        if self.algorithms.is_empty() {
            note(
                true,
                "oidc.algorithms",
                "no signature algorithm is allowed",
                "leave it out, or name some of RS256, ES256, PS256, EdDSA",
            );
        }
        findings
    }

    /// What the provider never says. Google's ID tokens have no groups, and `amr` and `auth_time` only for applications
    /// that Google has verified and that ask for them.
    pub fn unsupported(&self) -> UnsupportedFacts {
        if !google::is_google(&self.issuer) {
            return UnsupportedFacts::default();
        }
        UnsupportedFacts {
            groups: self.claims.groups == ClaimNames::default().groups,
            second_factor: true,
            sign_in_time: self.auth_time == AuthTimeRule::Required,
            claims: &google::NEVER_SENT,
        }
    }

    /// The mail domains about which the provider is believed: the configured ones and the Workspace domain.
    pub fn believed_domains(&self) -> Vec<EmailDomain> {
        let mut domains = self.domains.clone();
        let workspace = self.hosted_domain.clone();
        domains.extend(workspace.filter(|domain| !self.domains.contains(domain)));
        domains
    }
}

fn is_okta(host: &str) -> bool {
    [".okta.com", ".oktapreview.com", ".okta-emea.com"]
        .iter()
        .any(|suffix| host.ends_with(suffix))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn settings() -> OidcSettings {
        OidcSettings {
            id: ProviderId::parse("idp").unwrap(),
            title: "The provider".to_owned(),
            issuer: "https://idp.example".to_owned(),
            client_id: "rolecall".to_owned(),
            client_secret: Some(SecretText::new("hunter2")),
            client_authentication: None,
            client_key: None,
            client_assertion_audience: AssertionAudience::default(),
            userinfo: UserinfoUse::default(),
            redirect_uri: Url::parse("https://sso.example/sign-in/idp/callback").unwrap(),
            post_logout_redirect_uri: None,
            scopes: vec!["openid".to_owned(), "email".to_owned()],
            hosted_domain: None,
            domains: Vec::new(),
            claims: ClaimNames::default(),
            mfa: MfaRule::default(),
            auth_time: AuthTimeRule::default(),
            leeway: rolecall_core::base::limits::LEEWAY,
            algorithms: OidcSettings::ALGORITHMS.to_vec(),
            extra_audiences: Vec::new(),
            endpoint_hosts: Vec::new(),
        }
    }

    #[test]
    fn findings_name_the_key_and_whether_it_matters() {
        let found = |change: fn(&mut OidcSettings)| {
            let mut settings = settings();
            change(&mut settings);
            let findings = settings.findings();
            findings
                .into_iter()
                .map(|f| (f.key, f.fatal))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(|_| ()), []);
        assert_eq!(found(|s| s.issuer = "http://127.0.0.1:9/x".to_owned()), []);
        assert_eq!(
            found(|s| s.issuer = "http://idp.example".to_owned()),
            [("oidc.issuer", true)]
        );
        assert_eq!(
            found(|s| s.issuer = "idp".to_owned()),
            [("oidc.issuer", true)]
        );
        assert_eq!(
            found(|s| s.issuer = "https://login.microsoftonline.com/common/v2.0".to_owned()),
            [("oidc.issuer", true)]
        );
        assert_eq!(
            found(|s| s.issuer = "https://login.microsoftonline.com/2f1c/v2.0".to_owned()),
            []
        );
        assert_eq!(found(|s| s.scopes.clear()), [("oidc.scopes", true)]);
        assert_eq!(
            found(|s| s.issuer = "https://example.okta.com".to_owned()),
            [("oidc.scopes", false)]
        );
        assert_eq!(
            found(|s| s.issuer = "https://accounts.google.com".to_owned()),
            [("oidc.hosted_domain", false)]
        );
        assert_eq!(
            found(|s| s.hosted_domain = EmailDomain::parse("example.com").ok()),
            [("oidc.hosted_domain", false)]
        );
        assert_eq!(found(|s| s.algorithms.clear()), [("oidc.algorithms", true)]);
    }

    #[test]
    fn debug_keeps_the_secret() {
        assert!(!format!("{:?}", settings()).contains("hunter2"));
    }
}
