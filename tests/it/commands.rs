//! The commands in `README.md`, `docs/operations.md` and `docs/runbooks.md` work: they are run from the text in order,
//! on a machine that is simulated by a folder. Commands that cannot run there are listed with the reason.

mod machine;
mod page;

use anyhow::{Context as _, Result, ensure};
use rolecall_testkit::redis::Redis;

use machine::Machine;
use page::{Command, commands};

/// Prefixes of commands that are not run here, with the reason.
const ELSEWHERE: [(&str, &str); 8] = [
    ("cargo xtask demo", "`rolecall-demo` has tests of its own"),
    ("cargo xtask test", "it is what runs this test"),
    (
        "cargo xtask deb",
        "it builds a release: `cargo xtask deb --test`",
    ),
    ("cargo build ", "it builds a release: `cargo xtask deb`"),
    (
        "apt-get install ",
        "the system stays as it is: `cargo xtask deb --test` installs the package in a chroot",
    ),
    (
        "runuser -u postgres ",
        "it needs the superuser of PostgreSQL: `operate::postgres` makes the same role and database",
    ),
    (
        "aws ",
        "it needs an account at AWS: `clients` runs AWS's command line against the demo's",
    ),
    (
        "docker compose ",
        "it needs a container builder and its images",
    ),
];

/// Prefixes of commands that fail here, because they would need days or a sign-in; with the error message.
const REFUSED: [(&str, &str); 6] = [
    ("rolecalld audit search", "no matching events"),
    ("rolecalld sessions end", "no user with the e-mail address"),
    ("rolecalld people forget", "no record of this person"),
    ("rolecalld access show", "is kept"),
    ("rolecalld keys rotate", "a day"),
    ("rolecalld keys retire", "is active"),
];

/// Why a command is not run here.
fn elsewhere(command: &Command) -> Option<&'static str> {
    let row = ELSEWHERE
        .iter()
        .find(|(begins, _)| command.text.starts_with(begins));
    row.map(|(_, reason)| *reason)
}

/// Runs all commands of a page.
fn run(page: &str, machine: &mut Machine) -> Result<usize> {
    let mut ran = 0;
    for command in commands(page)? {
        if command.is_first_of_its_block {
            machine.goes_home();
        }
        if elsewhere(&command).is_some() {
            continue;
        }
        let place = format!("{page}, {}: {}", command.heading, command.text);
        let refused = REFUSED
            .iter()
            .find(|(begins, _)| command.text.starts_with(begins));
        let outcome = match refused {
            None => machine.runs(&command.text),
            Some((_, says)) => machine.refuses(&command.text, says),
        };
        outcome.with_context(|| {
            format!("{place}\nIf it cannot run in a test, list it in tests/it/commands.rs with the reason.")
        })?;
        ran += 1;
    }
    Ok(ran)
}

#[test]
fn readme_commands_start_a_gateway() -> Result<()> {
    let mut machine = Machine::empty()?;
    let ran = run("README.md", &mut machine)?;
    ensure!(ran > 10, "too few commands found: {ran}");
    ensure!(
        machine.serves(),
        "`rolecalld serve` is not among the commands"
    );
    Ok(())
}

#[test]
fn operator_commands_work() -> Result<()> {
    // The first page generates the keys itself.
    let mut machine = Machine::configured()?;
    let ran = run("docs/operations.md", &mut machine)?;
    ensure!(ran > 10, "too few commands found: {ran}");
    let mut machine = Machine::configured()?;
    machine.runs("rolecalld keys generate --config F")?;
    machine.runs("rolecalld serve --config F")?;
    let ran = run("docs/runbooks.md", &mut machine)?;
    ensure!(ran >= 3, "too few commands found: {ran}");
    Ok(())
}

#[test]
fn listed_commands_are_in_the_documents() -> Result<()> {
    let mut all = Vec::new();
    for page in ["README.md", "docs/operations.md", "docs/runbooks.md"] {
        all.extend(commands(page)?);
    }
    let listed = ELSEWHERE.iter().chain(&REFUSED);
    for (begins, _) in listed {
        ensure!(
            all.iter().any(|command| command.text.starts_with(begins)),
            "`{begins}` is listed, but not in the documents"
        );
    }
    Ok(())
}

/// The Redis user created by the manual has the permissions that the gateway needs.
#[tokio::test]
async fn documented_redis_user_has_sufficient_permissions() -> Result<()> {
    let redis = Redis::single().await?;
    let manual = crate::manual::read("docs/operations.md")?;
    let acl = manual
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER rolecall "))
        .context("the user of Redis")?;
    let words: Vec<&str> = ["ACL", "SETUSER", "rolecall"]
        .into_iter()
        .chain(acl.split(' '))
        .collect();
    redis.cli(&words)?;
    let mut machine = Machine::configured()?;
    let url = redis
        .url()
        .replace("redis://", "redis://rolecall:PASSWORD@");
    machine.stores_in(&url)?;
    machine.runs("rolecalld keys generate --config F")?;
    machine.runs("rolecalld serve --config F")?;
    machine.is_ready()
}
