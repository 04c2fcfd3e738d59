//! SAML for AWS: the IAM SAML provider, the content of a response, and the port that signs it.
//!
//! See IAM User Guide, "Configure SAML assertions for the authentication response". Nothing here is XML.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use url::Url;

use super::{
    AccountId, Destination, Partition, Region, RoleArn, RoleSessionDuration, RoleSessionName,
    RoleSessionTags, SourceIdentity,
};
use crate::base::secret::SamlResponse;
use crate::base::{BoxError, text_newtype};
use crate::identity::Subject;

text_newtype!(
    /// ARN of an IAM SAML provider: `arn:aws:iam::111122223333:saml-provider/rolecall`.
    SamlProviderArn,
    InvalidSamlProvider,
    "a SAML provider is written as arn:aws:iam::111122223333:saml-provider/rolecall",
    |text| provider_parts(text).is_some()
);

/// Partition, account and name of the ARN.
fn provider_parts(text: &str) -> Option<(&str, &str, &str)> {
    let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, name) = rest.split_once(":saml-provider/")?;
    let name_char = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let sound = Partition::ALL.iter().any(|one| one.as_str() == partition)
        && AccountId::parse(account).is_ok()
        && (1..=128).contains(&name.len())
        && name.bytes().all(name_char);
    sound.then_some((partition, account, name))
}

impl SamlProviderArn {
    fn parts(&self) -> (&str, &str, &str) {
        provider_parts(self.as_str()).unwrap_or_default()
    }

    /// Whether the provider is in this account of this partition: IAM uses only providers of the role's account.
    pub fn belongs_to(&self, partition: Partition, account: &AccountId) -> bool {
        let (own_partition, own_account, _) = self.parts();
        own_partition == partition.as_str() && own_account == account.as_str()
    }

    /// The ARN before and after the account ID.
    pub fn around_account(&self) -> (String, String) {
        let (partition, _, name) = self.parts();
        (
            format!("arn:{partition}:iam::"),
            format!(":saml-provider/{name}"),
        )
    }

    /// Name of the provider in the account.
    pub fn name(&self) -> &str {
        self.parts().2
    }
}

/// `Recipient` of a SAML response for AWS, and the URL to which a browser posts it: a URL of AWS's sign-in endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(Url);

/// Why a recipient is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a recipient is the SAML address of AWS's sign-in endpoint in the partition, such as https://signin.aws.amazon.com/saml or https://eu-west-1.signin.aws.amazon.com/saml"
)]
pub struct InvalidRecipient;

impl Recipient {
    /// The endpoint of the Region. That of us-east-1 has no prefix.
    pub fn of(partition: Partition, region: &Region) -> Option<Self> {
        let domain = partition.sign_in_domain();
        let url = match region.as_str() {
            "us-east-1" => format!("https://{domain}/saml"),
            region => format!("https://{region}.{domain}/saml"),
        };
        Url::parse(&url).ok().map(Self)
    }

    /// The recipient of the responses for an account: its own, else that of a custom sign-in endpoint, else that of the
    /// Region.
    pub fn for_account(
        own: Option<&Self>,
        endpoint: Option<&Url>,
        partition: Partition,
        region: &Region,
    ) -> Option<Self> {
        own.cloned()
            .or_else(|| endpoint.map(Self::below))
            .or_else(|| Self::of(partition, region))
    }

    /// The URL on another origin, for an emulator or a custom endpoint.
    pub fn below(origin: &Url) -> Self {
        let mut url = origin.clone();
        url.set_path("/saml");
        url.set_query(None);
        url.set_fragment(None);
        Self(url)
    }

    /// Parses a URL of the partition's sign-in endpoint: global, of a Region, or of a provider that encrypts
    /// assertions.
    ///
    /// # Errors
    /// [`InvalidRecipient`].
    pub fn parse(text: &str, partition: Partition) -> Result<Self, InvalidRecipient> {
        let host = text
            .strip_prefix("https://")
            .and_then(|rest| rest.split_once('/'));
        let (host, path) = host.ok_or(InvalidRecipient)?;
        let domain = partition.sign_in_domain();
        let region = host
            .strip_suffix(domain)
            .and_then(|rest| rest.strip_suffix('.'))
            .and_then(|region| Region::parse(region).ok());
        let ours = host == domain || region.is_some_and(|region| partition.contains(&region));
        let provider = path.strip_prefix("saml/acs/");
        let path_fits = path == "saml"
            || provider.is_some_and(|id| {
                (1..=128).contains(&id.len())
                    && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
        if !(ours && path_fits) {
            return Err(InvalidRecipient);
        }
        Url::parse(text).map(Self).map_err(|_| InvalidRecipient)
    }

    /// The absolute URL to which the response is posted.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// `entityID` of the gateway with this origin as SAML provider of IAM, and `Issuer` of its responses: the URL of the
/// metadata. `origin` has no trailing slash.
pub fn saml_entity_id(origin: &str) -> String {
    format!("{origin}/saml/metadata")
}

/// Content of a SAML response for AWS.
#[derive(Clone, Debug)]
pub struct SamlClaims {
    /// The role; with `provider` the value of the attribute `Role`.
    pub role: RoleArn,
    /// IAM SAML provider of the account.
    pub provider: SamlProviderArn,
    /// `NameID`, persistent: provider and subject.
    pub subject: Subject,
    /// `AuthnInstant`: when the person authenticated.
    pub authenticated_at: DateTime<Utc>,
    /// `RoleSessionName`
    pub session_name: RoleSessionName,
    /// `SessionDuration`
    pub duration: RoleSessionDuration,
    /// `PrincipalTag:…` and `TransitiveTagKeys`
    pub tags: RoleSessionTags,
    /// `SourceIdentity`; `None` if the permission set configures none.
    pub source_identity: Option<SourceIdentity>,
    /// `Audience`: the entity ID of AWS, or the account's own value.
    pub audience: String,
    /// `Recipient`; default: the endpoint of `region`.
    pub recipient: Option<Recipient>,
    /// Region of the sign-in endpoint; default: that of the gateway.
    pub region: Option<Region>,
}

/// A signed SAML response.
#[derive(Clone, Debug)]
pub struct MintedSaml {
    /// The response in base64.
    pub response: SamlResponse,
    /// `ID` of the assertion. It correlates the audit trail with the response that the browser posted.
    pub assertion: String,
    /// The URL to which a browser posts the response.
    pub recipient: Recipient,
    /// `NotOnOrAfter`
    pub expires_at: DateTime<Utc>,
}

/// Signs SAML responses that IAM trusts, with the key of the gateway.
#[async_trait]
pub trait SamlIssuer: Send + Sync {
    /// Signs a response that is valid for at most [`crate::base::limits::SAML_RESPONSE_LIFE`].
    ///
    /// # Errors
    /// No key can sign, or the response is larger than AWS accepts.
    async fn respond(&self, claims: &SamlClaims) -> Result<MintedSaml, BoxError>;
}

/// The form that a browser posts to AWS's sign-in endpoint to open the console. It is a bearer secret, valid for five
/// minutes.
#[derive(Clone, Debug)]
pub struct ConsolePost {
    /// URL of the form.
    pub action: Recipient,
    /// `SAMLResponse`
    pub response: SamlResponse,
    /// `RelayState`: the page on which the console opens.
    pub relay_state: Destination,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saml_provider_belongs_to_its_account() {
        let arn = SamlProviderArn::parse("arn:aws:iam::111122223333:saml-provider/Role_call-1.x");
        let account = |id: &str| AccountId::parse(id).unwrap();
        let arn = arn.unwrap();
        assert!(arn.belongs_to(Partition::Aws, &account("111122223333")));
        assert!(!arn.belongs_to(Partition::China, &account("111122223333")));
        assert!(!arn.belongs_to(Partition::Aws, &account("444455556666")));
        assert_eq!(arn.name(), "Role_call-1.x");
        for bad in [
            "",
            "arn:aws:iam::111122223333:saml-provider/",
            "arn:aws:iam::111122223333:oidc-provider/x",
            "arn:aws:iam::11112222333:saml-provider/x",
            "arn:aws-x:iam::111122223333:saml-provider/x",
            "arn:aws:iam::111122223333:saml-provider/a,arn:aws:iam::111122223333:role/Admin",
            "arn:aws:iam::111122223333:saml-provider/a b",
            "arn:aws:iam::111122223333:saml-provider/a/b",
            "arn:aws:iam::111122223333:saml-provider/a\n",
        ] {
            assert!(SamlProviderArn::parse(bad).is_err(), "{bad}");
        }
        let long = format!(
            "arn:aws:iam::111122223333:saml-provider/{}",
            "x".repeat(129)
        );
        assert!(SamlProviderArn::parse(&long).is_err());
    }

    #[test]
    fn recipient_is_an_aws_sign_in_endpoint() {
        for (partition, good) in [
            (Partition::Aws, "https://signin.aws.amazon.com/saml"),
            (
                Partition::Aws,
                "https://eu-west-1.signin.aws.amazon.com/saml",
            ),
            (
                Partition::Aws,
                "https://eu-west-1.signin.aws.amazon.com/saml/acs/SAMLSPABCDEF123",
            ),
            (
                Partition::China,
                "https://cn-north-1.signin.amazonaws.cn/saml",
            ),
            (
                Partition::GovCloud,
                "https://us-gov-west-1.signin.amazonaws-us-gov.com/saml",
            ),
            (
                Partition::EuropeanSovereign,
                "https://eusc-de-east-1.signin.amazonaws-eusc.eu/saml",
            ),
        ] {
            let read = Recipient::parse(good, partition).map(|read| read.to_string());
            assert_eq!(read.as_deref(), Ok(good));
        }
        for bad in [
            "",
            "http://signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com/",
            "https://signin.aws.amazon.com/saml/",
            "https://signin.aws.amazon.com/saml?x",
            "https://signin.aws.amazon.com/saml/acs/",
            "https://signin.aws.amazon.com/saml/acs/../x",
            "https://evil.signin.aws.amazon.com/saml",
            "https://evilsignin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com.evil.example/saml",
            "https://a@signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com:8443/saml",
            "https://cn-north-1.signin.aws.amazon.com/saml",
            "https://cn-north-1.signin.amazonaws.cn/saml",
        ] {
            assert!(Recipient::parse(bad, Partition::Aws).is_err(), "{bad}");
        }
        let region = |text: &str| Region::parse(text).unwrap();
        for (name, url) in [
            ("us-east-1", "https://signin.aws.amazon.com/saml"),
            ("eu-west-1", "https://eu-west-1.signin.aws.amazon.com/saml"),
        ] {
            let own = Recipient::of(Partition::Aws, &region(name)).unwrap();
            assert_eq!(own.to_string(), url);
            assert_eq!(Recipient::parse(url, Partition::Aws), Ok(own));
        }
    }
}
