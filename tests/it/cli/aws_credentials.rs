//! The gateway's own AWS credentials: `check --online` and `serve`, with each source that the AWS SDK knows on this machine.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};
use anyhow::{Context as _, Result, ensure};
use rolecall_harness::sample_data::ACCESS_POLICY;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::serve::LocalServer;

use super::{Ran, folder, program, rolecalld};

const CHECK: [&str; 3] = ["check", "--config", "rolecall.toml"];
const GATEWAY: &str = "999988887777";

/// A stack in whose configuration payments-prod has `trust = "caller"`.
async fn stack() -> Result<TestStack> {
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let named = "name = \"payments-prod\"";
    let caller = format!("{named}\ntrust = \"caller\"");
    let access = ACCESS_POLICY.replacen(named, &caller, 1);
    fs::write(stack.folder().join("access.toml"), access)?;
    Ok(stack)
}

/// The program, with nothing of this machine's AWS settings.
fn isolated(stack: &TestStack) -> Command {
    let mut command = program(stack.folder());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", stack.folder())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn check_online(command: &mut Command) -> Result<Ran> {
    let output = command.args(CHECK).arg("--online").output()?;
    Ok(Ran {
        code: output.status.code().context("ended by a signal")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

#[tokio::test]
async fn check_online_prints_whose_credentials_they_are() -> Result<()> {
    let stack = stack().await?;
    let user = stack.aws.account(GATEWAY)?.user("tools/gateway")?;
    let mut command = isolated(&stack);
    command
        .env("AWS_ACCESS_KEY_ID", &user.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &user.secret_access_key);
    let ran = check_online(&mut command)?;
    ensure!(
        ran.out.contains(&format!(
            "aws credentials: ok\n  {}\n  keys of an IAM user: ",
            user.user_arn
        )),
        "{ran:?}"
    );
    ensure!(!format!("{ran:?}").contains(&user.secret_access_key));

    // A profile is found as well.
    let aws = stack.folder().join(".aws");
    fs::create_dir(&aws)?;
    fs::write(
        aws.join("credentials"),
        format!(
            "[hub]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            user.access_key_id, user.secret_access_key
        ),
    )?;
    let ran = check_online(isolated(&stack).env("AWS_PROFILE", "hub"))?;
    ensure!(ran.out.contains(&user.user_arn), "{ran:?}");

    // Accounts with other trust need none.
    fs::write(stack.folder().join("access.toml"), ACCESS_POLICY)?;
    let ran = check_online(&mut isolated(&stack))?;
    ensure!(!ran.out.contains("aws credentials"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn credentials_that_do_not_work_are_an_error_that_names_the_reason() -> Result<()> {
    let stack = stack().await?;
    let none = check_online(&mut isolated(&stack))?;
    ensure!(none.code != 0, "{none:?}");
    ensure!(
        none.err
            .contains("aws credentials: the gateway has no AWS credentials"),
        "{none:?}"
    );
    let mut unknown = isolated(&stack);
    unknown
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "canary-secret");
    let unknown = check_online(&mut unknown)?;
    ensure!(
        unknown
            .err
            .contains("aws credentials: AWS refused: InvalidClientTokenId"),
        "{unknown:?}"
    );
    ensure!(!format!("{unknown:?}").contains("canary-secret"));
    Ok(())
}

#[tokio::test]
async fn a_metadata_service_that_hangs_or_answers_nonsense_is_not_waited_for() -> Result<()> {
    let stack = stack().await?;
    let hanging = TcpListener::bind("127.0.0.1:0")?;
    let hanging = format!("http://{}", hanging.local_addr()?);
    let nonsense = LocalServer::start(0, |routes| {
        let answer =
            || async { HttpResponse::Ok().body("<html>eyJhbGciOiJIUzI1NiJ9.canary</html>") };
        routes.default_service(web::to(answer));
    })?;
    for (variable, url) in [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", hanging.clone()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", hanging),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", nonsense.url()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", nonsense.url()),
    ] {
        let begun = Instant::now();
        let mut command = isolated(&stack);
        command.env_remove("AWS_EC2_METADATA_DISABLED");
        command.env(variable, &url);
        if variable != "AWS_EC2_METADATA_SERVICE_ENDPOINT" {
            command.env("AWS_EC2_METADATA_DISABLED", "true");
        }
        let ran = check_online(&mut command)?;
        ensure!(ran.code != 0, "{variable}: {ran:?}");
        ensure!(
            ran.err
                .contains("aws credentials: the gateway has no AWS credentials: "),
            "{variable}: {ran:?}"
        );
        ensure!(!ran.err.contains("canary"), "{variable}: {ran:?}");
        ensure!(
            begun.elapsed() < Duration::from_secs(20),
            "{variable}: {:?}",
            begun.elapsed()
        );
    }
    Ok(())
}

#[test]
fn the_secret_files_of_an_account_are_private() -> Result<()> {
    let folder = folder()?;
    let account = "trust = \"federation-token\"\n\
        credentials = { access_key_id = { file = \"key.id\" }, secret_access_key = { file = \"key.secret\" } }";
    let named = "name = \"payments-prod\"";
    let access = ACCESS_POLICY
        .replacen(named, &format!("{named}\n{account}"), 1)
        .replace(
            "role = \"rolecall/",
            "session_policy = '{\"Version\":\"2012-10-17\",\"Statement\":[]}'\nrole = \"rolecall/",
        );
    fs::write(folder.path().join("access.toml"), access)?;
    let missing = rolecalld(folder.path(), &CHECK)?;
    ensure!(missing.code == 2, "{missing:?}");
    ensure!(
        missing.err.contains("cannot read the secret file"),
        "{missing:?}"
    );
    for (name, text) in [
        ("key.id", "AKIAIOSFODNN7EXAMPLE\n"),
        ("key.secret", "canary-secret\n"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604))?;
    }
    let open = rolecalld(folder.path(), &CHECK)?;
    ensure!(open.code == 2, "{open:?}");
    ensure!(
        open.err.matches("is accessible to all users").count() == 2,
        "{open:?}"
    );
    for name in ["key.id", "key.secret"] {
        let path = folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    }
    let private = rolecalld(folder.path(), &CHECK)?;
    ensure!(private.code == 0, "{private:?}");
    ensure!(
        private.err.contains("have no source identity"),
        "{private:?}"
    );
    ensure!(!format!("{missing:?}{open:?}{private:?}").contains("canary"));
    Ok(())
}
