//! Interoperability with signxml, python3-saml and pysaml2: they read all values of a signed response unchanged.

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

/// The results of the peers for a response of the issuer; `None` if they are not installed.
async fn peer_results(peer_input: &Value) -> Result<Option<Value>> {
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
    input.write_all(peer_input.to_string().as_bytes()).await?;
    drop(input);
    let output = peer.wait_with_output().await?;
    let peer_results = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(Some(peer_results))
}

/// The input of the peers.
fn peer_input(issuer: &ResponseIssuer, response: &str) -> Result<Value> {
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
async fn three_libraries_read_all_values() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let claims = saml_claims()?;
    let minted = fixture.respond(&claims).await?;
    let issuer = &fixture.issuer;
    ensure!(minted.recipient.as_url().as_str() == RECIPIENT);
    let Some(peer_results) = peer_results(&peer_input(issuer, minted.response.expose())?).await?
    else {
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
        assert_eq!(peer_results[peer], expected, "{peer}");
    }
    Ok(())
}

/// Values that tags cannot contain, in every text.
#[tokio::test]
async fn values_are_escaped() -> Result<()> {
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
    let mut peer_input = peer_input(
        &issuer,
        &STANDARD.encode(content.signed(&key, &certificate)?),
    )?;
    let metadata = peer_input["metadata"].as_str().context("metadata")?;
    let own = peer_input["certificate"]
        .as_str()
        .context("a certificate")?;
    peer_input["metadata"] = metadata.replace(own, &certificate).into();
    peer_input["certificate"] = certificate.as_str().into();
    let Some(peer_results) = peer_results(&peer_input).await? else {
        return Ok(());
    };
    for peer in PEERS {
        let attributes: Vec<Value> = values
            .iter()
            .enumerate()
            .map(|(n, value)| {
                let values = match (peer, value.trim()) {
                    // python3-saml omits empty values and trims others.
                    ("python3_saml", "") => vec!["second"],
                    ("python3_saml", trimmed) => vec![trimmed, "second"],
                    _ => vec![*value, "second"],
                };
                json!([format!("urn:{n}:<&>\"'"), values])
            })
            .collect();
        let expected = json!({ "subject": injected, "attributes": attributes });
        assert_eq!(peer_results[peer], expected, "{peer}");
    }
    // The peers also reject: after a change of one letter of a value, or with another key.
    let altered = content
        .signed(&key, &certificate)?
        .replace("R&amp;D", "R&amp;E");
    let (_third, directory) = key_directory(KeyAlgorithm::Rs256, clock.now())?;
    let foreign = content.signed(&directory.load(clock.now())?.active, &certificate)?;
    for bad in [altered, foreign] {
        peer_input["response"] = STANDARD.encode(bad).into();
        let peer_results = self::peer_results(&peer_input)
            .await?
            .context("the peers are installed")?;
        for peer in PEERS {
            assert!(
                peer_results[peer]["refused"].is_string(),
                "{peer}: {peer_results}"
            );
        }
    }
    Ok(())
}
