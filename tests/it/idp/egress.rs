//! `[egress]`: connections through a proxy, a private CA, and hosts that bypass the proxy.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};
use rolecall_core::base::secret::SecretText;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::oidc::variation::Variation;
use rolecall_testkit::proxy::{Proxy, ProxySettings, TlsFront};
use rolecalld::egress::{self, CaCertificates, Egress, NoProxyRule};
use rolecalld::idp::http::{HttpClient, HttpError};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Fixture, new_state, settings_for};

const NAME: &str = "idp.corp.example";
const ISSUER: &str = "https://idp.corp.example";
const CREDENTIALS: (&str, &str) = ("gateway", "open sesame");

/// A provider whose name is only known to the proxy, with a certificate of a private CA.
struct PrivateIdp {
    fixture: Fixture,
    authority: CertificateAuthority,
    proxy: Proxy,
    _front: TlsFront,
}

impl PrivateIdp {
    fn new() -> Result<Self> {
        let fixture = Fixture::new()?;
        let authority = CertificateAuthority::generate()?;
        let front = TlsFront::start(&authority, &[NAME], &fixture.upstream.url())?;
        let proxy = Proxy::start(ProxySettings {
            credentials: Some((CREDENTIALS.0.to_owned(), CREDENTIALS.1.to_owned())),
            hosts: HashMap::from([(NAME.to_owned(), front.address())]),
        })?;
        let endpoints = [
            ("issuer", ""),
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("jwks_uri", "/jwks"),
            ("userinfo_endpoint", "/userinfo"),
            ("end_session_endpoint", "/end_session"),
        ];
        let discovery =
            endpoints.map(|(name, path)| (name.to_owned(), json!(format!("{ISSUER}{path}"))));
        let issuer: Map<String, Value> = Map::from_iter([("iss".to_owned(), json!(ISSUER))]);
        fixture.upstream.set_variation(Variation {
            discovery: Map::from_iter(discovery),
            claims: issuer.clone(),
            callback: issuer,
            ..Variation::default()
        });
        Ok(Self {
            fixture,
            authority,
            proxy,
            _front: front,
        })
    }

    fn ca_certificates(&self) -> Result<Vec<CaCertificates>> {
        let pem = String::from_utf8(self.authority.pem()?)?;
        Ok(vec![CaCertificates::parse(pem)?])
    }

    fn proxy(&self, password: &str) -> Result<egress::Proxy> {
        Ok(egress::Proxy {
            url: Url::parse(&self.proxy.url())?,
            credentials: Some((CREDENTIALS.0.to_owned(), SecretText::new(password))),
        })
    }

    fn egress(&self) -> Result<Egress> {
        let proxy = self.proxy(CREDENTIALS.1)?;
        Ok(Egress::new(
            Some(proxy),
            Vec::new(),
            self.ca_certificates()?,
        ))
    }
}

async fn get(egress: &Egress, url: &str) -> Result<Result<Vec<u8>, HttpError>> {
    Ok(HttpClient::new(egress)?.get_json(&Url::parse(url)?).await)
}

#[tokio::test]
async fn sign_in_uses_the_proxy_and_the_private_ca() -> Result<()> {
    use rolecall_core::sign_in::{AuthnRequirements, IdentityProvider as _};
    use rolecall_harness::TestClock;
    use rolecalld::idp::oidc::OidcProvider;
    use rolecalld::world::SystemEntropy;
    use std::sync::Arc;
    let mut private_idp = PrivateIdp::new()?;
    let adapter = OidcProvider::new(
        settings_for(ISSUER)?,
        HttpClient::new(&private_idp.egress()?)?,
        Arc::new(TestClock::from(&private_idp.fixture.clock)),
        Arc::new(SystemEntropy),
    );
    let state = new_state();
    let (challenge, correlation) = adapter.begin(&state, &AuthnRequirements::default()).await?;
    let url = super::redirect(challenge)?.to_string();
    // The browser reaches the provider directly.
    let url = url.replace(ISSUER, &private_idp.fixture.upstream.url());
    private_idp.fixture.browser.open(&url).await?;
    let page = private_idp
        .fixture
        .browser
        .sign_in_at_provider("alice")
        .await?;
    let Some(callback) = super::callback(page.url(), &state) else {
        bail!("the callback has no code: {}", page.url());
    };
    let alice = adapter.complete(correlation, callback).await?.identity;
    ensure!(alice.groups == ["platform", "payments-dev"]);
    let asked = private_idp.proxy.requests();
    ensure!(
        !asked.is_empty() && asked.iter().all(|one| *one == (format!("{NAME}:443"), 200)),
        "{asked:?}"
    );
    Ok(())
}

#[tokio::test]
async fn no_proxy_and_loopback_bypass_the_proxy() -> Result<()> {
    let private_idp = PrivateIdp::new()?;
    let proxy = private_idp.proxy(CREDENTIALS.1)?;
    let no_proxy = vec![
        NoProxyRule::parse("*.corp.example")?,
        NoProxyRule::parse("192.0.2.0/24")?,
    ];
    let egress = Egress::new(Some(proxy), no_proxy, private_idp.ca_certificates()?);
    let discovery = "/.well-known/openid-configuration";
    for url in [
        format!("{ISSUER}{discovery}"),
        "https://192.0.2.1/".to_owned(),
    ] {
        let answer = get(&egress, &url).await?;
        ensure!(
            matches!(
                answer,
                Err(HttpError::Connect { .. } | HttpError::Timeout(_))
            ),
            "{url}: {answer:?}"
        );
    }
    let local = format!("{}{discovery}", private_idp.fixture.upstream.url());
    ensure!(
        get(&egress, &local).await?.is_ok(),
        "loopback must bypass the proxy"
    );
    let secure = format!(
        "https://localhost:{}{discovery}",
        private_idp._front.address().port()
    );
    ensure!(get(&egress, &secure).await?.is_ok(), "with the private CA");
    for metadata in [
        "https://169.254.169.254/latest",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
    ] {
        let answer = get(&egress, metadata).await?;
        ensure!(
            matches!(answer, Err(HttpError::Refused(_))),
            "{metadata}: {answer:?}"
        );
    }
    let asked = private_idp.proxy.requests();
    ensure!(asked.is_empty(), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn egress_errors_name_the_setting() -> Result<()> {
    let private_idp = PrivateIdp::new()?;
    let url = format!("{ISSUER}/jwks");
    let error_text = |answer: Result<Vec<u8>, HttpError>| match answer {
        Ok(_) => bail!("the request succeeded"),
        Err(error) => anyhow::Ok(error.to_string()),
    };
    let proxy = private_idp.proxy(CREDENTIALS.1)?;
    let stranger = Egress::new(Some(proxy), Vec::new(), Vec::new());
    let message = error_text(get(&stranger, &url).await?)?;
    ensure!(
        message.contains("UnknownIssuer") && message.contains("[egress] ca"),
        "{message}"
    );

    let proxy = private_idp.proxy("wrong")?;
    let refused = Egress::new(Some(proxy), Vec::new(), private_idp.ca_certificates()?);
    let message = error_text(get(&refused, &url).await?)?;
    ensure!(
        message.contains("[egress] proxy") && !message.contains("wrong"),
        "{message}"
    );

    let message = error_text(get(&private_idp.egress()?, "https://elsewhere.example/").await?)?;
    ensure!(message.contains("[egress]"), "{message}");
    Ok(())
}
