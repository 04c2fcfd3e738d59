//! Partition, account, Region, and path and name of a role.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::text_newtype;

text_newtype!(
    /// ID of an AWS account: 12 digits.
    AccountId,
    InvalidAccountId,
    "an account id is 12 digits, written as a string: \"111122223333\"",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);

text_newtype!(
    /// An AWS Region, such as `eu-west-1`.
    Region,
    InvalidRegion,
    "not an AWS Region: write it as eu-west-1",
    |text| text.len() <= 32
        && text.split('-').count() >= 3
        && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && text.ends_with(|last: char| last.is_ascii_digit())
);

text_newtype!(
    /// Path and name of an IAM role without the leading slash: `rolecall/Developer`, `Admin`.
    RolePath,
    InvalidRole,
    "an IAM role is an optional path and a name of 1 to 64 characters of A-Z a-z 0-9 _ + = , . @ -, such as rolecall/Developer",
    |text| {
        let name_char = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        text.len() <= 512
            && text.split('/').all(|part| !part.is_empty() && part.bytes().all(name_char))
            && text.rsplit('/').next().is_some_and(|name| name.len() <= 64)
    }
);

impl RolePath {
    /// The name without the path.
    pub fn name(&self) -> &str {
        self.as_str().rsplit('/').next().unwrap_or_default()
    }
}

/// A partition: a group of Regions with its own accounts, endpoints and ARNs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Partition {
    /// `aws`: the commercial Regions.
    #[default]
    #[serde(rename = "aws")]
    Aws,
    /// `aws-cn`: the Regions in China.
    #[serde(rename = "aws-cn")]
    China,
    /// `aws-us-gov`: AWS GovCloud (US).
    #[serde(rename = "aws-us-gov")]
    GovCloud,
    /// European Sovereign Cloud.
    #[serde(rename = "aws-eusc")]
    EuropeanSovereign,
}

impl Partition {
    /// Every partition that an installation can be configured for.
    pub const ALL: [Self; 4] = [
        Self::Aws,
        Self::China,
        Self::GovCloud,
        Self::EuropeanSovereign,
    ];

    /// The partition of this name in an ARN.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// The partition in an ARN.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::GovCloud => "aws-us-gov",
            Self::EuropeanSovereign => "aws-eusc",
        }
    }

    /// Domain of the sign-in endpoint; a Region can precede it.
    pub fn sign_in_domain(self) -> &'static str {
        match self {
            Self::Aws => "signin.aws.amazon.com",
            Self::China => "signin.amazonaws.cn",
            Self::GovCloud => "signin.amazonaws-us-gov.com",
            Self::EuropeanSovereign => "signin.amazonaws-eusc.eu",
        }
    }

    /// Domain of the regional endpoints.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::GovCloud => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuropeanSovereign => "amazonaws.eu",
        }
    }

    /// Domain of the console.
    pub fn console_domain(self) -> &'static str {
        match self {
            Self::Aws => "console.aws.amazon.com",
            Self::China => "console.amazonaws.cn",
            Self::GovCloud => "console.amazonaws-us-gov.com",
            Self::EuropeanSovereign => "console.amazonaws-eusc.eu",
        }
    }

    /// `Audience` of SAML responses for AWS: the entity ID of its sign-in service. The entity ID in the European Sovereign
    /// Cloud is not documented; accounts and providers can configure another.
    pub fn saml_audience(self) -> &'static str {
        match self {
            Self::Aws | Self::EuropeanSovereign => "urn:amazon:webservices",
            Self::China => "urn:amazon:webservices:cn-north-1",
            Self::GovCloud => "urn:amazon:webservices:govcloud",
        }
    }

    /// Whether the Region belongs to this partition, by the patterns of AWS's `partitions.json`. Regions of the isolated
    /// partitions (`us-iso-east-1`) belong to none.
    pub fn contains(self, region: &Region) -> bool {
        let mut parts = region.as_str().split('-');
        let of = match (parts.next(), parts.next()) {
            (Some("cn"), _) => Some(Self::China),
            (Some("us"), Some("gov")) => Some(Self::GovCloud),
            (Some("eusc"), _) => Some(Self::EuropeanSovereign),
            (_, Some(second)) if second.starts_with("iso") => None,
            _ => Some(Self::Aws),
        };
        of == Some(self)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// ARN of an IAM role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn {
    partition: Partition,
    account: AccountId,
    role: RolePath,
    text: Arc<str>,
}

/// A text is not the ARN of an IAM role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ARN of an IAM role is written as arn:aws:iam::111122223333:role/rolecall/Developer")]
pub struct InvalidRoleArn;

impl std::str::FromStr for RoleArn {
    type Err = InvalidRoleArn;

    fn from_str(text: &str) -> Result<Self, InvalidRoleArn> {
        let parts = || {
            let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
            let (account, role) = rest.split_once(":role/")?;
            let partition = Partition::parse(partition)?;
            let account = AccountId::parse(account).ok()?;
            let role = RolePath::parse(role).ok()?;
            Some(Self::new(partition, account, role))
        };
        parts().ok_or(InvalidRoleArn)
    }
}

impl RoleArn {
    /// The ARN of the role in the account.
    pub fn new(partition: Partition, account: AccountId, role: RolePath) -> Self {
        let text = format!("arn:{partition}:iam::{account}:role/{role}").into();
        Self {
            partition,
            account,
            role,
            text,
        }
    }

    /// The ARN, such as `arn:aws:iam::111122223333:role/rolecall/Developer`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account in the ARN.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The partition in the ARN.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Path and name in the ARN.
    pub fn role(&self) -> &RolePath {
        &self.role
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_regions_and_roles_are_parsed_strictly() {
        assert!(AccountId::parse("111122223333").is_ok());
        for bad in [
            "11112222333",
            "1111222233334",
            "11112222333x",
            "",
            "１１１１２２２２３３３３",
        ] {
            assert!(AccountId::parse(bad).is_err(), "{bad}");
        }
        assert!(Region::parse("us-gov-west-1").is_ok() && Region::parse("eu-west-1").is_ok());
        for bad in [
            "eu-west",
            "EU-west-1",
            "eu--west-1",
            "eu-west-1.evil.example",
            "eu-west-1/",
        ] {
            assert!(Region::parse(bad).is_err(), "{bad}");
        }
        for (region, partition) in [
            ("eu-west-1", Some(Partition::Aws)),
            ("mx-central-1", Some(Partition::Aws)),
            ("cn-north-1", Some(Partition::China)),
            ("us-gov-west-1", Some(Partition::GovCloud)),
            ("eusc-de-east-1", Some(Partition::EuropeanSovereign)),
            ("us-iso-east-1", None),
            ("eu-isoe-west-1", None),
            ("us-isob-east-1", None),
        ] {
            let region = Region::parse(region).unwrap();
            let holding = Partition::ALL
                .into_iter()
                .filter(|one| one.contains(&region));
            assert_eq!(
                holding.collect::<Vec<_>>(),
                Vec::from_iter(partition),
                "{region}"
            );
        }
        assert!(RolePath::parse("rolecall/Developer").is_ok());
        for bad in ["", "/x", "x/", "a//b", "a b", "a*", &"x".repeat(65)] {
            assert!(RolePath::parse(bad).is_err(), "{bad}");
        }
        let arn = "arn:aws-cn:iam::111122223333:role/rolecall/Developer";
        let role: RoleArn = arn.parse().unwrap();
        assert_eq!(role.as_str(), arn);
        assert_eq!(role.partition(), Partition::China);
        assert_eq!(role.role().name(), "Developer");
        for bad in [
            "",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::11112222333:role/x",
            "arn:aws-x:iam::111122223333:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:sts::111122223333:assumed-role/x/y",
            "arn:aws:iam:eu-west-1:111122223333:role/x",
            "arn:aws:iam::111122223333:role/x\n",
            "arn:aws:iam::111122223333:role/*",
        ] {
            assert_eq!(bad.parse::<RoleArn>(), Err(InvalidRoleArn), "{bad}");
        }
    }
}
