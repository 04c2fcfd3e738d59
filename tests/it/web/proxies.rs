//! nginx, Caddy and HAProxy in front of the gateway, with the examples of docs/operations.md.

mod front;
mod online;

use std::net::Ipv4Addr;

use reqwest::header::HeaderMap;
use rolecall_harness::SamlStackSettings;
use rolecall_harness::sample_data::access_policy_for_both_providers;
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_wire::http::ERROR_TYPE;
use rolecall_wire::sso::BEARER_TOKEN;

use super::*;
use front::{Front, Kind, replaced};

/// The address of the test client, which differs from the address of the proxy.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
const FORGED: &str = "10.1.2.3";
/// The maximum size of a SAML form: a message of 512 KiB in Base64, partly percent-encoded.
const FORM_BYTES: usize = 512 * 1024 / 8 * 9 + 8 * 1024;
/// The maximum size of a URL and of the cookies.
const HEADER_BYTES: usize = 8 * 1024;
/// The maximum size of a URL that is kept during a sign-in.
const RETURN_TO_BYTES: u32 = 5_600;
const CREDENTIALS: &str = "/federation/credentials?account_id=111122223333&role_name=Administrator";

/// A gateway behind a proxy.
struct Proxied {
    fixture: Fixture,
    front: Front,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test client without the limits of the gateway"
)]
fn client(authority: &[u8]) -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(std::net::IpAddr::from(CLIENT))
        .add_root_certificate(reqwest::Certificate::from_pem(authority)?)
        .build()?)
}

impl Proxied {
    /// Behind a proxy with the example of the document.
    async fn behind(kind: Kind) -> Result<Self> {
        Self::trusting("127.0.0.1/32", kind, Ok).await
    }

    /// Behind a proxy with a changed example, at a gateway that trusts this network.
    async fn trusting(
        network: &str,
        kind: Kind,
        change: impl FnOnce(String) -> Result<String>,
    ) -> Result<Self> {
        let authority = CertificateAuthority::generate()?;
        let front = Front::prepare(kind, &authority)?;
        let authority = authority.pem()?;
        let mut fixture = Fixture::with(|settings| {
            settings.public_url = Some(front.url());
            settings.proxy_authority = Some(authority.clone());
            settings.trusted_proxies = vec![network.to_owned()];
            settings.more = format!("[egress]\nca = [{:?}]\n", front.authority_file());
            settings.saml = Some(SamlStackSettings::default());
            settings.access = access_policy_for_both_providers();
        })
        .await?;
        fixture.client = client(&authority)?;
        let front = front.start(fixture.stack.gateway.address, change)?;
        Ok(Self { fixture, front })
    }

    fn browser(&self) -> Result<Browser> {
        self.fixture.stack.browser()
    }

    /// A browser with a user who signed in at this provider. It shows the portal.
    async fn signed_in(&self, provider: &str) -> Result<Browser> {
        let mut browser = self.browser()?;
        let start = self.fixture.at(&format!("/sign-in/{provider}"));
        browser.open(&start).await?;
        let page = browser.sign_in_at_provider("alice").await?;
        let (url, text) = (page.url(), page.text());
        ensure!(
            url.as_str() == self.fixture.at("/") && text.contains("payments-prod"),
            "{provider}: {url}: {text}"
        );
        Ok(browser)
    }

    async fn token(&self) -> Result<String> {
        let mut browser = self.signed_in("example").await?;
        let tokens = self.fixture.allow_client(&mut browser).await?;
        Ok(tokens.access_token.expose().to_owned())
    }

    /// GetRoleCredentials, from a client that sends a forged address. Returns the client address of the audit event.
    async fn credentials(&self, token: &str, forged: &[(&str, &str)]) -> Result<Value> {
        let mut request = self.fixture.get(CREDENTIALS).header(BEARER_TOKEN, token);
        for (name, value) in forged {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(
            status == 200 && text.contains("secretAccessKey"),
            "{status} {text}"
        );
        let mut events = self.fixture.events("issue_intended").await?;
        let mut newest = events.pop().context("nothing was issued")?;
        Ok(newest["address"].take())
    }

    /// The same request through the proxy and without it.
    async fn both(
        &self,
        make: impl Fn(&reqwest::Client, String) -> RequestBuilder,
        path: &str,
    ) -> Result<[(u16, HeaderMap); 2]> {
        let gateway = format!("http://{}{path}", self.fixture.stack.gateway.address);
        let public = Url::parse(self.fixture.stack.url())?;
        let host = format!("localhost:{}", public.port().context("no port")?);
        let client = &self.fixture.client;
        let through = make(client, self.fixture.at(path)).send().await?;
        let direct = make(client, gateway).header("host", host).send().await?;
        Ok([through, direct].map(|answer| (answer.status().as_u16(), answer.headers().clone())))
    }
}

/// All requirements of the table *Proxies* in the document.
async fn works_behind(kind: Kind) -> Result<()> {
    if !kind.is_here() {
        return Ok(());
    }
    let proxied = Proxied::behind(kind).await?;
    // A wrong `Host` would give a 421; the cookies are those of HTTPS.
    let browser = proxied.signed_in("example").await?;
    ensure!(browser.cookie("__Host-rc_s").is_some());
    proxied.signed_in("corporate").await?;

    let token = proxied.token().await?;
    let standard = format!("for={FORGED}");
    let listed = format!("{FORGED}, {CLIENT}, 127.0.0.1");
    for forged in [
        &[][..],
        &[("x-forwarded-for", FORGED)],
        &[("x-forwarded-for", &listed)],
        &[("x-forwarded-for", FORGED), ("forwarded", &standard)],
        &[("x_forwarded_for", FORGED), ("x-real-ip", FORGED)],
    ] {
        let address = proxied.credentials(&token, forged).await?;
        ensure!(address == CLIENT.to_string(), "{forged:?}: {address}");
    }

    let form = format!("SAMLResponse={}", "A".repeat(FORM_BYTES - 13));
    let send = |client: &reqwest::Client, url: String| {
        let request = client.post(url).body(form.clone());
        request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    };
    let [through, direct] = proxied.both(send, "/sign-in/corporate/acs").await?;
    let read_by_gateway = through.1.contains_key("x-request-id");
    ensure!(
        through.0 == direct.0 && read_by_gateway && through.0 != 413,
        "a form: {through:?} {direct:?}"
    );

    let cookie = format!("a={}", "b".repeat(HEADER_BYTES - 2));
    let look = |client: &reqwest::Client, url: String| client.get(url).header(COOKIE, &cookie);
    let long = format!("/sign-in?q={}", "c".repeat(HEADER_BYTES - 256));
    let [through, direct] = proxied.both(look, &long).await?;
    ensure!(
        through.0 == 200 && direct.0 == 200,
        "a long address: {through:?} {direct:?}"
    );
    // The URL is repeated in `Location`. It must not be compressible.
    let kept = (0..RETURN_TO_BYTES / 16).map(|number: u32| {
        let digest = openssl::sha::sha256(&number.to_be_bytes());
        digest[..8]
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    });
    let kept = format!("/console?q={}", kept.collect::<String>());
    let [through, direct] = proxied.both(look, &kept).await?;
    let location = through.1.get(LOCATION);
    ensure!(
        location.is_some() && location == direct.1.get(LOCATION),
        "a long redirect: {through:?} {direct:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_example_works() -> Result<()> {
    works_behind(Kind::Nginx).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_example_works() -> Result<()> {
    works_behind(Kind::Caddy).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_example_works() -> Result<()> {
    works_behind(Kind::Haproxy).await
}

/// A common configuration error: `aws sso login` succeeds, and every later request fails.
async fn says_what_is_missing_behind(kind: Kind, line: &str) -> Result<()> {
    if !kind.is_here() {
        return Ok(());
    }
    let without = |block: String| replaced(&block, line, "");
    let proxied = Proxied::trusting("127.0.0.1/32", kind, without).await?;
    let token = proxied.token().await?;
    let request = proxied
        .fixture
        .get(CREDENTIALS)
        .header(BEARER_TOKEN, &token);
    let answer = request.send().await?;
    let kind = answer.headers().get(ERROR_TYPE).cloned();
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(
        status == 401
            && kind.is_some_and(|kind| kind == "InvalidRequestException")
            && text.contains("The header x-amz-sso_bearer_token is missing")
            && text.contains("underscores_in_headers on;"),
        "{status} {text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_dropping_underscore_headers_is_reported() -> Result<()> {
    says_what_is_missing_behind(Kind::Nginx, "underscores_in_headers on;").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_without_expected_header_is_reported() -> Result<()> {
    let line = "expected_underscore_headers x-amz-sso_bearer_token";
    says_what_is_missing_behind(Kind::Caddy, line).await
}
