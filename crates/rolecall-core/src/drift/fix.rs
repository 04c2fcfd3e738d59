//! Commands that correct findings.

use rolecall_wire::shell;

use super::finding::Fix;
use crate::base::text;

/// What to know about commands that change a role.
const ROLE_NOTE: &str = "if CloudFormation or Terraform manages the role, deploy the generated files again instead: a stack does not notice the change otherwise";
/// When a command cannot be written.
const UNSAFE_NOTE: &str =
    "the name contains control characters, so no command is shown: use the AWS console";

/// The only option without a value.
const FLAG: &str = "--set-as-default";

/// A command line for a POSIX shell; `None` if an argument has characters that a terminal does not show.
pub(super) fn command(arguments: &[&str]) -> Option<String> {
    let visible = arguments.iter().all(|argument| text::is_visible(argument));
    let plain = |argument: &str| {
        let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@,+".contains(&b);
        !argument.is_empty() && argument.bytes().all(harmless)
    };
    let quoted = |argument: &str| match plain(argument) {
        true => argument.to_owned(),
        false => shell::sh(argument),
    };
    let mut words: Vec<String> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let takes_value = argument.starts_with("--") && *argument != FLAG;
        let value = rest.as_slice().first().filter(|_| takes_value);
        match value.filter(|value| value.starts_with('-')) {
            // Otherwise the value would be read as an option.
            Some(value) => {
                rest.next();
                words.push(format!("{argument}={}", quoted(value)));
            }
            None => words.push(quoted(argument)),
        }
    }
    visible.then(|| words.join(" "))
}

/// Commands in order, with a note; without them if one cannot be written.
pub(super) fn commands<'a>(
    lines: impl IntoIterator<Item = Vec<&'a str>>,
    note: Option<&'static str>,
) -> Fix {
    let lines: Option<Vec<String>> = lines.into_iter().map(|line| command(&line)).collect();
    match lines {
        Some(commands) => Fix { commands, note },
        None => Fix {
            commands: Vec::new(),
            note: Some(UNSAFE_NOTE),
        },
    }
}

/// Commands that change a role.
pub(super) fn of_role<'a>(lines: impl IntoIterator<Item = Vec<&'a str>>) -> Fix {
    commands(lines, Some(ROLE_NOTE))
}

/// No command: what to do instead.
pub(super) fn advice(note: &'static str) -> Fix {
    Fix {
        commands: Vec::new(),
        note: Some(note),
    }
}

/// Deploying the generated template of an account. `options` are those of `rolecalld aws`.
pub(super) fn deploy(options: &[String], account: &str, note: &'static str) -> Fix {
    let mut line = vec!["rolecalld", "aws", "cloudformation"];
    line.extend(options.iter().map(String::as_str));
    line.extend(["--account", account]);
    let Some(generate) = command(&line) else {
        return advice(UNSAFE_NOTE);
    };
    let file = format!("rolecall-{account}.json");
    let deploy = format!(
        "aws cloudformation deploy --stack-name rolecall --template-file {file} --capabilities CAPABILITY_NAMED_IAM"
    );
    Fix {
        commands: vec![format!("{generate} > {file} && {deploy}")],
        note: Some(note),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted() {
        let fix = of_role([vec![
            "aws",
            "iam",
            "x",
            "--name",
            "a b'c",
            "--json",
            "{\"a\":1}",
        ]]);
        assert_eq!(
            fix.commands,
            [r#"aws iam x --name 'a b'\''c' --json '{"a":1}'"#]
        );
        let fix = of_role([vec!["aws"], vec!["aws", "\u{1b}[2J"]]);
        assert!(fix.commands.is_empty() && fix.note == Some(UNSAFE_NOTE));
        let fix = of_role([vec![
            "aws",
            "--set-as-default",
            "--name",
            "-x y",
            "--b",
            "--c",
        ]]);
        assert_eq!(fix.commands, ["aws --set-as-default --name='-x y' --b=--c"]);
        let options = ["--config", "a b.toml"].map(str::to_owned);
        let fix = deploy(&options, "111122223333", "");
        assert!(fix.commands[0].contains("--config 'a b.toml'"));
    }
}
