//! A role that trusts a SAML provider, and valid responses for it.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, TimeDelta};
use rolecall_testkit::aws::{Account, Aws, AwsSettings, Role};
use rolecall_testkit::clock::ManualClock;
use rolecall_testkit::keys::Algorithm;
use rolecall_testkit::saml::names::{ASSERTION, BEARER, PERSISTENT, PROTOCOL, SUCCESS};
use rolecall_testkit::saml::signature::{self, Credential};
use rolecall_testkit::xml::Element;
use serde_json::{Value, json};

use crate::setup::{ACCOUNT, StsResponse};

pub const ENTITY: &str = "https://sso.example.com/saml/metadata";
pub const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/rolecall";
pub const ROLE: &str = "arn:aws:iam::111122223333:role/rolecall/Developer";
pub const RECIPIENT: &str = "https://eu-west-1.signin.aws.amazon.com/saml";

pub struct Setup {
    pub aws: Aws,
    pub account: Account,
    pub clock: ManualClock,
    pub credential: Credential,
    pub http: reqwest::Client,
}

/// The signed elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Both,
    Assertion,
    Response,
    Nothing,
}

impl Setup {
    pub fn new() -> Result<Self> {
        let clock = ManualClock::starting_now();
        let aws = Aws::start(AwsSettings {
            clock: clock.clock(),
            ..AwsSettings::default()
        })?;
        let account = aws.account(ACCOUNT)?;
        let credential = Credential::generate(Algorithm::Rs256)?;
        let setup = Self {
            aws,
            account,
            clock,
            http: reqwest::Client::new(),
            credential,
        };
        let metadata = metadata(&[&setup.credential])?;
        assert_eq!(
            setup.account.saml_provider("rolecall", &metadata)?,
            PROVIDER
        );
        setup.trust(&json!({
            "SAML:aud": RECIPIENT, "saml:iss": ENTITY, "SAML:sub": "okta|alice", "SAML:sub_type": "persistent",
            "saml:doc": "111122223333/rolecall", "aws:RequestTag/team": "R and D", "sts:SourceIdentity": "alice@example.com",
        }))?;
        Ok(setup)
    }

    pub fn trust(&self, equals: &Value) -> Result<()> {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": PROVIDER },
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": equals },
        }]});
        self.account
            .role("rolecall/Developer", Role::with_trust_policy(policy))?;
        Ok(())
    }

    /// A response that `change` modifies before it is signed.
    pub fn response(&self, signed: Signed, change: impl FnOnce(&mut Element)) -> Result<String> {
        let mut response = response(&self.clock);
        change(&mut response);
        if matches!(signed, Signed::Both | Signed::Assertion) {
            let assertion = response.find_mut("Assertion").context("an assertion")?;
            signature::sign(assertion, &self.credential)?;
        }
        if matches!(signed, Signed::Both | Signed::Response) {
            signature::sign(&mut response, &self.credential)?;
        }
        Ok(STANDARD.encode(response.write()))
    }

    pub fn valid_response(&self) -> Result<String> {
        self.response(Signed::Both, |_| {})
    }

    pub async fn present(&self, response: &str) -> Result<StsResponse> {
        self.present_with(response, &[]).await
    }

    pub async fn present_with(
        &self,
        response: &str,
        changes: &[(&str, &str)],
    ) -> Result<StsResponse> {
        let mut form = vec![
            ("Action", "AssumeRoleWithSAML"),
            ("Version", "2011-06-15"),
            ("RoleArn", ROLE),
            ("PrincipalArn", PROVIDER),
            ("SAMLAssertion", response),
        ];
        for &(name, value) in changes {
            form.retain(|(known, _)| *known != name);
            form.push((name, value));
        }
        let answer = self.http.post(self.aws.url()).form(&form).send().await?;
        Ok(StsResponse {
            status: answer.status().as_u16(),
            body: answer.text().await?,
        })
    }

    /// Posts a response to the sign-in endpoint like a browser; returns the status and the page.
    pub async fn post(&self, response: &str) -> Result<(u16, String)> {
        let form = [
            ("SAMLResponse", response),
            ("RelayState", "https://console.aws.amazon.com/s3/"),
        ];
        let url = format!("{}/saml", self.aws.url());
        let answer = self.http.post(url).form(&form).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

pub fn metadata(credentials: &[&Credential]) -> Result<String> {
    let keys = credentials.iter().map(|credential| {
        let key_info = credential
            .key_info()?
            .with("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#");
        Ok(Element::new("md:KeyDescriptor")
            .with("use", "signing")
            .child(key_info))
    });
    let role = Element::new("md:IDPSSODescriptor")
        .with("protocolSupportEnumeration", PROTOCOL)
        .children(keys.collect::<Result<Vec<_>>>()?)
        .child(
            Element::new("md:SingleSignOnService")
                .with(
                    "Binding",
                    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
                )
                .with("Location", "https://sso.example.com/"),
        );
    let entity = Element::new("md:EntityDescriptor")
        .with("xmlns:md", "urn:oasis:names:tc:SAML:2.0:metadata")
        .with("entityID", ENTITY)
        .child(role);
    Ok(entity.write())
}

fn attribute(name: &str, values: &[&str]) -> Element {
    let values = values
        .iter()
        .map(|value| Element::new("saml:AttributeValue").text(*value));
    Element::new("saml:Attribute")
        .with(
            "Name",
            format!("https://aws.amazon.com/SAML/Attributes/{name}"),
        )
        .children(values)
}

fn response(clock: &ManualClock) -> Element {
    let instant = |seconds: i64| {
        (clock.now() + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    let issuer = || {
        Element::new("saml:Issuer")
            .with("xmlns:saml", ASSERTION)
            .text(ENTITY)
    };
    let confirmation = Element::new("saml:SubjectConfirmation")
        .with("Method", BEARER)
        .child(
            Element::new("saml:SubjectConfirmationData")
                .with("NotOnOrAfter", instant(300))
                .with("Recipient", RECIPIENT),
        );
    let audience = Element::new("saml:Audience").text("urn:amazon:webservices");
    let assertion = Element::new("saml:Assertion")
        .with("xmlns:saml", ASSERTION)
        .with("ID", "_assertion")
        .with("IssueInstant", instant(0))
        .with("Version", "2.0")
        .child(issuer())
        .child(
            Element::new("saml:Subject")
                .child(
                    Element::new("saml:NameID")
                        .with("Format", PERSISTENT)
                        .text("okta|alice"),
                )
                .child(confirmation),
        )
        .child(
            Element::new("saml:Conditions")
                .with("NotBefore", instant(-60))
                .with("NotOnOrAfter", instant(300))
                .child(Element::new("saml:AudienceRestriction").child(audience)),
        )
        .child(Element::new("saml:AuthnStatement").with("AuthnInstant", instant(0)))
        .child(Element::new("saml:AttributeStatement").children([
            attribute("Role", &[&format!("{ROLE},{PROVIDER}")]),
            attribute("RoleSessionName", &["alice@example.com"]),
            attribute("SourceIdentity", &["alice@example.com"]),
            attribute("PrincipalTag:team", &["R and D"]),
            attribute("TransitiveTagKeys", &["team"]),
        ]));
    Element::new("samlp:Response")
        .with("xmlns:samlp", PROTOCOL)
        .with("ID", "_response")
        .with("IssueInstant", instant(0))
        .with("Version", "2.0")
        .child(issuer())
        .child(
            Element::new("samlp:Status")
                .child(Element::new("samlp:StatusCode").with("Value", SUCCESS)),
        )
        .child(assertion)
}

/// The element at this path in the assertion.
#[track_caller]
pub fn at<'e>(response: &'e mut Element, path: &[&str]) -> &'e mut Element {
    let path = [&["Assertion"], path].concat();
    let Some(element) = response.at_mut(&path) else {
        panic!("no element at {path:?}");
    };
    element
}

/// Sets the values of an attribute of AWS; `None` removes it.
pub fn set(response: &mut Element, name: &str, values: Option<&[&str]>) {
    let statement = at(response, &["AttributeStatement"]);
    let full = format!("https://aws.amazon.com/SAML/Attributes/{name}");
    statement.children.retain(|node| {
        !matches!(node, rolecall_testkit::xml::Node::Element(known) if known.attribute("Name") == Some(&full))
    });
    if let Some(values) = values {
        statement.append(attribute(name, values));
    }
}
