//! `trust` of an account: which STS operation gives its sessions, and what IAM trusts.

use std::fmt;

use crate::access::caller_trust::CallerTrust;
use crate::access::console_method::ConsoleMethod;
use crate::aws::{AccessKey, Recipient, SamlProviderArn};
use crate::identity::ProviderId;

/// How the roles of an account trust Rolecall or the identity provider.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// `AssumeRoleWithWebIdentity` with a token that the gateway signs. IAM trusts the gateway as an OIDC provider.
    #[default]
    GatewayOidc,
    /// `AssumeRoleWithSAML` with a response that the gateway signs. IAM trusts the gateway as a SAML provider.
    GatewaySaml(GatewaySaml),
    /// `AssumeRoleWithSAML` with a response that the person's identity provider issues for AWS. IAM trusts that
    /// provider.
    ProviderSaml(SamlProviderArn),
    /// `AssumeRoleWithWebIdentity` with the ID token of the person's identity provider. IAM trusts that provider.
    ProviderOidc(ProviderOidc),
    /// `AssumeRole` with the AWS credentials of the gateway; IAM trusts the principal that they belong to.
    Caller(CallerTrust),
    /// `GetFederationToken` with the key of an IAM user of the account. No role is assumed.
    FederationToken(AccessKey),
}

/// Settings of `trust = "provider-oidc"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderOidc {
    /// The identity provider in the configuration.
    pub provider: ProviderId,
    /// Display name of the provider.
    pub title: String,
    /// `iss` of its ID tokens, and the URL of the account's IAM OIDC provider.
    pub issuer: String,
    /// `aud` of its ID tokens: the gateway's client ID there.
    pub client_id: String,
}

impl ProviderOidc {
    /// The issuer without its scheme: the prefix of the condition keys in trust policies, and the end of the ARN of the
    /// account's IAM OIDC provider.
    pub fn condition_prefix(&self) -> &str {
        let issuer = self.issuer.as_str();
        issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
    }
}

/// Settings of `trust = "gateway-saml"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySaml {
    /// IAM SAML provider of the account.
    pub provider: SamlProviderArn,
    /// How a browser opens the console.
    pub console: ConsoleMethod,
    /// `Recipient` of the responses; default: the endpoint of the Region.
    pub recipient: Option<Recipient>,
}

impl Trust {
    /// The value in `access.toml`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::GatewayOidc => "gateway-oidc",
            Self::GatewaySaml(_) => "gateway-saml",
            Self::ProviderSaml(_) => "provider-saml",
            Self::ProviderOidc(_) => "provider-oidc",
            Self::Caller(_) => "caller",
            Self::FederationToken(_) => "federation-token",
        }
    }

    /// Whether the gateway signs a token for each credential request.
    pub fn mints_token(&self) -> bool {
        match self {
            Self::GatewayOidc => true,
            Self::GatewaySaml(_)
            | Self::ProviderSaml(_)
            | Self::ProviderOidc(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => false,
        }
    }

    /// The provider whose ID tokens the roles of the account trust, if any.
    pub fn provider_oidc(&self) -> Option<&ProviderOidc> {
        match self {
            Self::ProviderOidc(trusted) => Some(trusted),
            Self::GatewayOidc
            | Self::GatewaySaml(_)
            | Self::ProviderSaml(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => None,
        }
    }

    /// Whether the session assumes a role. Only then can it have a source identity, and a console session with a duration of its own.
    pub fn assumes_role(&self) -> bool {
        !matches!(self, Self::FederationToken(_))
    }

    /// Whether the gateway signs requests to STS with its own AWS credentials, from the default provider chain of the SDK.
    pub fn needs_own_credentials(&self) -> bool {
        match self {
            Self::Caller(_) => true,
            Self::GatewayOidc
            | Self::GatewaySaml(_)
            | Self::ProviderSaml(_)
            | Self::ProviderOidc(_)
            | Self::FederationToken(_) => false,
        }
    }

    /// Whether each credential request requires a browser to visit the identity provider. Clients cannot get credentials for such an
    /// account.
    pub fn needs_browser(&self) -> bool {
        match self {
            Self::GatewayOidc
            | Self::GatewaySaml(_)
            | Self::ProviderOidc(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => false,
            Self::ProviderSaml(_) => true,
        }
    }

    /// The IAM SAML provider that the roles of the account trust, if any.
    pub fn saml_provider(&self) -> Option<&SamlProviderArn> {
        match self {
            Self::GatewayOidc
            | Self::ProviderOidc(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => None,
            Self::GatewaySaml(GatewaySaml { provider, .. }) | Self::ProviderSaml(provider) => {
                Some(provider)
            }
        }
    }

    /// Settings of the SAML responses that the gateway signs for the account, if it signs any.
    pub fn gateway_saml(&self) -> Option<&GatewaySaml> {
        match self {
            Self::GatewaySaml(saml) => Some(saml),
            Self::GatewayOidc
            | Self::ProviderSaml(_)
            | Self::ProviderOidc(_)
            | Self::Caller(_)
            | Self::FederationToken(_) => None,
        }
    }

    /// Settings of the SAML response that a browser posts to the console, if the console opens without a call to STS.
    pub fn console_post(&self) -> Option<&GatewaySaml> {
        self.gateway_saml()
            .filter(|saml| saml.console == ConsoleMethod::SamlPost)
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_has_browser_need_and_provider() {
        let arn = "arn:aws:iam::111122223333:saml-provider/rolecall";
        let provider = SamlProviderArn::parse(arn).unwrap();
        let gateway_saml = |console| {
            Trust::GatewaySaml(GatewaySaml {
                provider: provider.clone(),
                console,
                recipient: None,
            })
        };
        for (trust, browser, provider, signs, posts) in [
            (Trust::GatewayOidc, false, None, false, false),
            (
                Trust::Caller(CallerTrust::default()),
                false,
                None,
                false,
                false,
            ),
            (
                gateway_saml(ConsoleMethod::Federation),
                false,
                Some(arn),
                true,
                false,
            ),
            (
                gateway_saml(ConsoleMethod::SamlPost),
                false,
                Some(arn),
                true,
                true,
            ),
            (
                Trust::ProviderSaml(provider.clone()),
                true,
                Some(arn),
                false,
                false,
            ),
        ] {
            assert_eq!(trust.needs_browser(), browser, "{trust}");
            let trusted = trust.saml_provider().map(SamlProviderArn::as_str);
            assert_eq!(trusted, provider, "{trust}");
            assert_eq!(trust.gateway_saml().is_some(), signs, "{trust}");
            assert_eq!(trust.console_post().is_some(), posts, "{trust}");
        }
    }
}
