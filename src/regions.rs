//! AWS Regions with their names, for selection lists. Regions that are not listed can still be used in destinations.

use rolecall_core::aws::Partition;

const COMMERCIAL: &[(&str, &str)] = &[
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
    ("ca-central-1", "Canada (Central)"),
    ("sa-east-1", "South America (São Paulo)"),
    ("eu-central-1", "Europe (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-west-1", "Europe (Ireland)"),
    ("eu-west-2", "Europe (London)"),
    ("eu-west-3", "Europe (Paris)"),
    ("eu-north-1", "Europe (Stockholm)"),
    ("eu-south-1", "Europe (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("af-south-1", "Africa (Cape Town)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
];
const CHINA: &[(&str, &str)] = &[
    ("cn-north-1", "China (Beijing)"),
    ("cn-northwest-1", "China (Ningxia)"),
];
const GOV_CLOUD: &[(&str, &str)] = &[
    ("us-gov-west-1", "AWS GovCloud (US-West)"),
    ("us-gov-east-1", "AWS GovCloud (US-East)"),
];
const EUROPEAN_SOVEREIGN: &[(&str, &str)] =
    &[("eusc-de-east-1", "AWS European Sovereign Cloud (Germany)")];

/// Code and name of the Regions of a partition.
pub fn of(partition: Partition) -> &'static [(&'static str, &'static str)] {
    match partition {
        Partition::Aws => COMMERCIAL,
        Partition::China => CHINA,
        Partition::GovCloud => GOV_CLOUD,
        Partition::EuropeanSovereign => EUROPEAN_SOVEREIGN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall_core::aws::Region;

    #[test]
    fn listed_regions_belong_to_their_partition() {
        for partition in Partition::ALL {
            for (code, _) in of(partition) {
                assert!(
                    Region::parse(code).is_ok_and(|region| partition.contains(&region)),
                    "{code}"
                );
            }
        }
    }
}
