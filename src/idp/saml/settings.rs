//! The settings of a SAML provider, and findings about them.

use std::sync::Arc;

use rolecall_core::identity::{EmailDomain, ProviderId};
use url::Url;

use super::own_keys::OwnKey;
use super::trust::{Binding, SamlTrust, TrustOptions};
use crate::idp::oidc::{MfaRule, SettingsFinding};
use crate::idp::step_up::StepUpRule;

/// The default `AuthnContextClassRef` that proves MFA (REFEDS MFA Profile 1.0).
const REFEDS_MFA: &str = "https://refeds.org/profile/mfa";
/// The authentication method with which Entra ID and ADFS indicate MFA.
const MICROSOFT_MFA: &str = "http://schemas.microsoft.com/claims/multipleauthn";

/// The settings of a SAML provider.
#[derive(Clone, Debug)]
pub struct SamlSettings {
    /// The provider ID.
    pub id: ProviderId,
    /// The display name of the provider.
    pub title: String,
    /// Our URLs for this provider.
    pub addresses: Addresses,
    /// The source of its metadata.
    pub metadata: MetadataSource,
    /// How its metadata is read, and which options apply to its messages.
    pub options: TrustOptions,
    /// Keys that sign our requests; the first one signs, all are in our metadata.
    pub signing_keys: Vec<OwnKey>,
    /// Keys that decrypt assertions; all are in our metadata.
    pub encryption_keys: Vec<OwnKey>,
    /// Whether sign-in requests are signed.
    pub sign_requests: bool,
    /// The binding of our messages; if `None`, HTTP-Redirect is preferred to HTTP-POST.
    pub request_binding: Option<Binding>,
    /// `NameIDPolicy/@Format`
    pub name_id_format: Option<String>,
    /// Whether IdP-initiated sign-in is allowed (SAML Profiles 4.1.5).
    pub allow_idp_initiated: bool,
    /// The mail domains for which the provider is authoritative.
    pub domains: Vec<EmailDomain>,
    /// The attributes to use.
    pub attributes: AttributeNames,
    /// The values that prove MFA: `acr` are values of `AuthnContextClassRef`.
    pub mfa: MfaRule,
    /// What is requested where a role requires a second factor.
    pub step_up: StepUpRule,
    /// The application for AWS at the provider, for accounts with `trust = "provider-saml"`.
    pub aws: Option<AwsApplication>,
}

/// Our URLs for a provider.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Our entity ID, which is the URL of our metadata.
    pub entity_id: String,
    /// `AssertionConsumerService`
    pub consumer: Url,
    /// `SingleLogoutService`
    pub logout: Url,
}

impl Addresses {
    /// The URLs for a provider with this origin.
    pub fn of(public_url: &Url, id: &ProviderId) -> Option<Self> {
        let at = |path: &str| public_url.join(&format!("/sign-in/{id}/{path}")).ok();
        Some(Self {
            entity_id: at("metadata")?.to_string(),
            consumer: at("acs")?,
            logout: at("slo")?,
        })
    }
}

/// The source of metadata.
#[derive(Clone, Debug)]
pub enum MetadataSource {
    /// A file, which was parsed with the configuration.
    File(Arc<SamlTrust>),
    /// An https URL.
    Url {
        /// The https URL of the metadata.
        url: Url,
        /// Age after which it is fetched again.
        refresh: chrono::TimeDelta,
    },
}

/// A provider's own application for AWS. Its response is addressed to AWS, but sent to us.
#[derive(Clone, Debug)]
pub struct AwsApplication {
    /// The URL that starts the application.
    pub start: Url,
    /// Allowed values of `Audience`: the names of AWS.
    pub audiences: Vec<String>,
    /// Allowed values of `Recipient` and `Destination`: the URLs of AWS.
    pub recipients: Vec<String>,
}

/// The attributes to use, by `Name` or `FriendlyName`; the first that is present counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeNames {
    /// Names of attributes with the e-mail address.
    pub email: Vec<String>,
    /// Names of attributes with the display name.
    pub name: Vec<String>,
    /// Names of attributes with the groups.
    pub groups: Vec<String>,
}

impl Default for AttributeNames {
    /// The names used by common providers.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            email: names(&[
                "email",
                "mail",
                "urn:oid:0.9.2342.19200300.100.1.3",
                "urn:oid:1.2.840.113549.1.9.1",
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            ]),
            name: names(&[
                "name",
                "displayName",
                "urn:oid:2.16.840.1.113730.3.1.241",
                "http://schemas.microsoft.com/identity/claims/displayname",
            ]),
            groups: names(&[
                "groups",
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
                "http://schemas.xmlsoap.org/claims/Group",
            ]),
        }
    }
}

impl SamlSettings {
    /// The default values that prove MFA.
    pub fn default_mfa() -> MfaRule {
        MfaRule {
            amr: vec![MICROSOFT_MFA.to_owned()],
            acr: vec![REFEDS_MFA.to_owned()],
        }
    }

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
        let policy = &self.options.policy;
        if self.sign_requests && self.signing_keys.is_empty() {
            note(
                true,
                "saml.sign_requests",
                "requests cannot be signed: no signing key is configured",
                "create one with `rolecalld keys certificate saml-signing.pem`, and add signing_keys = [{ file = \"saml-signing.pem\" }]",
            );
        }
        if policy.allow_sha1 {
            note(
                false,
                "saml.allow_sha1",
                "signatures with SHA-1 are accepted from this provider; SHA-1 is broken, so they can be forged",
                "configure the provider to sign with SHA-256, and remove this setting",
            );
        }
        if policy.allow_cbc {
            note(
                false,
                "saml.allow_cbc",
                "assertions encrypted with AES-CBC are accepted without a signed response, which allows padding oracle attacks",
                "configure the provider to encrypt with AES-GCM or to sign the response, and remove this setting",
            );
        }
        if self.allow_idp_initiated {
            note(
                false,
                "saml.allow_idp_initiated",
                "IdP-initiated sign-in is not bound to a browser: an attacker can sign in other users with their own account (login CSRF)",
                "use https://…/sign-in/PROVIDER as start URL of the application instead",
            );
        }
        findings
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn settings() -> SamlSettings {
        let public_url = Url::parse("https://sso.example/").unwrap();
        let id = ProviderId::parse("adfs").unwrap();
        SamlSettings {
            addresses: Addresses::of(&public_url, &id).unwrap(),
            id,
            title: "ADFS".to_owned(),
            metadata: MetadataSource::Url {
                url: Url::parse("https://adfs.example/metadata").unwrap(),
                refresh: chrono::TimeDelta::hours(1),
            },
            options: TrustOptions::default(),
            signing_keys: Vec::new(),
            encryption_keys: Vec::new(),
            sign_requests: false,
            request_binding: None,
            name_id_format: None,
            allow_idp_initiated: false,
            domains: Vec::new(),
            attributes: AttributeNames::default(),
            mfa: SamlSettings::default_mfa(),
            step_up: StepUpRule::default(),
            aws: None,
        }
    }

    #[test]
    fn findings_have_key_and_severity() {
        let found = |change: fn(&mut SamlSettings)| {
            let mut settings = settings();
            change(&mut settings);
            let findings = settings.findings();
            findings
                .into_iter()
                .map(|f| (f.key, f.fatal))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(|_| ()), []);
        assert_eq!(
            found(|s| s.sign_requests = true),
            [("saml.sign_requests", true)]
        );
        assert_eq!(
            found(|s| s.options.policy.allow_sha1 = true),
            [("saml.allow_sha1", false)]
        );
        assert_eq!(
            found(|s| s.options.policy.allow_cbc = true),
            [("saml.allow_cbc", false)]
        );
        assert_eq!(
            found(|s| s.allow_idp_initiated = true),
            [("saml.allow_idp_initiated", false)]
        );
    }
}
