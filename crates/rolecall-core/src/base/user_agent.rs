//! Product and version of a `User-Agent` header (RFC 9110 10.1.5).
//!
//! The client controls the header. Only a name and a version of a few harmless characters are kept.

use std::fmt;

use crate::base::limits;

/// Products in the headers of browsers, and the browser that each of them identifies. The order matters, because most
/// browsers send several.
const BROWSERS: [(&str, &str); 12] = [
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("OPR", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
];

/// Products that precede the actual one, such as those of the AWS Partner Network in the header of Terraform.
const PREFIXES: [&str; 2] = ["APN", "HashiCorp"];

/// The identified client. `Display` is `Chrome 131` for a browser, without the minor version, and `aws-cli/2.31.5` for
/// any other client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserAgent<'a> {
    family: &'a str,
    version: &'a str,
    is_browser: bool,
}

impl<'a> UserAgent<'a> {
    /// Parses the header; `None` if it contains no product with a version.
    pub fn parse(header: &'a str) -> Option<Self> {
        if !header.starts_with("Mozilla/") {
            return program(header);
        }
        BROWSERS.iter().find_map(|&(product, family)| {
            // Safari's version is in another product.
            let versioned = if family == "Safari" {
                "Version"
            } else {
                product
            };
            version_of(header, product)?;
            let version = major(version_of(header, versioned)?)?;
            Some(Self {
                family,
                version,
                is_browser: true,
            })
        })
    }

    /// The product without the version: `Firefox` or `aws-cli`.
    pub fn family(&self) -> &'a str {
        self.family
    }
}

impl fmt::Display for UserAgent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.is_browser { ' ' } else { '/' };
        write!(f, "{}{between}{}", self.family, self.version)
    }
}

/// The first product (RFC 9110 10.1.5: in decreasing order of significance).
fn program(header: &str) -> Option<UserAgent<'_>> {
    let mut products = header.split_ascii_whitespace();
    let first = products.find(|product| {
        let name = product.split('/').next();
        !name.is_some_and(|name| PREFIXES.contains(&name))
    });
    let (family, version) = first?.split_once('/')?;
    let is_name = |text: &str| {
        let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= limits::PRODUCT_BYTES_MAX
            && text.bytes().all(harmless)
    };
    let is_version = |text: &str| {
        let digits = text.strip_prefix('v').unwrap_or(text);
        let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
        digits.starts_with(|c: char| c.is_ascii_digit())
            && text.len() <= limits::PRODUCT_BYTES_MAX
            && text.bytes().all(harmless)
    };
    (is_name(family) && is_version(version)).then_some(UserAgent {
        family,
        version,
        is_browser: false,
    })
}

fn version_of<'a>(header: &'a str, product: &str) -> Option<&'a str> {
    let mut products = header.split_ascii_whitespace();
    products.find_map(|versioned| versioned.strip_prefix(product)?.strip_prefix('/'))
}

/// The digits before the first dot.
fn major(version: &str) -> Option<&str> {
    let major = version.split('.').next()?;
    let is_number = (1..=5).contains(&major.len()) && major.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(major)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> String {
        UserAgent::parse(header).map_or_else(|| "-".to_owned(), |agent| agent.to_string())
    }

    #[test]
    fn aws_clients_are_recognized() {
        for (header, versioned) in [
            (
                "aws-cli/2.31.5 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.13.7 cfg/retry-mode#standard",
                "aws-cli/2.31.5",
            ),
            (
                "Boto3/1.40.1 md/Botocore#1.40.1 ua/2.1 os/linux",
                "Boto3/1.40.1",
            ),
            (
                "aws-sdk-js/3.700.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#22.11.0",
                "aws-sdk-js/3.700.0",
            ),
            (
                "aws-sdk-go-v2/1.36.0 ua/2.1 os/linux lang/go#1.24.0",
                "aws-sdk-go-v2/1.36.0",
            ),
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.80.0",
                "Terraform/1.9.8",
            ),
            ("rclone/v1.68.2", "rclone/v1.68.2"),
            ("curl/8.5.0", "curl/8.5.0"),
        ] {
            assert_eq!(read(header), versioned, "{header}");
        }
    }

    #[test]
    fn browsers_are_recognized() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (header, versioned) in [
            (
                format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/131.0.0.0 Safari/537.36"),
                "Chrome 131",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0) {webkit} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.86"
                ),
                "Edge 131",
            ),
            (
                format!(
                    "Mozilla/5.0 (X11; Linux x86_64) {webkit} HeadlessChrome/130.0 Safari/537.36"
                ),
                "Chrome 130",
            ),
            (
                format!("Mozilla/5.0 (Macintosh) {webkit} Version/18.1 Safari/605.1.15"),
                "Safari 18",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0".to_owned(),
                "Firefox 132",
            ),
        ] {
            assert_eq!(read(&header), versioned, "{header}");
        }
    }

    #[test]
    fn only_product_and_version_are_kept() {
        let long = "a".repeat(limits::PRODUCT_BYTES_MAX + 1);
        for header in [
            "",
            " ",
            "Mozilla/5.0 (canary)",
            "Mozilla/5.0 Chrome/131evil",
            "Mozilla/5.0 Chrome/123456",
            "name",
            "name/",
            "name/version",
            "/1.0",
            "na\u{7}me/1.0",
            "name/1.0\u{202e}",
            "=cmd|x/1.0",
            "<b>/1",
            "APN/1.0",
            &format!("{long}/1.0"),
            &format!("name/1{long}"),
        ] {
            assert_eq!(read(header), "-", "{header:?}");
        }
        assert_eq!(read("name/1.0 secret@example.com"), "name/1.0");
    }
}
