//! The connection pools to STS: direct, and through the proxy of `[egress]`. Each is built once.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rolecall_core::aws::{Partition, Region};
use rolecall_core::base::BoxError;
use url::Url;

use crate::egress::{Egress, Proxy};

/// TLS library of all connections to AWS.
pub const RUSTLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// Selects the connection pool for an endpoint.
pub struct HttpClients {
    egress: Egress,
    direct: SharedHttpClient,
    through_proxy: SharedHttpClient,
}

impl HttpClients {
    /// The connection pools according to `[egress]`.
    ///
    /// # Errors
    /// If a CA certificate or the URL of the proxy is invalid.
    pub fn new(egress: &Egress) -> Result<Self, BoxError> {
        let trusted = trusted(egress)?;
        let direct = client(&trusted, None);
        let through_proxy = match egress.proxy() {
            Some(proxy) => client(&trusted, Some(config(proxy)?)),
            None => direct.clone(),
        };
        Ok(Self {
            egress: egress.clone(),
            direct,
            through_proxy,
        })
    }

    /// A client that selects the connection pool by the URL of each request, for services other than STS.
    pub fn by_url(self) -> SharedHttpClient {
        SharedHttpClient::new(ByUrl {
            egress: self.egress,
            direct: self.direct,
            through_proxy: self.through_proxy,
        })
    }

    /// One connection pool for all endpoints, without a proxy.
    pub fn direct(http: SharedHttpClient) -> Self {
        Self {
            egress: Egress::default(),
            through_proxy: http.clone(),
            direct: http,
        }
    }

    /// The connection pool for STS in this Region, or for the endpoint that replaces it.
    pub fn for_region(
        &self,
        region: &Region,
        partition: Partition,
        endpoint: Option<&Url>,
    ) -> SharedHttpClient {
        match is_proxied(&self.egress, sts_url(region, partition, endpoint).as_ref()) {
            true => self.through_proxy.clone(),
            false => self.direct.clone(),
        }
    }
}

/// URL of the endpoint, or of STS in this Region if there is none.
fn sts_url(region: &Region, partition: Partition, endpoint: Option<&Url>) -> Option<Url> {
    let own = || Url::parse(&format!("https://sts.{region}.{}", partition.dns_suffix())).ok();
    endpoint.cloned().or_else(own)
}

/// Whether this URL is reached through the proxy.
fn is_proxied(egress: &Egress, url: Option<&Url>) -> bool {
    url.is_some_and(|url| egress.proxy_for(url).is_some())
}

/// Selects the connection pool by the URL of each request.
#[derive(Clone, Debug)]
struct ByUrl<C> {
    egress: Egress,
    direct: C,
    through_proxy: C,
}

impl HttpClient for ByUrl<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ByUrl {
            egress: self.egress.clone(),
            direct: self.direct.http_connector(settings, components),
            through_proxy: self.through_proxy.http_connector(settings, components),
        })
    }
}

impl HttpConnector for ByUrl<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match is_proxied(&self.egress, Url::parse(request.uri()).ok().as_ref()) {
            true => self.through_proxy.call(request),
            false => self.direct.call(request),
        }
    }
}

/// A pool of connections that use no proxy: for the gateway's own credentials, which may come from link-local addresses.
///
/// # Errors
/// If a CA certificate is invalid.
pub fn without_proxy(egress: &Egress) -> Result<SharedHttpClient, BoxError> {
    Ok(client(&trusted(egress)?, None))
}

/// The CA certificates of the system and of `[egress] ca`.
fn trusted(egress: &Egress) -> Result<TlsContext, BoxError> {
    let mut store = TrustStore::empty().with_native_roots(true);
    for bundle in egress.ca_certificates() {
        store.add_pem_certificate(bundle.pem());
    }
    Ok(TlsContext::builder().with_trust_store(store).build()?)
}

/// The SDK inserts credentials into the proxy URL without encoding, and ignores a URL that it cannot parse: it would
/// connect directly.
fn config(proxy: &Proxy) -> Result<ProxyConfig, BoxError> {
    let config = ProxyConfig::all(proxy.url.as_str())?;
    Ok(match &proxy.credentials {
        Some((username, password)) => {
            config.with_basic_auth(encoded(username), encoded(password.expose()))
        }
        None => config,
    })
}

/// Percent-encodes everything but unreserved characters (RFC 3986 2.1).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn client(trusted: &TlsContext, proxy: Option<ProxyConfig>) -> SharedHttpClient {
    let Some(proxy) = proxy else {
        let builder = Builder::new().tls_provider(RUSTLS);
        return builder.tls_context(trusted.clone()).build_https();
    };
    let trusted = trusted.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector
            .set_connector_settings(settings.cloned())
            .set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl))
            .set_proxy_config(Some(proxy.clone()));
        connector
            .tls_provider(RUSTLS)
            .tls_context(trusted.clone())
            .build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::NoProxyRule;

    #[test]
    fn no_proxy_names_sts_of_each_partition() {
        let hosts = [
            (Partition::Aws, "us-east-1", "sts.us-east-1.amazonaws.com"),
            (
                Partition::China,
                "cn-north-1",
                "sts.cn-north-1.amazonaws.com.cn",
            ),
            (
                Partition::GovCloud,
                "us-gov-west-1",
                "sts.us-gov-west-1.amazonaws.com",
            ),
            (
                Partition::EuropeanSovereign,
                "eusc-de-east-1",
                "sts.eusc-de-east-1.amazonaws.eu",
            ),
        ];
        for (_, _, excluded) in hosts {
            let proxy = Proxy {
                url: Url::parse("http://proxy.example.com:3128").unwrap(),
                credentials: None,
            };
            let rule = NoProxyRule::parse(excluded).unwrap();
            let egress = Egress::new(Some(proxy), vec![rule], Vec::new());
            for (partition, region, host) in hosts {
                let region = Region::parse(region).unwrap();
                let url = sts_url(&region, partition, None);
                let proxied = is_proxied(&egress, url.as_ref());
                assert_eq!(proxied, host != excluded, "{host} {excluded}");
            }
        }
    }
}
