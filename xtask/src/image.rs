//! `cargo xtask image`: builds the container image of the gateway with docker, podman or buildah.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo::finish;
use crate::machine::Machine;
use crate::say::{UserError, say};

/// Programs that build a Dockerfile, in order of preference.
const BUILDERS: [&str; 3] = ["docker", "podman", "buildah"];

/// Default name of the image.
const NAME: &str = "rolecalld";

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let Some(builder) = BUILDERS.iter().find_map(|name| machine.program(name)) else {
        return Err(UserError::new(format!(
            "no builder of container images is installed: none of {}\n\
             hint: on Debian, run `apt-get install buildah`, then run the command again",
            BUILDERS.join(", ")
        ))
        .into());
    };
    say(&format!("building with {}", builder.display()));
    finish(&mut command(machine, builder, arguments))
}

fn command(machine: &Machine, builder: PathBuf, arguments: &[String]) -> Command {
    let mut command = Command::new(builder);
    command.arg("build").current_dir(&machine.root);
    let is_named = |argument: &String| {
        argument == "-t" || argument == "--tag" || argument.starts_with("--tag=")
    };
    if !arguments.iter().any(is_named) {
        command.args(["--tag", NAME]);
    }
    command.args(arguments).arg(".");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &[&str]) -> anyhow::Result<Vec<String>> {
        let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
        let command = command(&Machine::here()?, "buildah".into(), &given);
        let words = command.get_args().map(|word| word.to_string_lossy());
        Ok(words.map(|word| word.into_owned()).collect())
    }

    #[test]
    fn image_has_default_name() -> anyhow::Result<()> {
        assert_eq!(arguments(&[])?, ["build", "--tag", "rolecalld", "."]);
        let demo = ["--target", "demo", "--tag", "rolecall-demo"];
        assert_eq!(
            arguments(&demo)?,
            ["build", "--target", "demo", "--tag", "rolecall-demo", "."]
        );
        Ok(())
    }
}
