//! `--live`: Organizations asked with the credentials of the shell, here of the AWS emulator.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::aws::{AccessKey, Aws, AwsSettings, Fault, MemberAccount};
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::proxy::{Proxy, ProxySettings, TlsFront};
use serde_json::json;
use tempfile::TempDir;

use super::super::{Ran, change, program};
use super::{access, folder};

const MANAGEMENT: &str = "999900001111";

struct Fixture {
    folder: TempDir,
    aws: Aws,
    user: AccessKey,
}

impl Fixture {
    /// The accounts of the sample policy, and a user with the policy of docs/accounts.md.
    fn new() -> Result<Self> {
        let aws = Aws::start(AwsSettings::default())?;
        let organization = aws.organization();
        let root = organization.root();
        let workloads = organization.create_unit(root, "Workloads");
        let (prod, dev) = (
            organization.create_unit(&workloads, "Prod"),
            organization.create_unit(&workloads, "Dev"),
        );
        let sandbox = organization.create_unit(root, "Sandbox");
        for (id, name, parent, tags) in [
            (
                "111122223333",
                "payments-prod",
                &prod,
                &[("env", "prod"), ("team", "payments")][..],
            ),
            (
                "444455556666",
                "payments-dev",
                &dev,
                &[("env", "dev"), ("team", "payments")],
            ),
            ("777788889999", "sandbox", &sandbox, &[("env", "sandbox")]),
        ] {
            organization.create_account(parent, member(id, name, tags));
        }
        let account = aws.account(MANAGEMENT)?;
        let user = account.user("import")?;
        account.set_permissions(&user.user_arn, &[documented_policy()?])?;
        let folder = folder()?;
        Ok(Self { folder, aws, user })
    }

    /// The command with these settings of the shell, and no other of AWS.
    fn command(&self, more: &[&str]) -> Command {
        let mut command = program(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_ORGANIZATIONS", self.aws.url())
            .args(["accounts", "import", "--live", "--config", "rolecall.toml"])
            .args(more);
        command
    }

    /// The command with the keys of the user.
    fn signed(&self, more: &[&str]) -> Command {
        let mut command = self.command(more);
        command
            .env("AWS_ACCESS_KEY_ID", &self.user.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.user.secret_access_key);
        command
    }

    fn import(&self, more: &[&str]) -> Result<Ran> {
        ran(&mut self.signed(more))
    }

    /// Operations that were called, in order.
    fn operations(&self) -> Vec<String> {
        self.aws
            .requests()
            .into_iter()
            .map(|request| request.action)
            .collect()
    }
}

fn ran(command: &mut Command) -> Result<Ran> {
    let output = command.output()?;
    Ok(Ran {
        code: output.status.code().context("ended by a signal")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

fn member(id: &str, name: &str, tags: &[(&str, &str)]) -> MemberAccount {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    MemberAccount {
        id: id.to_owned(),
        name: name.to_owned(),
        state: String::new(),
        tags: tags.iter().map(owned).collect(),
    }
}

/// The policy in docs/accounts.md.
fn documented_policy() -> Result<serde_json::Value> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/accounts.md"))?;
    let block = page.split("```json\n").nth(1).context("a policy")?;
    Ok(serde_json::from_str(
        block.split("```").next().unwrap_or_default(),
    )?)
}

#[test]
fn organization_is_listed_with_the_documented_policy() -> Result<()> {
    let fixture = Fixture::new()?;
    let before = access(&fixture.folder)?;
    let ran = fixture.import(&[])?;
    ensure!(
        ran.code == 0 && ran.out.contains("do not change"),
        "{ran:?}"
    );
    ensure!(access(&fixture.folder)? == before);
    let organization = fixture.aws.organization();
    let labs = organization.create_unit(organization.root(), "Labs");
    for n in 0..45 {
        organization.create_account(
            &labs,
            member(&format!("{n:012}"), &format!("lab-{n}"), &[("env", "lab")]),
        );
    }
    let suspended = MemberAccount {
        state: "SUSPENDED".to_owned(),
        ..member("777788889999", "sandbox", &[])
    };
    organization.create_account(&labs, suspended);
    let ran = fixture.import(&["--allow-gains"])?;
    ensure!(
        ran.code == 0 && ran.out.contains("45 accounts added, 1 changed"),
        "{ran:?}"
    );
    ensure!(
        ran.out.contains("sandbox (777788889999): SUSPENDED"),
        "{ran:?}"
    );
    let after = access(&fixture.folder)?;
    ensure!(after.contains("id   = \"000000000044\"\nname = \"lab-44\"\nou   = \"Labs\"\ntags = { env = \"lab\" }\n"), "{after}");
    ensure!(!format!("{ran:?}").contains(&fixture.user.secret_access_key));
    Ok(())
}

#[test]
fn throttled_requests_are_repeated() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture
        .aws
        .inject_fault(Fault::OrganizationsThrottle { times: 3 });
    let ran = fixture.import(&[])?;
    ensure!(ran.code == 0, "{ran:?}");
    let roots = fixture
        .operations()
        .iter()
        .filter(|one| *one == "ListRoots")
        .count();
    ensure!(roots == 4, "{:?}", fixture.operations());
    Ok(())
}

#[test]
fn refusals_are_explained_and_nothing_is_written() -> Result<()> {
    let fixture = Fixture::new()?;
    let before = access(&fixture.folder)?;
    let account = fixture.aws.account(MANAGEMENT)?;
    let deny = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "organizations:ListTagsForResource", "Resource": "*"}});
    account.set_permissions(&fixture.user.user_arn, &[documented_policy()?, deny])?;
    let ran = fixture.import(&[])?;
    ensure!(
        ran.code == 1
            && ran
                .err
                .contains("organizations:ListTagsForResource: AccessDeniedException: "),
        "{ran:?}"
    );
    ensure!(
        ran.err
            .contains("\nhint: use credentials of the management account"),
        "{ran:?}"
    );
    // No credentials, unknown ones, and no AWS.
    let none = self::ran(&mut fixture.command(&[]))?;
    ensure!(
        none.code == 1 && none.err.contains("hint: sign in and set AWS_PROFILE"),
        "{none:?}"
    );
    let mut unknown = fixture.command(&[]);
    unknown
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "canary-secret-of-the-shell");
    let unknown = self::ran(&mut unknown)?;
    ensure!(
        unknown.code == 1 && unknown.err.contains("UnrecognizedClientException"),
        "{unknown:?}"
    );
    ensure!(
        !format!("{unknown:?}").contains("canary-secret"),
        "{unknown:?}"
    );
    ensure!(access(&fixture.folder)? == before);
    Ok(())
}

/// Credentials of a profile, also from a program, and the option for the endpoint.
#[test]
fn credentials_come_from_the_profile_of_the_shell() -> Result<()> {
    let fixture = Fixture::new()?;
    let aws = fixture.folder.path().join(".aws");
    fs::create_dir(&aws)?;
    let program = format!(
        "[profile program]\ncredential_process = echo '{{\"Version\": 1, \"AccessKeyId\": \"{}\", \"SecretAccessKey\": \"{}\"}}'\n",
        fixture.user.access_key_id, fixture.user.secret_access_key
    );
    fs::write(aws.join("config"), program)?;
    let mut command = fixture.command(&["--endpoint-url", &fixture.aws.url()]);
    command
        .env("AWS_PROFILE", "program")
        .env("AWS_ENDPOINT_URL_ORGANIZATIONS", "http://127.0.0.1:1");
    let ran = ran(&mut command)?;
    ensure!(ran.code == 0, "{ran:?}");
    Ok(())
}

/// The endpoint of the partition, through the proxy and with the certificates of `[egress]`.
#[test]
fn requests_use_the_proxy_of_the_configuration() -> Result<()> {
    const HOST: &str = "organizations.us-east-1.amazonaws.com";
    let fixture = Fixture::new()?;
    let authority = CertificateAuthority::generate()?;
    let front = TlsFront::start(&authority, &[HOST], &fixture.aws.url())?;
    let proxy = Proxy::start(ProxySettings {
        credentials: None,
        hosts: HashMap::from([(HOST.to_owned(), front.address())]),
    })?;
    fs::write(fixture.folder.path().join("ca.pem"), authority.pem()?)?;
    let egress = format!(
        "[egress]\nproxy = \"{}\"\nca = [\"ca.pem\"]\n\n[aws]\n",
        proxy.url()
    );
    change(&fixture.folder, "[aws]\n", &egress)?;
    let mut command = fixture.signed(&[]);
    let ran = ran(command.env_remove("AWS_ENDPOINT_URL_ORGANIZATIONS"))?;
    ensure!(ran.code == 0, "{ran:?}");
    let asked = proxy.requests();
    ensure!(asked.contains(&(format!("{HOST}:443"), 200)), "{asked:?}");
    Ok(())
}

#[test]
fn files_and_live_exclude_each_other() -> Result<()> {
    let fixture = Fixture::new()?;
    let ran = fixture.import(&["organization"])?;
    ensure!(ran.code == 2 && fixture.operations().is_empty(), "{ran:?}");
    Ok(())
}
