//! The start URL of AWS's `[sso-session]` profiles: what it is called here, and what the newest AWS CLI is led to.
//!
//! AWS CLI 2.35.13 and newer sign in only where a start URL is AWS's own, or redirects there once. The CLI never asks
//! the address it is led to, so any label does; but somebody whose endpoint settings are missing would take that address
//! to the real AWS, and whoever owned it there could pose as this gateway. The label therefore has to be one that nobody
//! can own.

use url::Url;

use crate::aws::Partition;
use crate::identity::text_newtype;
use crate::secret::SecretDigest;

text_newtype!(
    /// The label below `awsapps.com`.
    StartLabel,
    InvalidStartLabel,
    "a label is 1 to 63 lower-case letters, digits and hyphens, with no hyphen at its ends",
    |text| (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
);

impl StartLabel {
    /// The label of the installation at this address. It begins with `d-`, which no alias of AWS's may, and what follows
    /// is no directory's id, which has ten digits (Directory Service, `AliasName` and `DirectoryId`).
    pub fn of(public_url: &Url) -> Self {
        let digest = SecretDigest::of("rolecall/start-label/v1", &[public_url.as_str().as_bytes()]);
        let hexadecimal: String = digest
            .as_bytes()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("d-rolecall-{hexadecimal}").into())
    }
}

/// The start URL by its two names.
#[derive(Clone, Debug)]
pub struct StartUrls {
    own: String,
    at_aws: String,
}

impl StartUrls {
    /// The start URLs of the installation at this address, with the label that was chosen or else its own.
    pub fn new(public_url: &Url, partition: Partition, chosen: Option<&StartLabel>) -> Self {
        let label = chosen
            .cloned()
            .unwrap_or_else(|| StartLabel::of(public_url));
        let domain = match partition {
            Partition::Aws | Partition::GovCloud => "awsapps.com",
            Partition::China => "awsapps.cn",
        };
        Self {
            own: format!("{}/start", public_url.as_str().trim_end_matches('/')),
            at_aws: format!("https://{label}.{domain}/start"),
        }
    }

    /// Where the CLI's probe is led; nothing of ours is there.
    pub fn at_aws(&self) -> &str {
        &self.at_aws
    }

    /// What stands in a profile: our own address, or AWS's where ours is plain http, which the newest CLI refuses.
    pub fn of_profiles(&self) -> &str {
        if self.own.starts_with("https:") {
            &self.own
        } else {
            &self.at_aws
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_label_is_stable_and_nobodys() {
        let label = StartLabel::of(&url("https://sso.example.com"));
        assert_eq!(label, StartLabel::of(&url("https://sso.example.com/")));
        assert_ne!(label, StartLabel::of(&url("https://sso.example.org/")));
        assert_eq!(StartLabel::parse(label.as_str()).as_ref(), Ok(&label));
        // Directory Service: an alias matches ^(?!D-|d-)…, a directory's id is d- and ten digits.
        assert!(label.as_str().starts_with("d-") && label.as_str().len() > 12);
    }

    #[test]
    fn a_profile_gets_what_its_cli_takes() {
        let label = StartLabel::parse("acme").unwrap();
        let urls = |url: &Url, partition| StartUrls::new(url, partition, Some(&label));
        let safe = urls(&url("https://sso.example.com:8443/"), Partition::Aws);
        assert_eq!(safe.of_profiles(), "https://sso.example.com:8443/start");
        assert_eq!(safe.at_aws(), "https://acme.awsapps.com/start");
        let plain = urls(&url("http://127.0.0.1:8400/"), Partition::China);
        assert_eq!(plain.of_profiles(), "https://acme.awsapps.cn/start");
    }

    #[test]
    fn a_label_is_one_dns_label() {
        for text in [
            "",
            "-a",
            "a-",
            "a.b",
            "A",
            "a_b",
            "é",
            &"a".repeat(64),
            "a/b",
            "a@b",
        ] {
            assert!(StartLabel::parse(text).is_err(), "{text}");
        }
    }
}
