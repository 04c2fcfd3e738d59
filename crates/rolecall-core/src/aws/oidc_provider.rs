//! The gateway as OIDC provider of IAM: its name in ARNs and in condition keys.

use std::fmt;

use url::Url;

use super::{AccountId, Partition};

/// Name of an issuer in IAM: its URL without `https://`. It is the last part of the ARN of the OIDC provider, and the first of
/// the condition keys for its tokens (IAM User Guide, "Available keys for AWS OIDC federation").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProviderName(String);

impl OidcProviderName {
    /// The name of the issuer with this URL.
    pub fn of(issuer: &Url) -> Self {
        let issuer = issuer.as_str().trim_end_matches('/');
        let name = issuer.split_once("://").map_or(issuer, |(_, name)| name);
        Self(name.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The condition key of a claim, such as `sso.example.com:aud`.
    pub fn condition_key(&self, claim: &str) -> String {
        format!("{self}:{claim}")
    }

    /// ARN of the provider in an account.
    pub fn arn(&self, partition: Partition, account: &AccountId) -> String {
        let (before, after) = self.arn_around(partition);
        format!("{before}{account}{after}")
    }

    /// The ARN before and after the account ID.
    pub fn arn_around(&self, partition: Partition) -> (String, String) {
        (
            format!("arn:{partition}:iam::"),
            format!(":oidc-provider/{self}"),
        )
    }
}

impl fmt::Display for OidcProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_is_named_by_host_and_port() {
        let account = AccountId::parse("111122223333").unwrap();
        for (issuer, name) in [
            ("https://sso.example.com", "sso.example.com"),
            ("https://sso.example.com:8443/", "sso.example.com:8443"),
            ("http://127.0.0.1:8400", "127.0.0.1:8400"),
        ] {
            let provider = OidcProviderName::of(&Url::parse(issuer).unwrap());
            assert_eq!(provider.as_str(), name);
            assert_eq!(provider.condition_key("aud"), format!("{name}:aud"));
            assert_eq!(
                provider.arn(Partition::China, &account),
                format!("arn:aws-cn:iam::111122223333:oidc-provider/{name}")
            );
        }
    }
}
