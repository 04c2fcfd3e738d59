//! AWS behind the proxy of `[egress]`: STS and the console sign-in endpoint, by name.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::aws::{ConsoleSignIn as _, Destination, Partition, Region, Sts as _};
use rolecall_core::base::secret::SecretText;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::proxy::{Proxy, ProxySettings, TlsFront};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{SignInEndpoint, StsClient};
use rolecalld::egress::{self, CaCertificates, Egress, NoProxyRule};
use url::Url;

use super::fixture::{StsFixture, settings};

const STS: &str = "sts.eu-west-1.amazonaws.com";
const SIGN_IN: &str = "eu-west-1.signin.aws.amazon.com";

struct Behind {
    fixture: StsFixture,
    proxy: Proxy,
    front: TlsFront,
    ca_certificates: Vec<CaCertificates>,
}

impl Behind {
    fn new() -> Result<Self> {
        let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
        let authority = CertificateAuthority::generate()?;
        let front = TlsFront::start(&authority, &[STS, SIGN_IN], &fixture.aws.url())?;
        let hosts = [STS, SIGN_IN].map(|name| (name.to_owned(), front.address()));
        let proxy = Proxy::start(ProxySettings {
            credentials: Some(("gateway".to_owned(), "s:e c".to_owned())),
            hosts: HashMap::from(hosts),
        })?;
        let ca_certificates = vec![CaCertificates::parse(String::from_utf8(authority.pem()?)?)?];
        Ok(Self {
            fixture,
            proxy,
            front,
            ca_certificates,
        })
    }

    fn egress(&self, no_proxy: &[&str]) -> Result<Egress> {
        let proxy = egress::Proxy {
            url: Url::parse(&self.proxy.url())?,
            credentials: Some(("gateway".to_owned(), SecretText::new("s:e c"))),
        };
        let no_proxy = no_proxy.iter().map(|text| NoProxyRule::parse(text));
        Ok(Egress::new(
            Some(proxy),
            no_proxy.collect::<Result<_, _>>()?,
            self.ca_certificates.clone(),
        ))
    }
}

fn sts(egress: &Egress, endpoint: Option<Url>) -> Result<StsClient> {
    let mut settings = settings(None)?;
    settings.sts_fallback_regions.clear();
    settings.sts_endpoint = endpoint;
    StsClient::configured(settings, egress).map_err(anyhow::Error::from_boxed)
}

#[tokio::test]
async fn sts_and_sign_in_use_the_proxy() -> Result<()> {
    let behind = Behind::new()?;
    let egress = behind.egress(&[])?;
    let request = behind.fixture.request().await?;
    let issued = sts(&egress, None)?.assume(&request).await?;
    let endpoint =
        SignInEndpoint::new(&settings(None)?, &egress).map_err(anyhow::Error::from_boxed)?;
    let portal = Url::parse("https://sso.example.com/")?;
    let home = Destination::home(Partition::Aws);
    endpoint
        .link(&issued.credentials, None, &home, &portal)
        .await?;
    let asked = behind.proxy.requests();
    for name in [STS, SIGN_IN] {
        ensure!(asked.contains(&(format!("{name}:443"), 200)), "{asked:?}");
    }
    Ok(())
}

#[tokio::test]
async fn sts_is_called_in_the_domain_of_the_partition() -> Result<()> {
    for (partition, region, host) in [
        (
            Partition::China,
            "cn-north-1",
            "sts.cn-north-1.amazonaws.com.cn:443",
        ),
        (
            Partition::GovCloud,
            "us-gov-west-1",
            "sts.us-gov-west-1.amazonaws.com:443",
        ),
        (
            Partition::EuropeanSovereign,
            "eusc-de-east-1",
            "sts.eusc-de-east-1.amazonaws.eu:443",
        ),
    ] {
        let behind = Behind::new()?;
        let mut settings = settings(None)?;
        settings.partition = partition;
        settings.sts_region = Region::parse(region)?;
        settings.sts_fallback_regions.clear();
        let sts = StsClient::configured(settings, &behind.egress(&[])?);
        let sts = sts.map_err(anyhow::Error::from_boxed)?;
        let request = behind.fixture.request().await?;
        // The proxy knows no such host.
        ensure!(sts.assume(&request).await.is_err());
        let asked = behind.proxy.requests();
        ensure!(
            !asked.is_empty() && asked.iter().all(|(name, _)| name == host),
            "{asked:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn no_proxy_and_loopback_are_reached_directly() -> Result<()> {
    let behind = Behind::new()?;
    let request = behind.fixture.request().await?;
    let egress = behind.egress(&["*.amazonaws.com"])?;
    ensure!(sts(&egress, None)?.assume(&request).await.is_err());
    let egress = behind.egress(&[])?;
    let port = behind.front.address().port();
    for local in [
        behind.fixture.aws.url(),
        format!("https://localhost:{port}"),
    ] {
        let endpoint = Url::parse(&local)?;
        let request = behind.fixture.request().await?;
        sts(&egress, Some(endpoint))?
            .assume(&request)
            .await
            .context(local)?;
    }
    let asked = behind.proxy.requests();
    ensure!(asked.is_empty(), "{asked:?}");
    Ok(())
}
