//! What is configured about one SAML provider, and what is odd about it.

use std::sync::Arc;

use rolecall_core::identity::{EmailDomain, ProviderId};
use url::Url;

use super::own_keys::OwnKey;
use super::trust::{Binding, SamlTrust, TrustOptions};
use crate::idp::oidc::{Finding, MfaRule};

/// `AuthnContextClassRef` that means a second factor when nothing is configured (REFEDS MFA Profile 1.0).
const REFEDS_MFA: &str = "https://refeds.org/profile/mfa";
/// What Entra ID and ADFS say of a second factor, as a value of the claim below.
const MICROSOFT_MFA: &str = "http://schemas.microsoft.com/claims/multipleauthn";

/// One SAML provider, as configured.
#[derive(Clone, Debug)]
pub struct SamlSettings {
    /// Its id here.
    pub id: ProviderId,
    /// How people know it.
    pub title: String,
    /// Our own addresses for it.
    pub addresses: Addresses,
    /// Where its metadata is.
    pub metadata: MetadataSource,
    /// How its metadata is read, and what is taken from it.
    pub options: TrustOptions,
    /// What signs our requests; the first signs, all are in our metadata.
    pub signing_keys: Vec<OwnKey>,
    /// What assertions are encrypted for; all decrypt, all are in our metadata.
    pub encryption_keys: Vec<OwnKey>,
    /// Whether requests for a sign-in are signed.
    pub sign_requests: bool,
    /// How our messages travel; by Redirect where the provider takes that, else by POST, when nothing is said.
    pub request_binding: Option<Binding>,
    /// `NameIDPolicy/@Format`
    pub name_id_format: Option<String>,
    /// Whether the provider may begin a sign-in (SAML Profiles 4.1.5).
    pub allow_idp_initiated: bool,
    /// The mail domains about which the provider is believed.
    pub domains: Vec<EmailDomain>,
    /// Which attributes mean what.
    pub attributes: AttributeNames,
    /// What counts as a second factor: `acr` are values of `AuthnContextClassRef`.
    pub mfa: MfaRule,
    /// What is asked for when a second factor is (`RequestedAuthnContext`): the configured `mfa.acr`, since providers
    /// refuse what they do not know.
    pub requested_contexts: Vec<String>,
    /// The application for AWS at the provider, for accounts with `trust = "provider-saml"`.
    pub aws: Option<AwsApplication>,
}

/// Where the provider finds us.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Our entity id, which is where our metadata is.
    pub entity_id: String,
    /// `AssertionConsumerService`
    pub consumer: Url,
    /// `SingleLogoutService`
    pub logout: Url,
}

impl Addresses {
    /// Those of a provider on our origin.
    pub fn of(public_url: &Url, id: &ProviderId) -> Option<Self> {
        let at = |path: &str| public_url.join(&format!("/sign-in/{id}/{path}")).ok();
        Some(Self {
            entity_id: at("metadata")?.to_string(),
            consumer: at("acs")?,
            logout: at("slo")?,
        })
    }
}

/// Where a provider's metadata is.
#[derive(Clone, Debug)]
pub enum MetadataSource {
    /// In a file, which was read and parsed with the configuration.
    File(Arc<SamlTrust>),
    /// At an https address.
    Url {
        /// The address.
        url: Url,
        /// How old it may become before it is fetched again.
        refresh: chrono::TimeDelta,
    },
}

/// A provider's own application for AWS: its response is for AWS, and comes to us.
#[derive(Clone, Debug)]
pub struct AwsApplication {
    /// Where the provider starts it.
    pub start: Url,
    /// `Audience`: AWS, by any of its names.
    pub audiences: Vec<String>,
    /// `Recipient` and `Destination`: AWS's addresses.
    pub recipients: Vec<String>,
}

/// Which attributes carry what, by `Name` or `FriendlyName`: the first that is there counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeNames {
    /// The e-mail address.
    pub email: Vec<String>,
    /// The display name.
    pub name: Vec<String>,
    /// The groups.
    pub groups: Vec<String>,
}

impl Default for AttributeNames {
    /// What the usual providers call them.
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
    /// What counts as a second factor when nothing is configured.
    pub fn default_mfa() -> MfaRule {
        MfaRule {
            amr: vec![MICROSOFT_MFA.to_owned()],
            acr: vec![REFEDS_MFA.to_owned()],
        }
    }

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
        let policy = &self.options.policy;
        if self.sign_requests && self.signing_keys.is_empty() {
            note(
                true,
                "saml.sign_requests",
                "there is no key to sign requests with",
                "make one with `rolecalld keys certificate saml-signing.pem`, and add signing_keys = [{ file = \"saml-signing.pem\" }]",
            );
        }
        if policy.allow_sha1 {
            note(
                false,
                "saml.allow_sha1",
                "signatures with SHA-1 are taken from this provider; they can be forged with enough money",
                "let the provider sign with SHA-256 and take the switch out",
            );
        }
        if policy.allow_cbc {
            note(
                false,
                "saml.allow_cbc",
                "assertions encrypted with AES-CBC are taken without a signature around them; such a cipher can be probed",
                "let the provider encrypt with AES-GCM, or sign the response, and take the switch out",
            );
        }
        if self.allow_idp_initiated {
            note(
                false,
                "saml.allow_idp_initiated",
                "the provider may begin sign-ins, which are bound to no browser: somebody may sign others in as themselves",
                "give people https://…/sign-in/PROVIDER as the application's start address instead",
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
            requested_contexts: Vec::new(),
            aws: None,
        }
    }

    #[test]
    fn findings_name_the_key_and_whether_it_matters() {
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
