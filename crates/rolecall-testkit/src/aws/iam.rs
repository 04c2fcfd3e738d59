//! IAM resources of an account: OIDC providers, SAML providers and roles.
//!
//! They are validated against the limits of the IAM API when they are created.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;
use url::Url;

use super::partition::Partition;
use super::wire::{letters_digits, random_letters};
use crate::iam::{Policy, PolicyKind};
use crate::xml::Element;

const GOOGLE: &str = "accounts.google.com";

/// An OpenID Connect provider of an account.
pub(super) struct OidcProvider {
    /// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`.
    pub arn: String,
    /// The issuer without its scheme: prefix of its condition keys.
    pub condition_prefix: String,
    /// Empty for [`OidcProvider::google`]: trust policies must compare the audience.
    pub client_ids: Vec<String>,
}

impl OidcProvider {
    /// The provider that is built into IAM: its principal is `accounts.google.com`, and no account registers client IDs.
    pub fn google() -> Self {
        OidcProvider {
            arn: GOOGLE.to_owned(),
            condition_prefix: GOOGLE.to_owned(),
            client_ids: Vec::new(),
        }
    }

    /// Whether it is [`OidcProvider::google`].
    pub fn is_google(&self) -> bool {
        self.arn == GOOGLE
    }

    pub fn new(
        partition: Partition,
        account: &str,
        issuer: &str,
        client_ids: &[&str],
    ) -> anyhow::Result<Self> {
        let url = Url::parse(issuer).with_context(|| format!("{issuer:?} is not a URL"))?;
        ensure!(
            matches!(url.scheme(), "https" | "http"),
            "an issuer must be an https URL, not {issuer:?}"
        );
        ensure!(
            url.query().is_none() && url.fragment().is_none(),
            "an issuer must not have a query or a fragment: {issuer:?}"
        );
        ensure!(issuer.len() <= 255, "an issuer has at most 255 characters");
        ensure!(
            (1..=100).contains(&client_ids.len()),
            "an OIDC provider has 1 to 100 client IDs"
        );
        ensure!(
            client_ids.iter().all(|id| (1..=255).contains(&id.len())),
            "a client ID has 1 to 255 characters"
        );
        let prefix = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        Ok(OidcProvider {
            arn: partition.iam_arn(account, &format!("oidc-provider/{prefix}")),
            condition_prefix: prefix.to_owned(),
            client_ids: client_ids.iter().map(|&id| id.to_owned()).collect(),
        })
    }
}

/// A SAML provider of an account.
pub(super) struct SamlProvider {
    /// `arn:aws:iam::ACCOUNT:saml-provider/NAME`.
    pub arn: String,
    pub account: String,
    pub name: String,
    pub entity_id: String,
    /// Certificates of the keys that sign responses.
    pub certificates: Vec<X509>,
}

impl SamlProvider {
    pub fn new(
        partition: Partition,
        account: &str,
        name: &str,
        metadata: &str,
    ) -> anyhow::Result<Self> {
        ensure!(
            (1..=128).contains(&name.len()) && letters_digits(name, "_.-"),
            "{name:?} is not a valid SAML provider name: 1 to 128 characters of [\\w._-]"
        );
        ensure!(
            (1_000..=10_000_000).contains(&metadata.chars().count()),
            "SAMLMetadataDocument has 1000 to 10000000 characters, not {}",
            metadata.chars().count()
        );
        ensure!(
            !metadata.starts_with('\u{feff}'),
            "the metadata must not start with a byte order mark"
        );
        let entity = Element::parse(metadata).context("Could not parse metadata")?;
        let role = entity
            .find("IDPSSODescriptor")
            .context("Could not parse metadata: no IDPSSODescriptor")?;
        let signs = |key: &&Element| {
            key.local_name() == "KeyDescriptor"
                && key
                    .attribute("use")
                    .is_none_or(|purpose| purpose == "signing")
        };
        let certificates = role
            .elements()
            .filter(signs)
            .map(certificate)
            .collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(
            (1..=10).contains(&certificates.len()),
            "a SAML provider has 1 to 10 keys, not {}",
            certificates.len()
        );
        ensure!(
            role.find("SingleSignOnService").is_some(),
            "Could not parse metadata: no SingleSignOnService"
        );
        let entity_id = entity.attribute("entityID").context("no entityID")?;
        Ok(SamlProvider {
            arn: partition.iam_arn(account, &format!("saml-provider/{name}")),
            account: account.to_owned(),
            name: name.to_owned(),
            entity_id: entity_id.to_owned(),
            certificates,
        })
    }
}

fn certificate(key: &Element) -> anyhow::Result<X509> {
    let text = key
        .at(&["KeyInfo", "X509Data", "X509Certificate"])
        .context("a KeyDescriptor has no certificate")?
        .own_text();
    let text: String = text.split_whitespace().collect();
    let certificate = X509::from_der(&STANDARD.decode(text)?)?;
    ensure!(
        certificate.public_key()?.bits() >= 1_024,
        "a key has at least 1024 bits"
    );
    Ok(certificate)
}

/// An IAM user with one access key.
pub(super) struct IamUser {
    pub arn: String,
    /// The unique id, `AIDA…`.
    pub id: String,
    pub account: String,
    /// `AKIA…`
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl IamUser {
    pub fn new(partition: Partition, account: &str, path_and_name: &str) -> anyhow::Result<Self> {
        let name = path_and_name.rsplit('/').next().unwrap_or(path_and_name);
        ensure!(
            (1..=64).contains(&name.len()) && letters_digits(name, "_+=,.@-"),
            "{name:?} is no user name: 1 to 64 of [\\w+=,.@-]"
        );
        let mut secret = [0_u8; 30];
        openssl::rand::rand_bytes(&mut secret)?;
        Ok(IamUser {
            arn: partition.iam_arn(account, &format!("user/{path_and_name}")),
            id: format!("AIDA{}", random_letters::<17>()?),
            account: account.to_owned(),
            access_key_id: format!("AKIA{}", random_letters::<16>()?),
            secret_access_key: STANDARD.encode(secret),
        })
    }
}

/// A role with its parsed trust policy.
pub(super) struct TrustedRole {
    pub arn: String,
    /// Name without the path, as in the assumed-role ARN.
    pub name: String,
    /// Unique ID, `AROA…`.
    pub id: String,
    pub max_session_seconds: u64,
    pub account: String,
    pub trust: Policy,
}

impl TrustedRole {
    pub fn new(
        partition: Partition,
        account: &str,
        path_and_name: &str,
        role: &super::Role,
    ) -> anyhow::Result<Self> {
        let name = path_and_name.rsplit('/').next().unwrap_or(path_and_name);
        ensure!(
            (1..=64).contains(&name.len()) && letters_digits(name, "_+=,.@-"),
            "{name:?} is not a valid role name: 1 to 64 characters of [\\w+=,.@-]"
        );
        ensure!(
            path_and_name.len() <= 512
                && path_and_name.bytes().all(|b| b.is_ascii_graphic())
                && !path_and_name.contains("//"),
            "{path_and_name:?} does not have a valid role path"
        );
        ensure!(
            (Duration::from_secs(3_600)..=Duration::from_secs(43_200))
                .contains(&role.max_session_duration),
            "MaxSessionDuration must be 3600 to 43200 seconds"
        );
        Ok(TrustedRole {
            arn: partition.iam_arn(account, &format!("role/{path_and_name}")),
            name: name.to_owned(),
            id: format!("AROA{}", random_letters::<17>()?),
            max_session_seconds: role.max_session_duration.as_secs(),
            account: account.to_owned(),
            trust: Policy::parse(PolicyKind::Trust, path_and_name, &role.trust_policy)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_limits_are_enforced() -> anyhow::Result<()> {
        let provider = OidcProvider::new(
            Partition::Aws,
            "111122223333",
            "https://sso.example.com/id/7",
            &["sts.amazonaws.com"],
        )?;
        assert_eq!(
            provider.arn,
            "arn:aws:iam::111122223333:oidc-provider/sso.example.com/id/7"
        );
        let long = format!("https://{}.example", "a".repeat(255));
        for (issuer, ids) in [
            ("sso.example.com", vec!["a"]),
            ("https://a.example/?q", vec!["a"]),
            ("ftp://a.example", vec!["a"]),
            (long.as_str(), vec!["a"]),
            ("https://a.example", vec![]),
            ("https://a.example", vec!["a"; 101]),
            ("https://a.example", vec![""]),
        ] {
            assert!(
                OidcProvider::new(Partition::Aws, "111122223333", issuer, &ids).is_err(),
                "{issuer} {}",
                ids.len()
            );
        }
        Ok(())
    }
}
