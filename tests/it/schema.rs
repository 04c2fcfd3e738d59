//! The JSON Schemas of the configuration files have the keys that the reader accepts, and no others.
//!
//! Every key of the reader is in the reference configuration (`reference_config`), which the reader accepts with all keys.
//! So the schemas are complete if they accept it, and correct if it has every key of them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::rolecalld;
use crate::reference_config::with_every_key;

/// A policy with every key of the access files. Keys that exclude each other are in different entries.
const ACCESS: &str = include_str!("schema/access.toml");

fn schema(kind: &str) -> Result<Value> {
    let ran = rolecalld(TempDir::new()?.path(), &["schema", kind])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    Ok(serde_json::from_str(&ran.out)?)
}

/// TOML as JSON, with times as strings, as editors validate it.
fn json_of(toml: toml::Value) -> Value {
    match toml {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => {
            let members = table.into_iter();
            Value::Object(members.map(|(key, value)| (key, json_of(value))).collect())
        }
    }
}

fn parsed(text: &str) -> Result<Value> {
    Ok(json_of(toml::Value::Table(toml::from_str(text)?)))
}

/// Follows `$ref`.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"].as_str() {
        Some(reference) => root
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or(&Value::Null),
        None => schema,
    }
}

/// The alternatives of a schema, or itself.
fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let schema = resolved(root, schema);
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let alternatives =
        alternatives.filter(|one| one.get("type").is_some() || one.get("$ref").is_some());
    std::iter::once(schema)
        .chain(alternatives.map(|one| resolved(root, one)))
        .collect()
}

/// The path of every key of a schema; `*` is any key, and `[]` a member of an array.
fn keys_of_schema(root: &Value, schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    for schema in alternatives(root, schema) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            keys_of_schema(root, property, &path, keys);
            keys.insert(path);
        }
        if schema["additionalProperties"].is_object() {
            keys_of_schema(
                root,
                &schema["additionalProperties"],
                &format!("{path}.*"),
                keys,
            );
        }
        if schema["items"].is_object() {
            keys_of_schema(root, &schema["items"], &format!("{path}[]"), keys);
        }
    }
}

/// The paths of the keys of a document, and the keys that the schema does not have.
fn keys_of_document(
    root: &Value,
    schema: &Value,
    document: &Value,
    path: &str,
    (keys, unknown): (&mut BTreeSet<String>, &mut Vec<String>),
) {
    let candidates = alternatives(root, schema);
    for (key, value) in document.as_object().into_iter().flatten() {
        let property = candidates.iter().find_map(|one| one["properties"].get(key));
        let any = candidates
            .iter()
            .find(|one| one["additionalProperties"].is_object());
        let path = match (property, any) {
            (Some(_), _) => format!("{path}.{key}"),
            (None, Some(_)) => format!("{path}.*"),
            (None, None) => {
                unknown.push(format!("{path}.{key}"));
                continue;
            }
        };
        let below = property.or(any.map(|one| &one["additionalProperties"]));
        keys_of_document(
            root,
            below.unwrap_or(&Value::Null),
            value,
            &path,
            (keys, unknown),
        );
        keys.insert(path);
    }
    for member in document.as_array().into_iter().flatten() {
        let items = candidates.iter().find(|one| one["items"].is_object());
        let items = items.map_or(&Value::Null, |one| &one["items"]);
        keys_of_document(root, items, member, &format!("{path}[]"), (keys, unknown));
    }
}

/// Checks that schema and documents have the same keys, except for those in `other`.
fn compare(schema: &Value, documents: &[Value], other: &[&str]) -> Result<()> {
    let (mut known, mut used, mut unknown) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    keys_of_schema(schema, schema, "", &mut known);
    for document in documents {
        keys_of_document(schema, schema, document, "", (&mut used, &mut unknown));
    }
    ensure!(unknown.is_empty(), "missing in the schema: {unknown:?}");
    let unused: Vec<&String> = known
        .difference(&used)
        .filter(|key| !key.ends_with(".*"))
        .filter(|key| !other.iter().any(|end| key.ends_with(end)))
        .collect();
    ensure!(
        unused.is_empty(),
        "the reader does not have these keys of the schema, or the sample lacks them: {unused:?}"
    );
    Ok(())
}

#[test]
fn schema_of_configuration_has_the_keys_of_the_reference() -> Result<()> {
    let reference = parsed(&with_every_key()?)?;
    // `env` is the alternative to `file`, and two sections are reserved.
    let other = [".env", ".administrator", ".workload", ".directory"];
    compare(&schema("config")?, &[reference], &other)
}

#[test]
fn schema_of_access_files_has_the_keys_of_the_reader() -> Result<()> {
    let folder = crate::cli::folder()?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("access.toml"), ACCESS)?;
    let statement = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}}"#;
    fs::write(path("policy.json"), statement)?;
    for (name, text) in [
        ("legacy.id", "AKIAIOSFODNN7EXAMPLE"),
        ("legacy.secret", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"),
    ] {
        fs::write(path(name), text)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path(name), mode)?;
    }
    // The reader accepts every key of the document.
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(ran.code == 0, "{ran:?}");
    let sample = fs::read_to_string(repository().join("config/access.toml"))?;
    compare(
        &schema("access")?,
        &[parsed(ACCESS)?, parsed(&sample)?],
        &[],
    )?;
    // The document has every key of the reader.
    let keys = known_keys(&repository().join("crates/rolecall-core/src/access/read"))?;
    ensure!(
        keys.contains("claims_matching") && keys.contains("keep_base_policy"),
        "{keys:?}"
    );
    for key in keys {
        let named = ACCESS.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        ensure!(
            key == "workload" || named.clone().any(|word| word == key),
            "{key} is missing in tests/it/schema/access.toml"
        );
    }
    Ok(())
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All strings in the reader that are the first argument of a call, or the name in a table of keys, and look like a key.
fn known_keys(folder: &Path) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let text = fs::read_to_string(path)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in [
            ".value(\"",
            ".required(\"",
            ".string(\"",
            ".boolean(\"",
            ".duration(\"",
            ".parse(\"",
            ".table(\"",
            ".tables(\"",
            ".list(\"",
            "    name: \"",
            "members(&reader, \"",
            "line_of_text(&reader, \"",
            "selectors(reader, \"",
        ] {
            for rest in code.split(call).skip(1) {
                let word = rest.split('"').next().unwrap_or_default();
                let is_key =
                    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                if is_key {
                    keys.insert(word.to_owned());
                }
            }
        }
    }
    Ok(keys)
}

/// Each place in a document, with an unknown key added there.
fn with_unknown_keys(document: &Value) -> Vec<Value> {
    fn places(value: &Value, at: String, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.push(at.clone());
                for (key, value) in members {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    places(value, format!("{at}/{key}"), found);
                }
            }
            Value::Array(list) => {
                for (n, value) in list.iter().enumerate() {
                    places(value, format!("{at}/{n}"), found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    // Tables whose keys are names.
    let is_open = |at: &str| {
        [
            "tags",
            "claims",
            "claims_matching",
            "session_tags",
            "variants",
        ]
        .iter()
        .any(|end| at.ends_with(&format!("/{end}")))
    };
    let mut found = Vec::new();
    places(document, String::new(), &mut found);
    let changed = found
        .into_iter()
        .filter(|at| !is_open(at))
        .filter_map(|at| {
            let mut changed = document.clone();
            changed
                .pointer_mut(&at)?
                .as_object_mut()?
                .insert("unheard_of".to_owned(), json!("x"));
            Some(changed)
        });
    changed.collect()
}

#[test]
fn samples_validate_with_jsonschema() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let read = |path: &str| Ok::<_, anyhow::Error>(fs::read_to_string(repository().join(path))?);
    let config = [
        parsed(&read("config/rolecall.toml")?)?,
        parsed(&with_every_key()?)?,
    ];
    let access = [parsed(&read("config/access.toml")?)?, parsed(ACCESS)?];
    let wrong = [with_unknown_keys(&config[1]), with_unknown_keys(&access[1])];
    ensure!(
        wrong[0].len() > 40 && wrong[1].len() > 20,
        "{} {}",
        wrong[0].len(),
        wrong[1].len()
    );
    let (config_schema, access_schema) = (schema("config")?, schema("access")?);
    let input = json!([
        [config_schema, config],
        [access_schema, access],
        [config_schema, wrong[0]],
        [access_schema, wrong[1]],
        [access_schema, [{"assignment": [{"id": "a"}]}, {"deny": [{"id": "a", "who": {}}]}, {"account": [{"id": 111_122_223_333u64, "name": "a"}]}]],
    ]);
    let results = validate(&input)?;
    for (number, errors) in results[..2].iter().enumerate() {
        ensure!(errors.iter().all(Vec::is_empty), "{number}: {errors:?}");
    }
    for (number, errors) in results[2..].iter().enumerate() {
        let accepted = errors.iter().position(Vec::is_empty);
        ensure!(
            accepted.is_none(),
            "{number}: document {accepted:?} is accepted"
        );
    }
    Ok(())
}

fn validate(input: &Value) -> Result<Vec<Vec<Vec<String>>>> {
    let mut peer = python::script("schema_check.py")?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = peer.stdin.take().context("stdin")?;
    stdin.write_all(input.to_string().as_bytes())?;
    drop(stdin);
    let output = peer.wait_with_output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
