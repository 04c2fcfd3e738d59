//! The page on which the console opens. Only pages of the AWS console in the configured partition are accepted.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Partition, Region};
use crate::base::limits;

/// A page of the console that has passed an allow-list: `https`, the console of the partition or one of its services,
/// no user name, no port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination(Url);

/// Why a destination is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// It is not a page of the console in this partition.
    #[error(
        "a destination is a page of the AWS console, such as https://console.aws.amazon.com/s3/"
    )]
    NotConsole,
    /// Longer than [`limits::DESTINATION_BYTES_MAX`].
    #[error(
        "a destination has at most {} characters",
        limits::DESTINATION_BYTES_MAX
    )]
    TooLong,
}

/// Consoles of the commercial partition with their own host names; `true`: Regions are subdomains.
const OWN_NAMES: [(&str, bool); 4] = [
    ("health.aws.amazon.com", false),
    ("phd.aws.amazon.com", false),
    ("lightsail.aws.amazon.com", false),
    ("quicksight.aws.amazon.com", true),
];

impl Destination {
    /// The home page of the console in the partition.
    pub fn home(partition: Partition) -> Self {
        // The host is constant. Parsing succeeds for every partition, as the test below shows.
        let url = format!("https://{}/", partition.console_domain());
        Url::parse(&url).map_or_else(|_| unreachable!("console domains are valid hosts"), Self)
    }

    /// Parses a console URL of the partition: the host of the console, a subdomain of it (Regions, multi-session
    /// labels, service consoles), or a console with its own host name.
    ///
    /// # Errors
    /// [`InvalidDestination`].
    pub fn parse(text: &str, partition: Partition) -> Result<Self, InvalidDestination> {
        if text.len() > limits::DESTINATION_BYTES_MAX {
            return Err(InvalidDestination::TooLong);
        }
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        if !plain || !text.starts_with("https://") {
            return Err(InvalidDestination::NotConsole);
        }
        let url = Url::parse(text).map_err(|_| InvalidDestination::NotConsole)?;
        let below = |host: &str, domain: &str| {
            let rest = host.strip_suffix(domain);
            rest.is_some_and(|rest| rest.ends_with('.'))
        };
        let own_name = |host: &str| {
            let fits =
                |(name, regions): &(&str, bool)| host == *name || (*regions && below(host, name));
            partition == Partition::Aws && OWN_NAMES.iter().any(fits)
        };
        let domain = partition.console_domain();
        let host_fits = url
            .host_str()
            .is_some_and(|host| host == domain || below(host, domain) || own_name(host));
        let bare = url.username().is_empty() && url.password().is_none() && url.port().is_none();
        if host_fits && bare {
            Ok(Self(url))
        } else {
            Err(InvalidDestination::NotConsole)
        }
    }

    /// Resolves the input of a person: empty (the home page of the Region, or `None` without a Region), a service such
    /// as `s3`, or a console URL.
    ///
    /// # Errors
    /// [`InvalidDestination`].
    pub fn resolve(
        text: &str,
        region: Option<&Region>,
        partition: Partition,
    ) -> Result<Option<Self>, InvalidDestination> {
        let text = text.trim();
        let service = text.len() <= 40
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let domain = partition.console_domain();
        match (text, region) {
            ("", None) => Ok(None),
            ("", Some(region)) => Self::parse(
                &format!("https://{region}.{domain}/console/home?region={region}"),
                partition,
            )
            .map(Some),
            (name, Some(region)) if service => Self::parse(
                &format!("https://{region}.{domain}/{name}/home?region={region}"),
                partition,
            )
            .map(Some),
            (name, None) if service => {
                Self::parse(&format!("https://{domain}/{name}/home"), partition).map(Some)
            }
            (url, _) => Self::parse(url, partition).map(Some),
        }
    }

    /// The absolute URL of the console page.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_console_urls_of_the_partition_are_accepted() {
        for partition in Partition::ALL {
            assert_eq!(
                Destination::home(partition).as_url().host_str(),
                Some(partition.console_domain())
            );
        }
        for good in [
            "https://console.aws.amazon.com/s3/",
            "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:",
            "https://111122223333-abcd1234.eu-west-1.console.aws.amazon.com/x",
            "https://health.aws.amazon.com/health/home#/account/dashboard",
            "https://phd.aws.amazon.com/",
            "https://lightsail.aws.amazon.com/ls/webapp/home",
            "https://eu-west-1.quicksight.aws.amazon.com/sn/start",
            "https://quicksight.aws.amazon.com/",
        ] {
            assert!(Destination::parse(good, Partition::Aws).is_ok(), "{good}");
        }
        for bad in [
            "http://console.aws.amazon.com/",
            "https://console.aws.amazon.com.evil.example/",
            "https://evil.example/console.aws.amazon.com",
            "https://evilconsole.aws.amazon.com/",
            "https://console.aws.amazon.com@evil.example/",
            "https://a@console.aws.amazon.com/",
            "https://console.aws.amazon.com:8443/",
            "https:\\\\console.aws.amazon.com",
            "//console.aws.amazon.com/",
            "https://console.amazonaws.cn/",
            "javascript:alert(1)",
            "",
            "https:///console.aws.amazon.com",
            "https://s3.amazonaws.com/bucket/page.html",
            "https://signin.aws.amazon.com/oauth?redirect_uri=https://evil.example",
            "https://aws.amazon.com/",
            "https://evil.health.aws.amazon.com/",
            "https://evilquicksight.aws.amazon.com/",
            "https://quicksight.aws.amazon.com.evil.example/",
        ] {
            // The URL Standard parses `https:///host` as `https://host`, so it is safe.
            let allowed = bad == "https:///console.aws.amazon.com";
            assert_eq!(
                Destination::parse(bad, Partition::Aws).is_ok(),
                allowed,
                "{bad}"
            );
        }
    }

    #[test]
    fn destination_length_is_bounded() {
        let insights = |bytes: usize| {
            let start = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights$3FqueryDetail$3D~(";
            let rest = "~'fields*20*40timestamp".repeat(bytes);
            [start, &rest[..bytes - start.len()]].concat()
        };
        for bytes in [1_217, 2_500, limits::DESTINATION_BYTES_MAX] {
            let page = Destination::parse(&insights(bytes), Partition::Aws).unwrap();
            assert_eq!(page.as_url().as_str(), insights(bytes));
        }
        let error = Destination::parse(&insights(4_097), Partition::Aws).unwrap_err();
        assert!(error.to_string().contains("at most 4096"), "{error}");
        let own_name = "https://lightsail.aws.amazon.com/";
        for partition in Partition::ALL.into_iter().skip(1) {
            assert!(Destination::parse(own_name, partition).is_err());
        }
    }

    #[test]
    fn services_and_regions_resolve_to_console_urls() {
        let region = Region::parse("eu-west-1").ok();
        let page = |text: &str, region: Option<&Region>| {
            Destination::resolve(text, region, Partition::Aws)
                .map(|page| page.map(|page| page.as_url().to_string()))
        };
        assert_eq!(page(" ", None), Ok(None));
        let sovereign = Destination::resolve(
            "s3",
            Region::parse("eusc-de-east-1").ok().as_ref(),
            Partition::EuropeanSovereign,
        );
        assert_eq!(
            sovereign.unwrap().unwrap().as_url().as_str(),
            "https://eusc-de-east-1.console.amazonaws-eusc.eu/s3/home?region=eusc-de-east-1"
        );
        assert_eq!(
            page("s3", region.as_ref()),
            Ok(Some(
                "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1".into()
            ))
        );
        assert_eq!(
            page("", region.as_ref()),
            Ok(Some(
                "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1".into()
            ))
        );
        assert_eq!(
            page("https://evil.example/", region.as_ref()),
            Err(InvalidDestination::NotConsole)
        );
        assert_eq!(page("S3 bucket", None), Err(InvalidDestination::NotConsole));
    }
}
