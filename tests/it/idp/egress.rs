//! The way out of `[egress]`: a proxy that opens tunnels, a private authority, and what never goes through it.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};
use rolecall_core::base::secret::SecretText;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::oidc::variation::Variation;
use rolecall_testkit::proxy::{Proxy, ProxySettings, TlsFront};
use rolecalld::egress::{self, Authorities, Egress, Exception};
use rolecalld::idp::http::{HttpClient, HttpError};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Fixture, new_state, settings_for};

const NAME: &str = "idp.corp.example";
const ISSUER: &str = "https://idp.corp.example";
const CREDENTIALS: (&str, &str) = ("gateway", "open sesame");

/// A provider that is known by a name behind the proxy alone, under a private authority's certificate.
struct Corporate {
    fixture: Fixture,
    authority: CertificateAuthority,
    proxy: Proxy,
    _front: TlsFront,
}

impl Corporate {
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

    fn authorities(&self) -> Result<Vec<Authorities>> {
        let pem = String::from_utf8(self.authority.pem()?)?;
        Ok(vec![Authorities::parse(pem)?])
    }

    fn proxy(&self, password: &str) -> Result<egress::Proxy> {
        Ok(egress::Proxy {
            url: Url::parse(&self.proxy.url())?,
            credentials: Some((CREDENTIALS.0.to_owned(), SecretText::new(password))),
        })
    }

    fn egress(&self) -> Result<Egress> {
        let proxy = self.proxy(CREDENTIALS.1)?;
        Ok(Egress::new(Some(proxy), Vec::new(), self.authorities()?))
    }
}

async fn get(egress: &Egress, url: &str) -> Result<Result<Vec<u8>, HttpError>> {
    Ok(HttpClient::new(egress)?.get_json(&Url::parse(url)?).await)
}

#[tokio::test]
async fn a_sign_in_goes_through_the_proxy_and_trusts_the_private_authority() -> Result<()> {
    use rolecall_core::sign_in::{AuthnRequirements, IdentityProvider as _};
    use rolecall_harness::TestClock;
    use rolecalld::idp::oidc::OidcProvider;
    use rolecalld::world::SystemEntropy;
    use std::sync::Arc;
    let mut corporate = Corporate::new()?;
    let adapter = OidcProvider::new(
        settings_for(ISSUER)?,
        HttpClient::new(&corporate.egress()?)?,
        Arc::new(TestClock::from(&corporate.fixture.clock)),
        Arc::new(SystemEntropy),
    );
    let state = new_state();
    let (challenge, correlation) = adapter.begin(&state, &AuthnRequirements::default()).await?;
    let url = super::redirect(challenge)?.to_string();
    // The person's browser knows the provider by another way.
    let url = url.replace(ISSUER, &corporate.fixture.upstream.url());
    corporate.fixture.browser.open(&url).await?;
    let page = corporate
        .fixture
        .browser
        .sign_in_at_provider("alice")
        .await?;
    let Some(callback) = super::callback(page.url(), &state) else {
        bail!("no code came back: {}", page.url());
    };
    let alice = adapter.complete(correlation, callback).await?.identity;
    ensure!(alice.groups == ["platform", "payments-dev"]);
    let asked = corporate.proxy.requests();
    ensure!(
        !asked.is_empty() && asked.iter().all(|one| *one == (format!("{NAME}:443"), 200)),
        "{asked:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_excepted_or_local_does_not_go_through_it() -> Result<()> {
    let corporate = Corporate::new()?;
    let proxy = corporate.proxy(CREDENTIALS.1)?;
    let excepted = vec![
        Exception::parse("*.corp.example")?,
        Exception::parse("192.0.2.0/24")?,
    ];
    let egress = Egress::new(Some(proxy), excepted, corporate.authorities()?);
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
    let local = format!("{}{discovery}", corporate.fixture.upstream.url());
    ensure!(get(&egress, &local).await?.is_ok(), "loopback is direct");
    let secure = format!(
        "https://localhost:{}{discovery}",
        corporate._front.address().port()
    );
    ensure!(
        get(&egress, &secure).await?.is_ok(),
        "under the private authority"
    );
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
    let asked = corporate.proxy.requests();
    ensure!(asked.is_empty(), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn what_fails_on_the_way_out_names_the_setting() -> Result<()> {
    let corporate = Corporate::new()?;
    let url = format!("{ISSUER}/jwks");
    let told = |answer: Result<Vec<u8>, HttpError>| match answer {
        Ok(_) => bail!("it was answered"),
        Err(error) => anyhow::Ok(error.to_string()),
    };
    let proxy = corporate.proxy(CREDENTIALS.1)?;
    let stranger = Egress::new(Some(proxy), Vec::new(), Vec::new());
    let said = told(get(&stranger, &url).await?)?;
    ensure!(
        said.contains("UnknownIssuer") && said.contains("[egress] ca"),
        "{said}"
    );

    let proxy = corporate.proxy("wrong")?;
    let refused = Egress::new(Some(proxy), Vec::new(), corporate.authorities()?);
    let said = told(get(&refused, &url).await?)?;
    ensure!(
        said.contains("[egress] proxy") && !said.contains("wrong"),
        "{said}"
    );

    let said = told(get(&corporate.egress()?, "https://elsewhere.example/").await?)?;
    ensure!(said.contains("[egress]"), "{said}");
    Ok(())
}
