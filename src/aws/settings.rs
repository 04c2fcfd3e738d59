//! The section `[aws]`: partition, Regions, and endpoints.

use rolecall_core::aws::{Partition, Region};
use url::Url;

/// Partition, Regions and endpoints of AWS.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The partition of all accounts.
    pub partition: Partition,
    /// The Region whose STS endpoint is used first, for accounts without their own.
    pub sts_region: Region,
    /// Fallback Regions, used in this order if the first is unavailable.
    pub sts_fallback_regions: Vec<Region>,
    /// Whether the tokens of the gateway contain the requested role. STS of the partition `aws` rejects them for all other
    /// roles; for other partitions this is unknown, so it is disabled there by default.
    pub role_claim: bool,
    /// An STS endpoint that replaces those of all Regions (VPC endpoint, emulator).
    pub sts_endpoint: Option<Url>,
    /// A sign-in endpoint that replaces those of all Regions; the paths are `/federation` and `/oauth`.
    pub signin_endpoint: Option<Url>,
}

/// A Region outside the configured partition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the Region {region} is not in the partition {partition}; credentials are valid in one partition only"
)]
pub struct WrongRegion {
    /// The configured Region, which belongs to another partition.
    pub region: Region,
    /// The configured partition.
    pub partition: Partition,
}

impl AwsSettings {
    /// All configured Regions outside the partition.
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

    /// The Regions to call, in order and without duplicates: the account's own, the configured one, the fallbacks.
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
    fn regions_of_the_partition_are_tried_in_order() {
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
