//! A gateway and an AWS of one partition, and requests for credentials that contain parameters of STS.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use reqwest::header::{ACCEPT, LOCATION};
use rolecall_harness::SamlStackSettings;
use rolecall_testkit::aws::{AccessKey, Partition, RecordedRequest};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::signature::Credential;
use rolecall_testkit::saml::{SamlSettings, ServiceProvider};
use rolecall_wire::http::ERROR_TYPE;
use rolecall_wire::sso::BEARER_TOKEN;
use rolecalld::aws::OwnCredentials;
use rolecalld::world::SystemClock;

use super::case::{Case, GATEWAY, GATEWAY_USER, Metadata};
use super::row::Way;
use super::rows::rows;
use crate::operate::until;
use crate::web::sso::credentials_of;
use crate::web::{Fixture, Pass, pass_of, refresh};

/// A value that the client sends and that must not reach AWS.
pub const FOREIGN: &str = "client-supplied";
/// Parameters of STS that the client sends with its own.
const PARAMETERS: [(&str, &str); 9] = [
    ("RoleArn", FOREIGN),
    ("RoleSessionName", FOREIGN),
    ("DurationSeconds", "900"),
    ("Policy", FOREIGN),
    ("PolicyArns.member.1.arn", FOREIGN),
    ("Tags.member.1.Key", FOREIGN),
    ("ExternalId", FOREIGN),
    ("SourceIdentity", FOREIGN),
    ("session_duration", "900"),
];

/// How credentials are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Json,
    Page,
    Client,
    Console,
}

/// An answer of the gateway, with the requests to AWS that it caused.
pub struct Answer {
    pub surface: Surface,
    pub status: u16,
    /// Exception of AWS's `sso` protocol.
    pub exception: String,
    pub location: String,
    pub body: String,
    pub reference: String,
    pub requests: Vec<RecordedRequest>,
}

/// The key of the gateway, and those of federation tokens by account.
type Keys = (AccessKey, BTreeMap<String, AccessKey>);

/// A gateway and an AWS of one partition, with all its cases.
pub struct Table {
    pub fixture: Fixture,
    pub partition: Partition,
    pub cases: Vec<Case>,
    pub gateway: AccessKey,
    /// Keys of federation tokens, by account.
    pub keys: BTreeMap<String, AccessKey>,
    /// SAML metadata of the gateway and of the person's own provider.
    pub metadata: [Metadata; 2],
    /// A browser in which alice is signed in with SAML.
    saml_browser: tokio::sync::Mutex<Browser>,
    pass: Pass,
    token: String,
}

impl Table {
    pub async fn new(partition: Partition) -> Result<Self> {
        let rows = rows();
        let cases = Arc::new(Case::of(&rows, partition));
        let made: Arc<OnceLock<Keys>> = Arc::default();
        let (prepared, kept) = (Arc::clone(&cases), Arc::clone(&made));
        let access = access_policy(&cases);
        let fixture = Fixture::with(move |settings| {
            settings.partition = partition;
            settings.access = access;
            settings.saml = Some(saml_provider(partition));
            settings.requests_kept = 20_000;
            settings.prepare_aws = Some(Box::new(move |aws, folder| {
                let mut keys = BTreeMap::new();
                for case in prepared.iter() {
                    if let Some(key) = case.write_key(aws, folder)? {
                        keys.insert(case.account.clone(), key);
                    }
                }
                let user = aws.account(GATEWAY)?.user(GATEWAY_USER)?;
                let (id, secret) = (&user.access_key_id, &user.secret_access_key);
                let own = Credentials::new(id, secret, None, None, "test");
                kept.set((user, keys)).ok().context("prepared once")?;
                Ok(Some(OwnCredentials::provided(own, Arc::new(SystemClock))))
            }));
        })
        .await?;
        let services = &fixture.stack.gateway.services;
        until("the identity of the gateway", async || {
            Ok(services.health().await.own_credentials.then_some(()))
        })
        .await?;
        let (gateway, keys) = made.get().cloned().context("not prepared")?;
        let metadata = fixture.get("/saml/metadata").send().await?.text().await?;
        let mut browser = fixture.stack.browser()?;
        browser
            .open(&fixture.stack.at("/sign-in/example?return_to=/"))
            .await?;
        browser.sign_in_at_provider("alice").await?;
        let pass = pass_of(&browser)?;
        let tokens = fixture.allow_client(&mut browser).await?;
        let token = tokens.access_token.expose().to_owned();
        let saml_browser = saml_browser(&fixture, partition, &cases).await?;
        let saml = fixture.stack.saml.as_ref().context("a SAML provider")?;
        let metadata = [
            with_other_certificate(metadata)?,
            with_other_certificate(saml.metadata()?)?,
        ];
        let cases = Arc::into_inner(cases).context("cases are shared")?;
        Ok(Self {
            metadata,
            saml_browser: tokio::sync::Mutex::new(saml_browser),
            fixture,
            partition,
            cases,
            gateway,
            keys,
            pass,
            token,
        })
    }

    /// Requests a role in the browser, which the gateway sends to the person's own provider and back.
    async fn ask_at_provider(&self, fields: &[(&str, &str)]) -> Result<Answer> {
        let mut browser = self.saml_browser.lock().await;
        browser.open(&self.fixture.stack.at("/sessions")).await?;
        let csrf = browser.page()?.attributes("input[name=csrf]", "value")?;
        let mut fields = fields.to_vec();
        fields.push(("csrf", csrf.first().context("no form")?));
        let before = self.fixture.stack.aws.request_count();
        let form = self.fixture.stack.at("/credentials");
        let page = browser
            .submit_cross_site_form(self.fixture.stack.url(), &form, &fields)
            .await?;
        let start = refresh(&page).with_context(|| page.text())?;
        let page = browser.open(&start).await?;
        Ok(Answer {
            surface: Surface::Page,
            status: page.status().map_or(0, |status| status.as_u16()),
            exception: String::new(),
            location: String::new(),
            reference: page.header("x-request-id").unwrap_or_default().to_owned(),
            body: page.body().to_owned(),
            requests: self.fixture.stack.aws.requests_after(before),
        })
    }

    /// Requests the role of a case.
    pub async fn ask(&self, case: &Case, surface: Surface) -> Result<Answer> {
        let mut fields = vec![
            ("account", case.account.as_str()),
            ("permission_set", case.name.as_str()),
        ];
        fields.extend(PARAMETERS);
        if case.way == Way::ProviderSaml {
            return self.ask_at_provider(&fields).await;
        }
        let request = match surface {
            Surface::Json => self
                .fixture
                .post(&self.pass, "/credentials", &fields)
                .header(ACCEPT, "application/json"),
            Surface::Page => self.fixture.post(&self.pass, "/credentials", &fields),
            Surface::Console => self.fixture.post(&self.pass, "/console", &fields),
            Surface::Client => {
                let path = credentials_of(&case.account, &case.name)?;
                let request = self.fixture.get(&path).query(&PARAMETERS);
                request.header(BEARER_TOKEN, &self.token)
            }
        };
        let before = self.fixture.stack.aws.request_count();
        let request = request
            .header("x-amz-security-token", FOREIGN)
            .header("user-agent", FOREIGN);
        let answer = request.send().await?;
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.map_or(Ok(String::new()), |value| value.to_str().map(str::to_owned))
        };
        Ok(Answer {
            surface,
            status: answer.status().as_u16(),
            exception: header(ERROR_TYPE)?,
            location: header(LOCATION.as_str())?,
            reference: header("x-request-id")?,
            body: answer.text().await?,
            requests: self.fixture.stack.aws.requests_after(before),
        })
    }
}

/// The metadata, also with the certificate of another key.
fn with_other_certificate(current: String) -> Result<Metadata> {
    let (before, rest) = current
        .split_once("X509Certificate>")
        .context("no certificate")?;
    let (_, after) = rest.split_once('<').context("no end of the certificate")?;
    let other = Credential::generate(Algorithm::Rs256)?.certificate_text()?;
    let other = format!("{before}X509Certificate>{other}<{after}");
    Ok(Metadata { current, other })
}

/// Entity ID of AWS as a service provider.
fn saml_audience(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws | Partition::EuropeanSovereign => "urn:amazon:webservices",
        Partition::China => "urn:amazon:webservices:cn-north-1",
        Partition::GovCloud => "urn:amazon:webservices:govcloud",
    }
}

/// The person's own provider, on another site than the gateway, with an application for AWS.
fn saml_provider(partition: Partition) -> SamlStackSettings {
    SamlStackSettings {
        provider: SamlSettings {
            host: "localhost".to_owned(),
            ..SamlSettings::default()
        },
        more: format!(
            "aws = {{ start = \"UPSTREAM/start?sp={}\" }}",
            saml_audience(partition)
        ),
        ..SamlStackSettings::default()
    }
}

/// Registers the application for AWS, with the roles of all cases, and signs alice in.
async fn saml_browser(fixture: &Fixture, partition: Partition, cases: &[Case]) -> Result<Browser> {
    let roles: Vec<String> = cases
        .iter()
        .filter(|case| case.way == Way::ProviderSaml)
        .map(|case| format!("{},{}", case.role(), case.saml_provider()))
        .collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let consumer = fixture.stack.at("/sign-in/corporate/aws-acs");
    let region = partition.regions()[0];
    let domain = match partition {
        Partition::Aws => "signin.aws.amazon.com",
        Partition::China => "signin.amazonaws.cn",
        Partition::GovCloud => "signin.amazonaws-us-gov.com",
        Partition::EuropeanSovereign => "signin.amazonaws-eusc.eu",
    };
    let upstream = fixture.stack.saml.as_ref().context("a SAML provider")?;
    upstream.register(ServiceProvider {
        entity_id: saml_audience(partition).to_owned(),
        recipient: Some(format!("https://{region}.{domain}/saml")),
        ..ServiceProvider::aws(&consumer, &roles, "alice@example.com")
    });
    let mut browser = fixture.stack.browser()?;
    browser
        .open(&fixture.stack.at("/sign-in/corporate?return_to=/sessions"))
        .await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().path() == "/sessions",
        "{}: {}",
        page.url(),
        page.text()
    );
    Ok(browser)
}

/// The access policy with an account for each case.
fn access_policy(cases: &[Case]) -> String {
    let mut text: String = cases.iter().map(Case::account_toml).collect();
    let sets: BTreeMap<&str, &str> = cases
        .iter()
        .map(|case| (case.name.as_str(), case.set.as_str()))
        .collect();
    for (name, lines) in &sets {
        text += &format!(
            "\n[[permission_set]]\nname = \"{name}\"\nrole = \"rolecall/Developer\"\n{lines}\n"
        );
    }
    let names: Vec<&&str> = sets.keys().collect();
    text + &format!(
        "\n[[assignment]]\nid = \"all\"\nwho = {{ groups = [\"platform\"] }}\naccounts = [\"*\"]\npermission_sets = {names:?}\n"
    )
}
