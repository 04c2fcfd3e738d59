//! The settings of an OIDC provider, and findings about them.

use chrono::TimeDelta;
use rolecall_core::access::UnsupportedFacts;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::{ClaimPath, EmailDomain, ProviderId};
use url::Url;

use super::auth_time::AuthTimeRule;
use super::client_authentication::ClientAuthentication;
use super::client_key::{AssertionAudience, ClientKey};
use super::google;
use super::jws::Algorithm;
use super::userinfo::UserinfoUse;
use crate::idp::http::is_on_loopback;
use crate::idp::step_up::StepUpRule;

/// The settings of an OIDC provider.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The provider ID.
    pub id: ProviderId,
    /// The display name of the provider.
    pub title: String,
    /// `iss`, compared byte for byte.
    pub issuer: String,
    /// `client_id` of the gateway at the provider.
    pub client_id: String,
    /// `client_secret`; `None` for a public client or one with a key.
    pub client_secret: Option<SecretText>,
    /// The client authentication method; if `None`, it depends on the credentials and the provider.
    pub client_authentication: Option<ClientAuthentication>,
    /// The key that signs client assertions.
    pub client_key: Option<ClientKey>,
    /// The audience of client assertions.
    pub client_assertion_audience: AssertionAudience,
    /// When userinfo is requested.
    pub userinfo: UserinfoUse,
    /// The redirect URI; each provider has its own path (RFC 9700 4.4.2).
    pub redirect_uri: Url,
    /// The post-logout redirect URI, which must be registered with the provider.
    pub post_logout_redirect_uri: Option<Url>,
    /// `scope`; must contain `openid`.
    pub scopes: Vec<String>,
    /// The required Google Workspace domain in `hd`.
    pub hosted_domain: Option<EmailDomain>,
    /// The mail domains for which the provider is authoritative.
    pub domains: Vec<EmailDomain>,
    /// The claims to use.
    pub claims: ClaimNames,
    /// The values that prove MFA.
    pub mfa: MfaRule,
    /// What is requested where a role requires a second factor.
    pub step_up: StepUpRule,
    /// What a missing `auth_time` means.
    pub auth_time: AuthTimeRule,
    /// Tolerated clock difference.
    pub leeway: TimeDelta,
    /// The allowed signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Allowed audiences of ID tokens in addition to this client.
    pub extra_audiences: Vec<String>,
    /// Allowed hosts of endpoints; all hosts if empty.
    pub endpoint_hosts: Vec<String>,
}

/// The claims to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The claim with the e-mail address.
    pub email: ClaimPath,
    /// The claim with the display name.
    pub name: ClaimPath,
    /// The claim with the groups.
    pub groups: ClaimPath,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            email: ClaimPath::parse("email"),
            name: ClaimPath::parse("name"),
            groups: ClaimPath::parse("groups"),
        }
    }
}

/// The values that prove MFA: any of these values of `amr` (RFC 8176) or `acr`.
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

/// A problem in the settings of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFinding {
    /// The key of `[[provider]]`, such as `oidc.issuer`.
    pub key: &'static str,
    /// What is wrong with the value.
    pub message: String,
    /// The next step for the operator.
    pub hint: String,
    /// Whether it is an error instead of a warning.
    pub fatal: bool,
}

impl OidcSettings {
    /// The signature algorithms that are allowed by default.
    pub const ALGORITHMS: [Algorithm; 4] = [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
    ];

    /// The findings of `rolecalld check`.
    pub fn findings(&self) -> Vec<SettingsFinding> {
        let mut findings = Vec::new();
        let mut note = |fatal: bool, key: &'static str, message: &str, hint: &str| {
            findings.push(SettingsFinding {
                key,
                message: message.to_owned(),
                hint: hint.to_owned(),
                fatal,
            });
        };
        let issuer = Url::parse(&self.issuer).ok();
        let host = issuer.as_ref().and_then(Url::host_str).unwrap_or_default();
        match &issuer {
            Some(url) if url.scheme() == "https" || is_on_loopback(url) => {
                if url.query().is_some() || url.fragment().is_some() {
                    note(
                        true,
                        "oidc.issuer",
                        "the issuer must not contain a query or a fragment",
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
                    "this Entra ID endpoint is shared by all tenants, and its tokens have other issuers",
                    "use the endpoint of your tenant: https://login.microsoftonline.com/TENANT-ID/v2.0",
                );
            } else if !path.ends_with("/v2.0") {
                note(
                    false,
                    "oidc.issuer",
                    "the issuer of Entra ID usually ends in /v2.0",
                    "use https://login.microsoftonline.com/TENANT-ID/v2.0",
                );
            }
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            note(
                true,
                "oidc.scopes",
                "the scope \"openid\" is missing; without it the provider sends no ID token",
                "add \"openid\"",
            );
        }
        if is_okta(host) && !self.scopes.iter().any(|scope| scope == "groups") {
            note(
                false,
                "oidc.scopes",
                "Okta sends groups only if the scope \"groups\" is requested",
                "add \"groups\", and a groups claim filter in the Okta application",
            );
        }
        if self.hosted_domain.is_some() && !google::is_google(&self.issuer) {
            note(
                false,
                "oidc.hosted_domain",
                "hosted_domain applies to Google Workspace only; other providers do not send hd",
                "remove it, and list your mail domains in \"domains\"",
            );
        }
        if google::is_google(&self.issuer) && self.hosted_domain.is_none() {
            note(
                false,
                "oidc.hosted_domain",
                "without hosted_domain, any Google account can sign in (without access to any role)",
                "set hosted_domain to your Workspace domain",
            );
        }
        if self.algorithms.is_empty() {
            note(
                true,
                "oidc.algorithms",
                "the list of algorithms is empty",
                "remove it, or list some of RS256, ES256, PS256, EdDSA",
            );
        }
        findings
    }

    /// Claims that the provider never sends. Google's ID tokens contain no groups, and `amr` and `auth_time` only on
    /// request of applications verified by Google.
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

    /// The mail domains for which the provider is authoritative: the configured ones and the Workspace domain.
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
            step_up: StepUpRule::default(),
            auth_time: AuthTimeRule::default(),
            leeway: rolecall_core::base::limits::LEEWAY,
            algorithms: OidcSettings::ALGORITHMS.to_vec(),
            extra_audiences: Vec::new(),
            endpoint_hosts: Vec::new(),
        }
    }

    #[test]
    fn findings_have_key_and_severity() {
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
    fn debug_output_hides_the_secret() {
        assert!(!format!("{:?}", settings()).contains("hunter2"));
    }
}
