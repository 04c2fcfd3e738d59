//! CloudFormation templates in the documents: all are valid for cfn-lint, and their trust policies are read from here by other
//! tests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rolecall_test_requirements::PYTHON_PEERS;
use serde_json::Value;
use tempfile::TempDir;

use crate::manual;

/// The lines that readers replace with the metadata of a SAML provider.
const METADATA: &str = "        <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n        …\n";

/// A template in a document.
pub struct Template {
    /// Name of the document and the line of the template.
    pub place: String,
    text: String,
}

/// The fenced blocks of a language in a document, with their lines.
pub fn blocks(document: &str, language: &str) -> Result<Vec<(usize, String)>> {
    let text = manual::read(document)?;
    let opening = format!("```{language}\n");
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find(&opening) {
        let begin = at + begin + opening.len();
        let (block, _) = text[begin..].split_once("```").context("a fence is open")?;
        found.push((text[..begin].lines().count() + 1, block.to_owned()));
        at = begin + block.len();
    }
    Ok(found)
}

/// The templates of all documents.
pub fn templates() -> Result<Vec<Template>> {
    let mut found = Vec::new();
    for (document, _) in manual::pages()? {
        let document = document.display().to_string();
        for (line, text) in blocks(&document, "yaml")? {
            if text.contains("Type: AWS::") {
                let place = format!("{document}:{line}");
                found.push(Template { place, text });
            }
        }
    }
    Ok(found)
}

/// The only template in a document that allows this operation.
pub fn template(document: &str, operation: &str) -> Result<Template> {
    let allowed = format!("\"sts:{operation}\"");
    let mut found = templates()?;
    found.retain(|template| {
        template.place.starts_with(document) && template.text.contains(&allowed)
    });
    let only = found.pop().filter(|_| found.is_empty());
    only.with_context(|| format!("not exactly one template for {operation} in {document}"))
}

impl Template {
    /// The roles and their trust policies, with these values of `${…}`.
    pub fn trust_policies(&self, values: &[(&str, &str)]) -> Result<Vec<(String, Value)>> {
        let roles = self.text.split("RoleName: ").skip(1);
        let policies = roles.map(|rest| {
            let name = rest.lines().next().unwrap_or_default();
            let policy = document(rest, "AssumeRolePolicyDocument", values)?;
            Ok((format!("rolecall/{name}"), policy))
        });
        policies.collect()
    }

    /// The policy of the IAM user, with these values of `${…}`.
    pub fn user_policy(&self, values: &[(&str, &str)]) -> Result<Value> {
        document(&self.text, "PolicyDocument", values)
    }
}

/// The JSON document of this property.
fn document(text: &str, property: &str, values: &[(&str, &str)]) -> Result<Value> {
    let opening = format!("{property}: !Sub |\n");
    let (_, document) = text
        .split_once(&opening)
        .with_context(|| format!("no {property}"))?;
    let mut document = document.to_owned();
    for (name, value) in values {
        document = document.replace(&format!("${{{name}}}"), value);
    }
    let mut documents = serde_json::Deserializer::from_str(&document).into_iter::<Value>();
    let policy = documents.next().context("the policy is empty")??;
    ensure!(!policy.to_string().contains("${AWS"), "{policy}");
    Ok(policy)
}

/// Metadata that is as long as IAM requires.
fn metadata() -> String {
    let certificate =
        "          MIIDdTCCAl2gAwIBAgILBAAAAAABFUtaw5QwDQYJKoZIhvcNAQEFBQAwVzELMAkG\n";
    let [opening, closing] = ["<EntityDescriptor>\n", "</EntityDescriptor>\n"];
    format!(
        "        <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n        {opening}{}        {closing}",
        certificate.repeat(20)
    )
}

#[test]
fn every_trust_type_has_a_template() -> Result<()> {
    for (document, operation, resource) in [
        ("docs/operations.md", "AssumeRoleWithSAML", "SAMLProvider"),
        ("docs/saml.md", "AssumeRoleWithSAML", "SAMLProvider"),
        ("docs/sts.md", "AssumeRoleWithWebIdentity", "OIDCProvider"),
        ("docs/sts.md", "AssumeRole", "Role"),
        ("docs/sts.md", "GetFederationToken", "User"),
    ] {
        let template = template(document, operation)?;
        let resource = format!("Type: AWS::IAM::{resource}\n");
        ensure!(template.text.contains(&resource), "{}", template.place);
    }
    for template in templates()? {
        ensure!(
            template
                .text
                .starts_with("AWSTemplateFormatVersion: \"2010-09-09\"\n"),
            "{}",
            template.place
        );
    }
    Ok(())
}

/// Whether the templates are valid for the cfn-lint of this Python, and its output.
pub fn cfn_lint(python: &Path, templates: &[PathBuf]) -> Result<(bool, String)> {
    let linted = std::process::Command::new(python.with_file_name("cfn-lint"))
        .args(["--non-zero-exit-code", "informational"])
        .args([
            "--format",
            "parseable",
            "--regions",
            "eu-west-1",
            "--template",
        ])
        .args(templates)
        .output()?;
    let output = [linted.stdout, linted.stderr].concat();
    Ok((linted.status.success(), String::from_utf8(output)?))
}

#[test]
fn templates_are_valid_for_cfn_lint() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let templates = templates()?;
    let folder = TempDir::new()?;
    let lint = |text: &str, name: &str| -> Result<(bool, String)> {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        cfn_lint(&python, &[path])
    };
    for template in &templates {
        let text = template.text.replace(METADATA, &metadata());
        let name = template.place.replace(['/', ':'], "-") + ".yaml";
        let (valid, output) = lint(&text, &name)?;
        ensure!(valid, "{}: {output}", template.place);
    }
    // cfn-lint also rejects.
    let first = templates.first().context("no templates")?;
    let wrong = first.text.replace("Properties:", "Property:");
    let (valid, output) = lint(&wrong, "wrong.yaml")?;
    ensure!(!valid && output.contains("wrong.yaml"), "{output}");
    Ok(())
}
