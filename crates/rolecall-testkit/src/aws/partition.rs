//! Partitions of AWS: ARNs, Regions and domains (botocore `partitions.json` and the endpoint rules of AWS Sign-In).

/// A partition. All accounts of an emulator are in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// `aws`
    #[default]
    Aws,
    /// `aws-cn`
    China,
    /// `aws-us-gov`
    GovCloud,
    /// `aws-eusc`
    EuropeanSovereign,
}

impl Partition {
    /// Every partition.
    pub const ALL: [Partition; 4] = [
        Partition::Aws,
        Partition::China,
        Partition::GovCloud,
        Partition::EuropeanSovereign,
    ];

    /// The partition in ARNs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::China => "aws-cn",
            Partition::GovCloud => "aws-us-gov",
            Partition::EuropeanSovereign => "aws-eusc",
        }
    }

    /// Two Regions of the partition, or the only one.
    #[must_use]
    pub fn regions(self) -> &'static [&'static str] {
        match self {
            Partition::Aws => &["eu-west-1", "eu-central-1"],
            Partition::China => &["cn-north-1", "cn-northwest-1"],
            Partition::GovCloud => &["us-gov-west-1", "us-gov-east-1"],
            Partition::EuropeanSovereign => &["eusc-de-east-1"],
        }
    }

    /// Domain of the sign-in endpoint; a Region can precede it.
    pub(super) fn sign_in_domain(self) -> &'static str {
        match self {
            Partition::Aws => "signin.aws.amazon.com",
            Partition::China => "signin.amazonaws.cn",
            Partition::GovCloud => "signin.amazonaws-us-gov.com",
            Partition::EuropeanSovereign => "signin.amazonaws-eusc.eu",
        }
    }

    /// Home page of the console.
    pub(super) fn console(self) -> &'static str {
        match self {
            Partition::Aws => "https://console.aws.amazon.com/",
            Partition::China => "https://console.amazonaws.cn/",
            Partition::GovCloud => "https://console.amazonaws-us-gov.com/",
            Partition::EuropeanSovereign => "https://console.amazonaws-eusc.eu/",
        }
    }

    /// `Audience` of a SAML response.
    pub(super) fn saml_audience(self) -> &'static str {
        match self {
            Partition::Aws | Partition::EuropeanSovereign => "urn:amazon:webservices",
            Partition::China => "urn:amazon:webservices:cn-north-1",
            Partition::GovCloud => "urn:amazon:webservices:govcloud",
        }
    }

    /// Maximum length of a source identity. The longer one is documented for the commercial Regions.
    pub(super) fn source_identity_chars_max(self) -> usize {
        match self {
            Partition::Aws => 256,
            Partition::China | Partition::GovCloud | Partition::EuropeanSovereign => 64,
        }
    }

    /// Whether requests can be signed for this Region.
    pub(super) fn has_region(self, region: &str) -> bool {
        let prefix = match self {
            Partition::Aws => {
                let others = ["cn-", "us-gov-", "eusc-"];
                return region.split('-').count() == 3
                    && others.iter().all(|prefix| !region.starts_with(prefix));
            }
            Partition::China => "cn-",
            Partition::GovCloud => "us-gov-",
            Partition::EuropeanSovereign => "eusc-",
        };
        region.starts_with(prefix)
    }

    /// `arn:PARTITION:iam::ACCOUNT:RESOURCE`
    pub(super) fn iam_arn(self, account: &str, resource: &str) -> String {
        format!("arn:{}:iam::{account}:{resource}", self.name())
    }

    /// `arn:PARTITION:sts::ACCOUNT:RESOURCE`
    pub(super) fn sts_arn(self, account: &str, resource: &str) -> String {
        format!("arn:{}:sts::{account}:{resource}", self.name())
    }

    /// The account ID in the ARN of a role of this partition.
    pub(super) fn account_of_role(self, role_arn: &str) -> Option<&str> {
        let rest = role_arn.strip_prefix("arn:")?.strip_prefix(self.name())?;
        let (account, role) = rest.strip_prefix(":iam::")?.split_once(':')?;
        role.starts_with("role/").then_some(account)
    }
}

#[cfg(test)]
mod tests {
    use super::Partition;

    #[test]
    fn arns_and_regions_belong_to_one_partition() {
        for partition in Partition::ALL {
            let role = partition.iam_arn("111122223333", "role/rolecall/Developer");
            for other in Partition::ALL {
                let same = other == partition;
                let account = same.then_some("111122223333");
                assert_eq!(other.account_of_role(&role), account, "{role} {other:?}");
                for region in partition.regions() {
                    assert_eq!(other.has_region(region), same, "{region} {other:?}");
                }
            }
        }
        let user = "arn:aws:iam::111122223333:user/role/x";
        assert_eq!(Partition::Aws.account_of_role(user), None);
    }
}
