//! `cargo xtask image`: the container image of the gateway, as the Dockerfile has it, with whichever builder is here.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo::finish;
use crate::machine::Machine;
use crate::say::{Refused, say};

/// Programs that build a Dockerfile, the most usual first.
const BUILDERS: [&str; 3] = ["docker", "podman", "buildah"];

/// What the image is called where the arguments do not say.
const NAME: &str = "rolecalld";

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let Some(builder) = BUILDERS.iter().find_map(|name| machine.program(name)) else {
        return Err(Refused::new(format!(
            "there is no builder of container images: none of {}\n\
             hint: on Debian, `apt-get install buildah`; then run the same command again",
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
    fn the_image_has_a_name() -> anyhow::Result<()> {
        assert_eq!(arguments(&[])?, ["build", "--tag", "rolecalld", "."]);
        let demo = ["--target", "demo", "--tag", "rolecall-demo"];
        assert_eq!(
            arguments(&demo)?,
            ["build", "--target", "demo", "--tag", "rolecall-demo", "."]
        );
        Ok(())
    }
}
