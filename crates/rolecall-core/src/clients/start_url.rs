//! The start URL of AWS's `[sso-session]` profiles, and the URL at AWS that new versions of the AWS CLI require.
//!
//! AWS CLI 2.35.13 and newer sign in only if the start URL is one of AWS, or redirects to one once. The CLI never
//! connects to the target, so any label works. A person without the endpoint settings, however, would use this URL with
//! the real AWS, and the owner of the label there could impersonate the gateway. Therefore nobody must be able to own
//! the label.

use url::Url;

use crate::aws::Partition;
use crate::base::secret::SecretDigest;
use crate::base::{text, text_newtype};

/// Characters of another start URL that a message repeats.
const SHOWN_CHARS_MAX: usize = 120;

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
    /// The default label of the installation at this URL. It begins with `d-`, which AWS does not allow in an alias,
    /// and it is not a directory ID, which has ten digits (Directory Service, `AliasName` and `DirectoryId`).
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

/// The client is configured for the start URL of another portal, such as the company's IAM Identity Center, and would
/// take the responses of Rolecall for those of that portal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The start URL {start_url:?} is not that of Rolecall at {own}. For AWS IAM Identity Center, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC, which redirect every profile to Rolecall; for Rolecall, set sso_start_url = {expected}."
)]
pub struct StartUrlMismatch {
    start_url: String,
    own: String,
    expected: String,
}

/// Both forms of the start URL, and earlier labels.
#[derive(Clone, Debug)]
pub struct StartUrls {
    public_url: Url,
    own: String,
    at_aws: String,
    hosts_at_aws: Vec<String>,
}

impl StartUrls {
    /// The start URLs of the installation at this URL, with the configured or the default label and the earlier labels.
    pub fn new(
        public_url: &Url,
        partition: Partition,
        chosen: Option<&StartLabel>,
        former: &[StartLabel],
    ) -> Self {
        let derived = StartLabel::of(public_url);
        let label = chosen.unwrap_or(&derived);
        let domain = match partition {
            Partition::Aws | Partition::GovCloud | Partition::EuropeanSovereign => "awsapps.com",
            Partition::China => "awsapps.cn",
        };
        let labels = [label, &derived].into_iter().chain(former);
        Self {
            public_url: public_url.clone(),
            own: format!("{}/start", public_url.as_str().trim_end_matches('/')),
            at_aws: format!("https://{label}.{domain}/start"),
            hosts_at_aws: labels.map(|label| format!("{label}.{domain}")).collect(),
        }
    }

    /// Checks the start URL of a client (`startUrl` and `issuerUrl` of sso-oidc), with or without the path `/start`, a
    /// trailing slash and a fragment, as AWS's clients send it.
    ///
    /// # Errors
    /// [`StartUrlMismatch`], with the required change.
    pub fn check(&self, start_url: &str) -> Result<(), StartUrlMismatch> {
        if Url::parse(start_url).is_ok_and(|url| self.is_ours(&url)) {
            return Ok(());
        }
        Err(StartUrlMismatch {
            start_url: text::one_line(start_url, SHOWN_CHARS_MAX),
            own: self.public_url.origin().ascii_serialization(),
            expected: self.for_profiles().to_owned(),
        })
    }

    fn is_ours(&self, url: &Url) -> bool {
        let at_aws = || {
            url.scheme() == "https"
                && url.port().is_none()
                && url.host_str().is_some_and(|host| {
                    self.hosts_at_aws.iter().any(|known| known.as_str() == host)
                })
        };
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let path = matches!(url.path().trim_end_matches('/'), "" | "/start");
        bare && path && (url.origin() == self.public_url.origin() || at_aws())
    }

    /// The URL to which the probe of the CLI is redirected. Nothing of Rolecall is there.
    pub fn at_aws(&self) -> &str {
        &self.at_aws
    }

    /// The start URL for profiles: that of the gateway, or that at AWS if the gateway uses plain http, which new
    /// versions of the CLI reject.
    pub fn for_profiles(&self) -> &str {
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
    fn default_label_is_stable_and_cannot_be_owned() {
        let label = StartLabel::of(&url("https://sso.example.com"));
        assert_eq!(label, StartLabel::of(&url("https://sso.example.com/")));
        assert_ne!(label, StartLabel::of(&url("https://sso.example.org/")));
        assert_eq!(StartLabel::parse(label.as_str()).as_ref(), Ok(&label));
        // Directory Service: an alias matches ^(?!D-|d-)…, a directory ID is d- and ten digits.
        assert!(label.as_str().starts_with("d-") && label.as_str().len() > 12);
    }

    #[test]
    fn profile_start_url_is_accepted_by_the_cli() {
        let label = StartLabel::parse("acme").unwrap();
        let urls = |url: &Url, partition| StartUrls::new(url, partition, Some(&label), &[]);
        let safe = urls(&url("https://sso.example.com:8443/"), Partition::Aws);
        assert_eq!(safe.for_profiles(), "https://sso.example.com:8443/start");
        assert_eq!(safe.at_aws(), "https://acme.awsapps.com/start");
        let plain = urls(&url("http://127.0.0.1:8400/"), Partition::China);
        assert_eq!(plain.for_profiles(), "https://acme.awsapps.cn/start");
    }

    #[test]
    fn all_spellings_of_the_start_url_are_accepted() {
        let former = StartLabel::parse("acme-old").unwrap();
        let chosen = StartLabel::parse("acme").unwrap();
        let own = url("https://sso.example.com");
        let urls = StartUrls::new(&own, Partition::Aws, Some(&chosen), &[former]);
        let derived = format!("https://{}.awsapps.com/start", StartLabel::of(&own));
        for ours in [
            "https://sso.example.com",
            "https://sso.example.com/",
            "https://sso.example.com/start",
            "https://sso.example.com/start/",
            "https://SSO.example.com:443/start/#/",
            "https://sso.example.com/start#",
            "https://acme.awsapps.com/start",
            "https://acme.awsapps.com/start/#/console",
            "https://acme.awsapps.com",
            "https://acme-old.awsapps.com/start/",
            &derived,
        ] {
            assert_eq!(urls.check(ours), Ok(()), "{ours}");
        }
        for foreign in [
            "",
            "start",
            "https://mycorp.awsapps.com/start",
            "https://d-1234567890.awsapps.com/start",
            "https://acme.awsapps.cn/start",
            "http://acme.awsapps.com/start",
            "https://acme.awsapps.com:8443/start",
            "https://acme.awsapps.com.evil.example/start",
            "https://evil.example/start#https://acme.awsapps.com/start",
            "https://acme.awsapps.com@evil.example/start",
            "https://sso.example.com@evil.example/start",
            "https://me@sso.example.com/start",
            "https://sso.example.com/start?x=https://acme.awsapps.com/start",
            "https://sso.example.com/other",
            "https://sso.example.com/start/start",
            "https://sso.example.com:8443/start",
            "http://sso.example.com/start",
            "https://identitycenter.amazonaws.com/ssoins-1111222233334444",
            "https://ssoins-1111.portal.eu-west-1.app.aws",
        ] {
            let error = urls.check(foreign).unwrap_err().to_string();
            assert!(error.contains("AWS_ENDPOINT_URL_SSO_OIDC"), "{error}");
            assert!(error.contains("https://sso.example.com/start"), "{error}");
        }
        let long = format!("https://{}.example/", "x".repeat(10_000));
        assert!(urls.check(&long).unwrap_err().to_string().len() < 600);
    }

    #[test]
    fn label_is_a_single_dns_label() {
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
