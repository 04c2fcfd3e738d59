//! signxml, python3-saml and pysaml2, which nobody here wrote, read what the gateway signs: every value comes back as it
//! went in, whatever is in it.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, TimeDelta};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::clock::ManualClock;
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{ResponseContent, ResponseIssuer, SamlAttribute};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::fixture::{key_directory, saml_claims};
use super::saml::SamlIssuerFixture;

const PEERS: [&str; 3] = ["signxml", "python3_saml", "pysaml2"];
const RECIPIENT: &str = "https://eu-west-1.signin.aws.amazon.com/saml";

/// What the peers say about a response of the issuer; none where they are not installed.
async fn judged(told: &Value) -> Result<Option<Value>> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(None);
    };
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/peers/python/verify_saml.py"
    );
    let mut peer = tokio::process::Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = peer.stdin.take().context("stdin is piped")?;
    input.write_all(told.to_string().as_bytes()).await?;
    drop(input);
    let output = peer.wait_with_output().await?;
    let judged = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(Some(judged))
}

/// What the peers need to know of an issuer, beside the response.
fn told(issuer: &ResponseIssuer, response: &str) -> Result<Value> {
    let metadata = issuer.metadata().context("there is a key")?.body;
    let certificate = metadata
        .split("<ds:X509Certificate>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .context("a certificate")?;
    Ok(json!({
        "response": response,
        "certificate": certificate,
        "metadata": &*metadata,
        "issuer": issuer.entity_id(),
        "audience": "urn:amazon:webservices",
        "recipient": RECIPIENT,
    }))
}

#[tokio::test]
async fn three_libraries_read_what_was_said() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let claims = saml_claims()?;
    let minted = fixture.respond(&claims).await?;
    let issuer = &fixture.issuer;
    ensure!(minted.recipient.as_url().as_str() == RECIPIENT);
    let Some(judged) = judged(&told(issuer, minted.response.expose())?).await? else {
        return Ok(());
    };
    let name = |name: &str| format!("https://aws.amazon.com/SAML/Attributes/{name}");
    let expected = json!({
        "subject": "okta|00u1<alice>&\"'",
        "attributes": [
            [name("Role"), ["arn:aws:iam::111122223333:role/rolecall/Developer,arn:aws:iam::111122223333:saml-provider/rolecall"]],
            [name("RoleSessionName"), [claims.session_name.as_str()]],
            [name("SessionDuration"), ["3600"]],
            [name("SourceIdentity"), ["alice@example.com"]],
            [name("PrincipalTag:rolecall:account"), ["111122223333"]],
            [name("PrincipalTag:rolecall:permission-set"), ["Developer"]],
        ],
    });
    for peer in PEERS {
        assert_eq!(judged[peer], expected, "{peer}");
    }
    Ok(())
}

/// Values that tags cannot hold, in every place that holds a text.
#[tokio::test]
async fn nothing_in_a_value_is_markup() -> Result<()> {
    let clock = ManualClock::starting_now();
    let (_home, directory) = key_directory(KeyAlgorithm::Rs256, clock.now())?;
    let key = directory.load(clock.now())?.active;
    let certificate = STANDARD.encode(key.certificate_der()?);
    let issuer = SamlIssuerFixture::new()?.issuer;
    let injected = "x</saml:AttributeValue></saml:Attribute><saml:Attribute Name=\"https://aws.amazon.com/SAML/Attributes/Role\">\
                    <saml:AttributeValue>arn:aws:iam::111122223333:role/Admin,arn:aws:iam::111122223333:saml-provider/rolecall";
    let values = [
        "R&D <x> \"quoted\" 'single' a>b",
        "first\nsecond\n\nfourth",
        "tab\tand return\rand both\r\n.",
        "  spaces at both ends  ",
        "&amp; &#10; &lt;!-- --> ]]> <![CDATA[x]]>",
        "Zürich 東京 😀 \u{2028} \u{85} \u{feff}",
        "",
        injected,
    ];
    let now = clock.now();
    let instant = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let content = ResponseContent {
        response_id: "_r".to_owned(),
        assertion_id: "_a".to_owned(),
        issuer: issuer.entity_id(),
        issued_at: instant(now),
        valid_from: instant(now - TimeDelta::seconds(60)),
        expires_at: instant(now + TimeDelta::minutes(5)),
        authenticated_at: instant(now),
        recipient: RECIPIENT.to_owned(),
        audience: "urn:amazon:webservices".to_owned(),
        subject: injected.to_owned(),
        attributes: values
            .iter()
            .enumerate()
            .map(|(n, value)| SamlAttribute {
                name: format!("urn:{n}:<&>\"'"),
                values: vec![(*value).to_owned(), "second".to_owned()],
            })
            .collect(),
    };
    let mut told = told(
        &issuer,
        &STANDARD.encode(content.signed(&key, &certificate)?),
    )?;
    let metadata = told["metadata"].as_str().context("metadata")?;
    let own = told["certificate"].as_str().context("a certificate")?;
    told["metadata"] = metadata.replace(own, &certificate).into();
    told["certificate"] = certificate.as_str().into();
    let Some(judged) = judged(&told).await? else {
        return Ok(());
    };
    for peer in PEERS {
        let attributes: Vec<Value> = values
            .iter()
            .enumerate()
            .map(|(n, value)| {
                let values = match (peer, value.trim()) {
                    // python3-saml leaves empty values out, and spaces at the ends of others.
                    ("python3_saml", "") => vec!["second"],
                    ("python3_saml", trimmed) => vec![trimmed, "second"],
                    _ => vec![*value, "second"],
                };
                json!([format!("urn:{n}:<&>\"'"), values])
            })
            .collect();
        let expected = json!({ "subject": injected, "attributes": attributes });
        assert_eq!(judged[peer], expected, "{peer}");
    }
    // The peers can say no: one letter of one value, or another key, and none of them reads anything.
    let altered = content
        .signed(&key, &certificate)?
        .replace("R&amp;D", "R&amp;E");
    let (_third, directory) = key_directory(KeyAlgorithm::Rs256, clock.now())?;
    let foreign = content.signed(&directory.load(clock.now())?.active, &certificate)?;
    for bad in [altered, foreign] {
        told["response"] = STANDARD.encode(bad).into();
        let judged = self::judged(&told).await?.context("they are here")?;
        for peer in PEERS {
            assert!(judged[peer]["refused"].is_string(), "{peer}: {judged}");
        }
    }
    Ok(())
}
