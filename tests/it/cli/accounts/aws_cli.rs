//! The commands of docs/accounts.md with the AWS CLI, against an organization of moto: real responses.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python::Moto;
use tempfile::TempDir;

use super::{folder, import};

const SET_UP: &str = r#"
aws organizations create-organization --feature-set ALL > /dev/null
root=$(aws organizations list-roots --query 'Roots[0].Id' --output text)
workloads=$(aws organizations create-organizational-unit --parent-id "$root" --name Workloads --query OrganizationalUnit.Id --output text)
prod=$(aws organizations create-organizational-unit --parent-id "$workloads" --name Prod --query OrganizationalUnit.Id --output text)
account=$(aws organizations create-account --account-name "O'Brien \"live\"" --email a@example.com --query CreateAccountStatus.AccountId --output text)
aws organizations move-account --account-id "$account" --source-parent-id "$root" --destination-parent-id "$prod"
aws organizations tag-resource --resource-id "$account" --tags Key=env,Value=prod Key=cost.center,Value=
"#;

/// Runs a script with the AWS CLI of the peers.
fn run(script: &str, folder: &Path, python: &Path, endpoint: &str) -> Result<()> {
    let programs = python.parent().context("a folder")?;
    let mut command = Command::new("bash");
    command
        .args(["-euc", script])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "moto-accepts-every-key")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1");
    let ran = command.output()?;
    ensure!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    Ok(())
}

/// The first block of commands in the document.
fn documented() -> Result<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/accounts.md"))?;
    let mut blocks = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let saves = blocks.find(|block| block.starts_with("mkdir organization"));
    saves
        .map(str::to_owned)
        .context("the commands that save the responses")
}

#[tokio::test]
async fn documented_commands_save_what_is_imported() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let moto = Moto::start().await?;
    let folder: TempDir = folder()?;
    run(SET_UP, folder.path(), &python, moto.url())?;
    run(&documented()?, folder.path(), &python, moto.url())?;
    let ran = import(&folder, &["organization", "--allow-gains"])?;
    ensure!(
        ran.code == 0 && ran.out.contains("\n2 accounts added, 0 changed\n"),
        "{ran:?}"
    );
    let access = fs::read_to_string(folder.path().join("access.toml"))?;
    let expected =
        "name = \"O-Brien -live\"\nou   = \"Workloads/Prod\"\ntags = { env = \"prod\" }\n";
    ensure!(access.contains(expected), "{access}");
    ensure!(
        ran.out.contains("cost.center"),
        "the empty tag is reported: {ran:?}"
    );
    let again = import(&folder, &["organization"])?;
    ensure!(
        again.code == 0 && again.out.contains("do not change"),
        "{again:?}"
    );
    Ok(())
}
