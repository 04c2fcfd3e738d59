//! boto3 uses credentials of the portal, as JSON and as a shell snippet.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_harness::TestStack;
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::browser::Browser;
use rolecall_testkit::process;

use super::{PROD, SANDBOX, credentials, sign_in, stack_with};

/// Calls GetCallerIdentity with the credentials in the environment.
const WHO_AM_I: &str = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])";

/// A command whose AWS endpoints are those of the stack's emulator.
fn in_the_stack(stack: &TestStack, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env("AWS_ENDPOINT_URL_STS", stack.aws.url())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE");
    command
}

fn ensure_is_alice(output: &[u8], (account, role): (&str, &str)) -> Result<()> {
    let output = String::from_utf8_lossy(output);
    let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/");
    ensure!(output.starts_with(&arn), "{output}");
    Ok(())
}

#[tokio::test]
async fn boto3_accepts_json_credentials() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let stack = stack_with("memory:").await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    // One account uses OpenID Connect, the other SAML.
    for role in [PROD, SANDBOX] {
        let (status, issued) = credentials(&alice, role).await?;
        ensure!(status == StatusCode::OK, "{issued}");
        let mut command = in_the_stack(&stack, &python);
        for (name, key) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            command.env(name, issued[key].as_str().with_context(|| key.to_owned())?);
        }
        command.args(["-c", WHO_AM_I]);
        let output = tokio::task::spawn_blocking(|| process::run(command)).await??;
        ensure_is_alice(&output, role)?;
    }
    Ok(())
}

#[tokio::test]
async fn boto3_accepts_the_shell_snippet() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let stack = stack_with("memory:").await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let role = [("account", PROD.0), ("permission_set", PROD.1)];
    let page = alice.press("Credentials", &role).await?;
    let pasted = text_of(page.body(), "snippet-bash")?;
    ensure!(pasted.lines().count() >= 3, "{pasted}");
    let mut command = in_the_stack(&stack, "sh");
    let script = format!("{pasted}\nexec \"$0\" -c \"$1\"\n");
    command.args(["-ec", &script]).arg(&python).arg(WHO_AM_I);
    let output = tokio::task::spawn_blocking(|| process::run(command)).await??;
    ensure_is_alice(&output, PROD)
}

/// The text of an element as copied from a browser, with line breaks.
fn text_of(body: &str, id: &str) -> Result<String> {
    let element = body.split(&format!("id=\"{id}\"")).nth(1);
    let inside = element.and_then(|rest| rest.split_once('>')?.1.split("</pre>").next());
    let mut text = String::new();
    for part in inside.with_context(|| format!("no {id}"))?.split('<') {
        // The first part has no tag; the others start with the rest of a tag.
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    let entities = [
        ("&#39;", "'"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("&#38;", "&"),
    ];
    Ok(entities
        .iter()
        .fold(text, |text, (entity, sign)| text.replace(entity, sign)))
}
