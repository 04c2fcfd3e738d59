//! AssumeRoleWithSAML and the browser's POST to the sign-in endpoint: a response signed by hand, with one thing wrong at
//! a time.

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

use crate::setup::{ACCOUNT, Answer};

const ENTITY: &str = "https://sso.example.com/saml/metadata";
const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/rolecall";
const ROLE: &str = "arn:aws:iam::111122223333:role/rolecall/Developer";
const RECIPIENT: &str = "https://eu-west-1.signin.aws.amazon.com/saml";

struct Setup {
    aws: Aws,
    account: Account,
    clock: ManualClock,
    credential: Credential,
    http: reqwest::Client,
}

/// What is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Both,
    Assertion,
    Response,
    Nothing,
}

impl Setup {
    fn new() -> Result<Self> {
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

    fn trust(&self, equals: &Value) -> Result<()> {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": PROVIDER },
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": equals },
        }]});
        self.account
            .role("rolecall/Developer", Role::trusting(policy))?;
        Ok(())
    }

    /// A response, changed before it is signed.
    fn response(&self, signed: Signed, change: impl FnOnce(&mut Element)) -> Result<String> {
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

    fn fine(&self) -> Result<String> {
        self.response(Signed::Both, |_| {})
    }

    async fn present(&self, response: &str) -> Result<Answer> {
        self.present_with(response, &[]).await
    }

    async fn present_with(&self, response: &str, changes: &[(&str, &str)]) -> Result<Answer> {
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
        Ok(Answer {
            status: answer.status().as_u16(),
            body: answer.text().await?,
        })
    }

    /// What a browser sees that posts it to the sign-in endpoint.
    async fn post(&self, response: &str) -> Result<(u16, String)> {
        let form = [
            ("SAMLResponse", response),
            ("RelayState", "https://console.aws.amazon.com/s3/"),
        ];
        let url = format!("{}/saml", self.aws.url());
        let answer = self.http.post(url).form(&form).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

fn metadata(credentials: &[&Credential]) -> Result<String> {
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

/// The element of this path below the assertion.
#[track_caller]
fn at<'e>(response: &'e mut Element, path: &[&str]) -> &'e mut Element {
    let path = [&["Assertion"], path].concat();
    response.at_mut(&path).expect("it is there")
}

/// Sets the values of one of AWS's attributes; none takes it away.
fn set(response: &mut Element, name: &str, values: Option<&[&str]>) {
    let statement = at(response, &["AttributeStatement"]);
    let full = format!("https://aws.amazon.com/SAML/Attributes/{name}");
    statement.children.retain(|node| {
        !matches!(node, rolecall_testkit::xml::Node::Element(known) if known.attribute("Name") == Some(&full))
    });
    if let Some(values) = values {
        statement.append(attribute(name, values));
    }
}

#[tokio::test]
async fn a_response_becomes_a_session() -> Result<()> {
    let setup = Setup::new()?;
    for signed in [Signed::Both, Signed::Assertion, Signed::Response] {
        let answer = setup.present(&setup.response(signed, |_| {})?).await?;
        answer.granted();
        assert_eq!(answer.text("Subject"), "okta|alice");
        assert_eq!(answer.text("SubjectType"), "persistent");
        assert_eq!(answer.text("Issuer"), ENTITY);
        assert_eq!(answer.text("Audience"), RECIPIENT, "AWS calls it so");
        assert_eq!(answer.text("SourceIdentity"), "alice@example.com");
        assert_eq!(answer.text("NameQualifier").len(), 28);
    }
    let issued = setup.aws.issued().pop().context("a session")?;
    assert_eq!(
        issued.assumed_role_arn,
        "arn:aws:sts::111122223333:assumed-role/Developer/alice@example.com"
    );
    assert_eq!(issued.tags, [("team".to_owned(), "R and D".to_owned())]);
    assert_eq!(issued.transitive_tag_keys, ["team"]);
    Ok(())
}

#[tokio::test]
async fn what_is_not_signed_by_the_provider_is_nothing() -> Result<()> {
    let setup = Setup::new()?;
    let invalid = |answer: Answer| answer.refused(400, "InvalidIdentityToken", "signature invalid");
    invalid(
        setup
            .present(&setup.response(Signed::Nothing, |_| {})?)
            .await?,
    );
    let stranger = Setup {
        credential: Credential::generate(Algorithm::Rs256)?,
        ..Setup::new()?
    };
    invalid(setup.present(&stranger.fine()?).await?);
    let text = String::from_utf8(STANDARD.decode(setup.fine()?)?)?;
    let altered = text.replace("role/rolecall/Developer,", "role/rolecall/Admin,");
    invalid(setup.present(&STANDARD.encode(altered)).await?);
    // A good signature on the assertion excuses no bad one around it.
    let altered = text.replacen("_response", "_responsf", 1);
    invalid(setup.present(&STANDARD.encode(altered)).await?);

    let both = metadata(&[&stranger.credential, &setup.credential])?;
    setup.account.saml_provider("rolecall", &both)?;
    setup.present(&setup.fine()?).await?.granted();
    setup.account.forget_saml_provider(PROVIDER);
    setup.present(&setup.fine()?).await?.refused(
        400,
        "InvalidIdentityToken",
        "Specified provider doesn't exist",
    );
    Ok(())
}

#[tokio::test]
async fn one_wrong_thing_is_enough() -> Result<()> {
    type Change = fn(&mut Element);
    let setup = Setup::new()?;
    let invalid = "invalid SAML response";
    let cases: Vec<(Change, &str)> = vec![
        (
            |r| {
                r.find_mut("Issuer")
                    .expect("one")
                    .set_text("https://evil.example")
            },
            "Issuer not present in specified provider",
        ),
        (
            |r| at(r, &["Conditions", "AudienceRestriction", "Audience"]).set_text("urn:other"),
            "required audience",
        ),
        (
            |r| drop(at(r, &["Subject"]).take("NameID")),
            "NameID is required",
        ),
        (
            |r| {
                let data = ["Subject", "SubjectConfirmation", "SubjectConfirmationData"];
                at(r, &data).set("Recipient", "https://evil.example/saml");
            },
            "Recipient",
        ),
        (
            |r| {
                let again = at(r, &["Subject", "SubjectConfirmation"]).clone();
                at(r, &["Subject"]).append(again);
            },
            invalid,
        ),
        (
            |r| {
                let again = r.find("Assertion").expect("one").clone();
                r.append(again);
            },
            invalid,
        ),
        (
            |r| {
                let code = r.at_mut(&["Status", "StatusCode"]).expect("one");
                code.set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder");
            },
            invalid,
        ),
        (|r| set(r, "Role", None), invalid),
        (|r| set(r, "Role", Some(&["Developer"])), invalid),
        (
            |r| set(r, "RoleSessionName", None),
            "RoleSessionName is required",
        ),
        (
            |r| set(r, "RoleSessionName", Some(&["al ice"])),
            "RoleSessionName in AuthnResponse must match",
        ),
        (
            |r| set(r, "SessionDuration", Some(&["899"])),
            "between 900 and 43200",
        ),
        (
            |r| set(r, "PrincipalTag:team", Some(&["a", "b"])),
            "must have one value",
        ),
    ];
    for (change, message) in cases {
        let answer = setup
            .present(&setup.response(Signed::Both, change)?)
            .await?;
        answer.refused(400, "InvalidIdentityToken", message);
    }
    for junk in ["!!!!", "PGE+PC9hPg==", "eA=="] {
        let answer = setup.present(junk).await?;
        answer.refused(400, "InvalidIdentityToken", invalid);
    }
    let long = "x".repeat(100_001);
    setup
        .present(&long)
        .await?
        .refused(400, "ValidationError", "at 'sAMLAssertion'");
    Ok(())
}

#[tokio::test]
async fn the_trust_policy_decides() -> Result<()> {
    let setup = Setup::new()?;
    let denied = |answer: Answer| {
        answer.refused(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithSAML",
        );
    };
    for (key, value) in [
        ("SAML:aud", "https://signin.aws.amazon.com/saml"),
        ("SAML:iss", "https://other.example"),
        ("SAML:sub", "okta|bob"),
        ("SAML:sub_type", "transient"),
        ("sts:SourceIdentity", "bob@example.com"),
        ("aws:RequestTag/team", "Sales"),
    ] {
        setup.trust(&json!({ key: value }))?;
        denied(setup.present(&setup.fine()?).await?);
    }
    setup.trust(&json!({ "SAML:sub": "okta|alice" }))?;
    setup.present(&setup.fine()?).await?.granted();
    // A role that the response does not name, or names with another provider.
    let other = ROLE.replace("Developer", "Admin");
    let changes = [("RoleArn", other.as_str())];
    denied(setup.present_with(&setup.fine()?, &changes).await?);
    let elsewhere = format!("{ROLE},arn:aws:iam::111122223333:saml-provider/other");
    let response = setup.response(Signed::Both, |r| set(r, "Role", Some(&[&elsewhere])))?;
    denied(setup.present(&response).await?);
    Ok(())
}

#[tokio::test]
async fn times_and_durations() -> Result<()> {
    let setup = Setup::new()?;
    let fine = setup.fine()?;
    setup.clock.advance(TimeDelta::seconds(299).to_std()?);
    setup.present(&fine).await?.granted();
    setup.clock.advance(TimeDelta::seconds(1).to_std()?);
    setup
        .present(&fine)
        .await?
        .refused(400, "ExpiredTokenException", "within 5 minutes");
    let fine = setup.fine()?;
    setup
        .present_with(&fine, &[("DurationSeconds", "3601")])
        .await?
        .refused(400, "ValidationError", "MaxSessionDuration");
    let short = setup.response(Signed::Both, |r| {
        set(r, "SessionDuration", Some(&["900"]));
    })?;
    setup
        .present_with(&short, &[("DurationSeconds", "3600")])
        .await?
        .granted();
    let issued = setup.aws.issued().pop().context("a session")?;
    assert!(issued.expiration - issued.issued_at <= TimeDelta::seconds(900));
    Ok(())
}

#[tokio::test]
async fn a_browser_is_let_into_the_console() -> Result<()> {
    let setup = Setup::new()?;
    let long = setup.response(Signed::Both, |r| {
        set(r, "SessionDuration", Some(&["43200"]));
    })?;
    let (status, page) = setup.post(&long).await?;
    assert_eq!(status, 200, "{page}");
    let ends = (setup.clock.now() + TimeDelta::hours(12)).format("%Y-%m-%d %H:%M");
    for words in [
        "You are signed in to the console",
        "https://console.aws.amazon.com/s3/",
        &ends.to_string(),
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    let unsigned = setup.response(Signed::Nothing, |_| {})?;
    let several = setup.response(Signed::Both, |r| {
        let one = format!("{ROLE},{PROVIDER}");
        set(r, "Role", Some(&[&one, &one]));
    })?;
    for (bad, words) in [
        (unsigned.as_str(), "signature invalid"),
        (&several, "several roles"),
        ("", "provider doesn"),
    ] {
        let (status, page) = setup.post(bad).await?;
        assert!(status == 400 && page.contains(words), "{page}");
    }
    Ok(())
}

#[test]
fn metadata_are_those_iam_takes() -> Result<()> {
    let aws = Aws::start(AwsSettings::default())?;
    let account = aws.account(ACCOUNT)?;
    let credential = Credential::generate(Algorithm::Rs256)?;
    let good = metadata(&[&credential])?;
    account.saml_provider("a.b_c-1", &good)?;
    let none = metadata(&[])?;
    let bad = [
        ("", good.clone()),
        ("a b", good.clone()),
        ("a", String::new()),
        ("a", format!("\u{feff}{good}")),
        ("a", good.replace("IDPSSODescriptor", "SPSSODescriptor")),
        (
            "a",
            good.replace("SingleSignOnService", "SingleLogoutService"),
        ),
        ("a", none),
        ("a", format!("{good}<")),
    ];
    for (name, metadata) in bad {
        assert!(account.saml_provider(name, &metadata).is_err(), "{name}");
    }
    Ok(())
}
