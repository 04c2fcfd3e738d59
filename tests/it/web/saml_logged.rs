//! The log of the gateway process after a forged response contains only log records.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolecall_testkit::blocking;
use rolecall_testkit::process::{Process, Signal};

use super::saml::SamlFixture;
use super::*;

#[tokio::test]
async fn json_log_lines_are_single_objects() -> Result<()> {
    let fixture = SamlFixture::with("allow_idp_initiated = true", |_| ()).await?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecalld"));
    command
        .args([
            "serve",
            "--config",
            "rolecall.toml",
            "--log-format",
            "json",
            "--log",
            "debug",
        ])
        .current_dir(fixture.stack.folder());
    // The stack's own gateway is in this process and must not wait in the middle of a transaction on the same database.
    let (mut process, line) = blocking(move || {
        let mut process = Process::start(command)?;
        let line = process.wait_for_line("\"serving\"", Duration::from_secs(60))?;
        Ok((process, line))
    })
    .await?;
    let serving: Value = serde_json::from_str(&line)?;
    let address = serving["address"]
        .as_str()
        .context("no address")?
        .to_owned();
    let host = Url::parse(fixture.stack.url())?;
    let host = &host[url::Position::BeforeHost..url::Position::AfterPort];
    // Modified after it was signed, which makes xmlsec print errors.
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in fixture.unsolicited(None).await? {
        let xml = String::from_utf8(STANDARD.decode(&value)?)?;
        form.append_pair(&name, &STANDARD.encode(xml.replace("alice", "mallory")));
    }
    let request = fixture
        .client
        .post(format!("http://{address}/sign-in/adfs/acs"));
    let request = request
        .header("host", host)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = request.body(form.finish()).send().await?;
    ensure!(answer.status() == 403, "{}", answer.text().await?);
    process.signal(Signal::Term)?;
    process.finish(Duration::from_secs(20))?;
    let mut from_xmlsec = 0;
    for line in process.output().lines() {
        let record: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        from_xmlsec += usize::from(record["target"] == "xmlsec");
    }
    ensure!(from_xmlsec > 0, "xmlsec said nothing: {}", process.output());
    Ok(())
}
