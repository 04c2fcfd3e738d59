//! The pools of connections to STS: straight, and through the proxy of `[egress]`. Both are made once.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rolecall_core::aws::{Partition, Region};
use rolecall_core::base::Source;
use url::Url;

use crate::egress::{Egress, Proxy};

/// The TLS library of every connection to AWS.
pub const RUSTLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// The way to each endpoint.
pub struct WaysOut {
    egress: Egress,
    straight: SharedHttpClient,
    through_proxy: SharedHttpClient,
}

impl WaysOut {
    /// The ways that `[egress]` allows.
    ///
    /// # Errors
    /// When an authority's certificate or the proxy's address cannot be used.
    pub fn new(egress: &Egress) -> Result<Self, Source> {
        let trusted = trusted(egress)?;
        let straight = client(&trusted, None);
        let through_proxy = match egress.proxy() {
            Some(proxy) => client(&trusted, Some(config(proxy)?)),
            None => straight.clone(),
        };
        Ok(Self {
            egress: egress.clone(),
            straight,
            through_proxy,
        })
    }

    /// One way, for every endpoint.
    pub fn straight(http: SharedHttpClient) -> Self {
        Self {
            egress: Egress::default(),
            through_proxy: http.clone(),
            straight: http,
        }
    }

    /// The way to STS in this Region, or to the endpoint that stands in for it.
    pub fn to(
        &self,
        region: &Region,
        partition: Partition,
        endpoint: Option<&Url>,
    ) -> SharedHttpClient {
        let own = || Url::parse(&format!("https://sts.{region}.{}", partition.dns_suffix())).ok();
        let through_proxy = endpoint
            .cloned()
            .or_else(own)
            .is_some_and(|url| self.egress.proxy_for(&url).is_some());
        match through_proxy {
            true => self.through_proxy.clone(),
            false => self.straight.clone(),
        }
    }
}

/// The system's authorities and those of `[egress] ca`.
fn trusted(egress: &Egress) -> Result<TlsContext, Source> {
    let mut store = TrustStore::empty().with_native_roots(true);
    for authorities in egress.authorities() {
        store.add_pem_certificate(authorities.pem());
    }
    Ok(TlsContext::builder().with_trust_store(store).build()?)
}

/// The SDK writes credentials into the proxy's address as they are, and takes an address that it cannot read for none: it
/// would go straight.
fn config(proxy: &Proxy) -> Result<ProxyConfig, Source> {
    let config = ProxyConfig::all(proxy.url.as_str())?;
    Ok(match &proxy.credentials {
        Some((username, password)) => {
            config.with_basic_auth(encoded(username), encoded(password.expose()))
        }
        None => config,
    })
}

/// With everything but unreserved characters as `%XX` (RFC 3986 2.1).
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
