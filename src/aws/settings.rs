//! The `[aws]` section, parsed: which partition, which Regions in which order, which endpoints instead of AWS's own.

use rolecall_core::aws::{Partition, Region};
use url::Url;

/// Where AWS is.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The partition of every account.
    pub partition: Partition,
    /// The Region whose STS endpoint is asked first, for accounts that name none.
    pub sts_region: Region,
    /// Asked in this order when the first cannot be reached.
    pub sts_fallback_regions: Vec<Region>,
    /// Whether the gateway's tokens name the one role that they are for. STS of partition `aws` rejects them for every other
    /// role; of the other partitions this is not known, so it is off there unless configured.
    pub role_claim: bool,
    /// One STS endpoint instead of the Regions' own (VPC endpoint, emulator).
    pub sts_endpoint: Option<Url>,
    /// One sign-in endpoint instead of the Regions' own; `/federation` and `/oauth` are found below its origin.
    pub signin_endpoint: Option<Url>,
}

/// A Region that cannot serve the partition's accounts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the Region {region} is not in the partition {partition}; credentials never cross partitions"
)]
pub struct WrongRegion {
    /// The Region.
    pub region: Region,
    /// The partition that is configured.
    pub partition: Partition,
}

impl AwsSettings {
    /// The configured Regions that lie in another partition, each a mistake in the configuration.
    pub fn wrong_regions(&self) -> Vec<WrongRegion> {
        std::iter::once(&self.sts_region)
            .chain(&self.sts_fallback_regions)
            .filter(|region| !self.partition.contains(region))
            .map(|region| WrongRegion {
                region: region.clone(),
                partition: self.partition,
            })
            .collect()
    }

    /// The Regions to ask, in order and each once: the account's own, the configured one, the fallbacks.
    pub(super) fn regions_for(&self, account: Option<&Region>) -> Vec<Region> {
        let mut regions = Vec::with_capacity(2 + self.sts_fallback_regions.len());
        for region in account
            .into_iter()
            .chain(std::iter::once(&self.sts_region))
            .chain(&self.sts_fallback_regions)
        {
            if self.partition.contains(region) && !regions.contains(region) {
                regions.push(region.clone());
            }
        }
        regions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(text: &str) -> Region {
        Region::parse(text).unwrap()
    }

    #[test]
    fn regions_keep_to_the_partition_and_to_their_order() {
        let settings = AwsSettings {
            partition: Partition::Aws,
            sts_region: region("eu-west-1"),
            sts_fallback_regions: vec![
                region("eu-central-1"),
                region("cn-north-1"),
                region("eu-west-1"),
            ],
            role_claim: true,
            sts_endpoint: None,
            signin_endpoint: None,
        };
        assert_eq!(
            settings.wrong_regions(),
            [WrongRegion {
                region: region("cn-north-1"),
                partition: Partition::Aws
            }]
        );
        assert_eq!(
            settings.regions_for(Some(&region("us-east-1"))),
            [
                region("us-east-1"),
                region("eu-west-1"),
                region("eu-central-1")
            ]
        );
    }
}
