//! Signing in with SAML at a provider on another site: by Redirect and POST, with and without JavaScript.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::OnceLock;
use std::time::Duration;

use rolecall_testkit::browser::{BrowserSettings, Visit};
use rolecall_testkit::saml::encryption::{Content, Encryption};
use rolecall_testkit::saml::{SamlProvider, SamlSettings, ServiceProvider, SignedElements};
use rolecalld::idp::saml::OwnKey;
use rolecalld::world::{SystemClock, SystemEntropy};
use tempfile::TempDir;

use super::*;

/// A key and certificate of the gateway in a file. They are shared, because generating them is slow.
pub(super) fn key_file() -> Result<String> {
    static FILE: OnceLock<(TempDir, String)> = OnceLock::new();
    if let Some((_, path)) = FILE.get() {
        return Ok(path.clone());
    }
    let folder = TempDir::new()?;
    let path = folder.path().join("saml.pem");
    let now = rolecall_core::base::Clock::now(&SystemClock);
    let pem = OwnKey::generate("sso.example", now, &SystemEntropy)?;
    let mut file = fs::OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600);
    std::io::Write::write_all(&mut file.open(&path)?, pem.expose().as_bytes())?;
    let shown = path.display().to_string();
    Ok(FILE.get_or_init(|| (folder, shown)).1.clone())
}

/// A stack with the SAML provider `adfs` on another site: the gateway is at 127.0.0.1, the provider at localhost.
pub(super) struct SamlFixture {
    pub(super) fixture: Fixture,
    pub(super) upstream: SamlProvider,
}

impl std::ops::Deref for SamlFixture {
    type Target = Fixture;
    fn deref(&self) -> &Fixture {
        &self.fixture
    }
}

impl SamlFixture {
    pub(super) async fn new() -> Result<Self> {
        Self::with("", |_| ()).await
    }

    /// With additional keys of `saml = { … }`, and another provider.
    pub(super) async fn with(keys: &str, change: impl FnOnce(&mut SamlSettings)) -> Result<Self> {
        Self::under(rolecall_harness::sample_data::ACCESS_POLICY, keys, change).await
    }

    /// With another access policy. `UPSTREAM` in the keys stands for the URL of the provider.
    pub(super) async fn under(
        access: &str,
        keys: &str,
        change: impl FnOnce(&mut SamlSettings),
    ) -> Result<Self> {
        let clock = ManualClock::starting_now();
        let mut settings = SamlSettings {
            host: "localhost".to_owned(),
            clock: clock.clock(),
            ..SamlSettings::default()
        };
        change(&mut settings);
        let upstream = SamlProvider::start(settings)?;
        let more = format!(
            "[[provider]]\nid = \"adfs\"\ntitle = \"Corporate\"\ndomains = [\"example.com\"]\n\
             [provider.saml]\nmetadata = {{ url = \"{}\" }}\nsigning_keys = [{{ file = \"{}\" }}]\n{}\n",
            upstream.entity_id(),
            key_file()?,
            keys.replace("UPSTREAM", &upstream.url()),
        );
        let mut fixture = Fixture::with(|settings| {
            settings.clock = clock.clock();
            settings.store = "sqlite:store.db".to_owned();
            settings.access = access.to_owned();
            settings.more = more;
        })
        .await?;
        fixture.clock = clock;
        let metadata = fixture.get("/sign-in/adfs/metadata").send().await?;
        ensure!(metadata.headers()[CONTENT_TYPE] == "application/samlmetadata+xml");
        upstream.register(ServiceProvider::from_metadata(&metadata.text().await?)?);
        Ok(Self { fixture, upstream })
    }

    pub(super) fn entity_id(&self) -> String {
        self.at("/sign-in/adfs/metadata")
    }

    /// A browser in which this user signed in with SAML. It shows My sessions.
    pub(super) async fn by_saml(&self, username: &str) -> Result<Browser> {
        let mut browser = self.browser()?;
        self.sign_in(&mut browser, username).await?;
        Ok(browser)
    }

    async fn sign_in(&self, browser: &mut Browser, username: &str) -> Result<()> {
        let start = self.at("/sign-in/adfs?return_to=/sessions");
        let mut page = browser.open(&start).await?;
        if page.text().contains("Redirecting to Corporate") {
            page = browser.press("Continue", &[]).await?;
        }
        ensure!(
            page.url().as_str().starts_with(&self.upstream.url()),
            "{}: {}",
            page.url(),
            page.text()
        );
        let page = browser.sign_in_at_provider(username).await?;
        ensure!(
            page.url().as_str() == self.at("/sessions"),
            "{}: {}",
            page.url(),
            page.text()
        );
        Ok(())
    }

    /// A browser without JavaScript.
    pub(super) fn plain_browser(&self) -> Result<Browser> {
        Browser::with(BrowserSettings {
            scripts: false,
            ..self.stack.browser_settings()
        })
    }

    /// Starts a sign-in and authenticates at the provider: the fields of the response, which is not delivered.
    pub(super) async fn undelivered(&self, browser: &mut Browser) -> Result<Vec<(String, String)>> {
        browser.open(&self.at("/sign-in/adfs")).await?;
        let page = browser.sign_in_at_provider("alice").await?;
        fields(&page)
    }

    /// The fields of an unsolicited response, which is not delivered.
    pub(super) async fn unsolicited(
        &self,
        relay_state: Option<&str>,
    ) -> Result<Vec<(String, String)>> {
        let mut browser = self.plain_browser()?;
        let url = self
            .upstream
            .idp_initiated_url(&self.entity_id(), relay_state);
        browser.open(&url).await?;
        fields(&browser.sign_in_at_provider("alice").await?)
    }

    /// The reasons of rejected sign-ins, oldest first.
    pub(super) async fn refusals(&self) -> Result<Vec<String>> {
        self.refused("sign_in").await
    }
}

/// The fields of the form on an auto-post page.
pub(super) fn fields(page: &Page) -> Result<Vec<(String, String)>> {
    let names = page.attributes("form input[type=hidden]", "name")?;
    let values = page.attributes("form input[type=hidden]", "value")?;
    let fields: Vec<_> = names.into_iter().zip(values).collect();
    ensure!(
        fields.iter().any(|(name, _)| name == "SAMLResponse"),
        "{}",
        page.text()
    );
    Ok(fields)
}

pub(super) fn as_str_pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn visit<'a>(browser: &'a Browser, path: &str) -> Result<&'a Visit> {
    let mut visits = browser.visits().iter();
    visits
        .find(|visit| visit.url.path() == path)
        .with_context(|| format!("{path} was never visited"))
}

#[tokio::test]
async fn sign_in_works_across_sites() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let browser = fixture.by_saml("alice").await?;

    let posted = visit(&browser, "/sign-in/adfs/acs")?;
    ensure!(posted.sent["sec-fetch-site"] == "cross-site");
    ensure!(
        posted.sent.get(COOKIE).is_none() && posted.received.get(SET_COOKIE).is_none(),
        "{:?} {:?}",
        posted.sent.get(COOKIE),
        posted.received.get(SET_COOKIE)
    );
    let fetched = visit(&browser, "/sign-in/adfs/continue")?;
    ensure!(fetched.sent[COOKIE].to_str()?.contains(BROWSER));

    let events = fixture.events("signed_in").await?;
    ensure!(
        events.len() == 1 && events[0].get("unsolicited").is_none(),
        "{events:?}"
    );
    ensure!(
        events[0]["actor"]["email"] == "alice@example.com",
        "{events:?}"
    );
    let page = browser.page()?;
    ensure!(page.text().contains("Corporate"), "{}", page.text());
    Ok(())
}

#[tokio::test]
async fn every_signature_and_binding_variant_signs_in() -> Result<()> {
    for (signed, keys) in [
        (SignedElements::Response, "request_binding = \"post\""),
        (SignedElements::Assertion, "require_signed_assertion = true"),
        (
            SignedElements::Both,
            "require_signed_assertion = true\nrequire_signed_response = true",
        ),
    ] {
        let change = |settings: &mut SamlSettings| {
            settings.signed = signed;
            settings.wants_requests_signed = true;
        };
        let fixture = SamlFixture::with(keys, change).await?;
        fixture.by_saml("alice").await?;
    }
    Ok(())
}

#[tokio::test]
async fn encrypted_assertion_signs_in() -> Result<()> {
    let keys = format!("encryption_keys = [{{ file = \"{}\" }}]", key_file()?);
    for (content, signed) in [
        (Content::Aes256Gcm, SignedElements::Assertion),
        (Content::Aes256Cbc, SignedElements::Both),
    ] {
        let change = |settings: &mut SamlSettings| {
            settings.signed = signed;
            settings.encryption = Some(Encryption::with(content));
        };
        let fixture = SamlFixture::with(&keys, change).await?;
        fixture.by_saml("alice").await?;
    }
    Ok(())
}

#[tokio::test]
async fn sign_in_works_without_javascript() -> Result<()> {
    let fixture = SamlFixture::with("request_binding = \"post\"", |_| ()).await?;
    let mut browser = fixture.plain_browser()?;
    let page = browser.open(&fixture.at("/sign-in/adfs")).await?;
    ensure!(
        page.text().contains("Redirecting to Corporate"),
        "{}",
        page.text()
    );
    let policy = page.header("content-security-policy").context("no CSP")?;
    ensure!(
        policy.contains("form-action 'self'") && policy.contains(&fixture.upstream.url()),
        "{policy}"
    );
    ensure!(policy.contains("script-src 'self';"), "{policy}");
    browser.press("Continue", &[]).await?;
    browser.sign_in_at_provider("alice").await?;
    let page = browser.submit("/acs", &[]).await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    // The next page has the normal policy again.
    let policy = page.header("content-security-policy").context("no CSP")?;
    ensure!(!policy.contains(&fixture.upstream.url()), "{policy}");
    Ok(())
}

#[tokio::test]
async fn fresh_sign_in_sets_force_authn() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    let mut browser = fixture.by_saml("alice").await?;
    fixture.clock.advance(Duration::from_secs(300));
    let page = browser.open(&fixture.at("/sign-in/adfs")).await?;
    ensure!(page.url().as_str() == fixture.at("/"));
    fixture.clock.advance(Duration::from_secs(300));
    browser
        .open(&fixture.at("/sign-in/adfs?fresh=true"))
        .await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().as_str() == fixture.at("/"), "{}", page.url());
    Ok(())
}

#[tokio::test]
async fn session_not_on_or_after_limits_the_session() -> Result<()> {
    let short = |settings: &mut SamlSettings| {
        settings.session_lifetime = Some(Duration::from_secs(600));
    };
    let fixture = SamlFixture::with("", short).await?;
    let mut browser = fixture.by_saml("alice").await?;
    fixture.clock.advance(Duration::from_secs(590));
    ensure!(browser.reload().await?.url().path() == "/sessions");
    fixture.clock.advance(Duration::from_secs(20));
    ensure!(browser.reload().await?.url().path() != "/sessions");
    Ok(())
}

#[tokio::test]
async fn metadata_is_refetched_for_unknown_keys() -> Result<()> {
    let fixture = SamlFixture::new().await?;
    fixture.by_saml("alice").await?;
    let fetched = fixture.upstream.hits("/metadata");
    fixture.upstream.rotate_keys(false)?;
    fixture.by_saml("alice").await?;
    ensure!(fixture.upstream.hits("/metadata") == fetched + 1);
    Ok(())
}
