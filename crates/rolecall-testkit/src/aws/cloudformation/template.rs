//! A template: parameters and resources, in the order of their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value};

use super::functions::referenced;

/// A template with the values of its parameters.
pub(super) struct Template {
    parameters: BTreeMap<String, String>,
    resources: BTreeMap<String, Resource>,
}

/// A resource of a template.
pub(super) struct Resource {
    /// `Type`
    pub kind: String,
    /// As written.
    pub properties: Value,
    depends_on: BTreeSet<String>,
}

impl Template {
    pub fn parse(text: &str, given: &[(&str, &str)]) -> anyhow::Result<Self> {
        let template: Map<String, Value> =
            serde_json::from_str(text).context("the template is not a JSON object")?;
        let known = [
            "AWSTemplateFormatVersion",
            "Description",
            "Parameters",
            "Resources",
        ];
        for key in template.keys() {
            ensure!(
                known.contains(&key.as_str()),
                "the AWS emulator does not know {key} of a template"
            );
        }
        let description = template.get("Description").and_then(Value::as_str);
        ensure!(
            description.is_none_or(|text| text.len() <= 1_024),
            "Description has at most 1024 bytes"
        );
        let resources = template.get("Resources").and_then(Value::as_object);
        let resources = resources.context("the template has no Resources")?;
        ensure!(
            (1..=500).contains(&resources.len()),
            "a template has 1 to 500 resources, not {}",
            resources.len()
        );
        let resources = resources
            .iter()
            .map(|(id, resource)| Ok((id.clone(), Resource::parse(id, resource)?)));
        Ok(Template {
            parameters: parameters(template.get("Parameters"), given)?,
            resources: resources.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Values by name.
    pub fn parameters(&self) -> &BTreeMap<String, String> {
        &self.parameters
    }

    /// The resources, each after those on which it depends.
    pub fn in_order(&self) -> anyhow::Result<Vec<(&String, &Resource)>> {
        let mut ordered: Vec<(&String, &Resource)> = Vec::new();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        while ordered.len() < self.resources.len() {
            let before = ordered.len();
            for (id, resource) in &self.resources {
                let mut needed = resource.depends_on.iter();
                let is_ready = needed.all(|id| done.contains(id.as_str()));
                if is_ready && !done.contains(id.as_str()) {
                    ordered.push((id, resource));
                }
            }
            done.extend(ordered[before..].iter().map(|(id, _)| id.as_str()));
            ensure!(
                ordered.len() > before,
                "unresolved or circular dependencies of {:?}",
                self.resources
                    .keys()
                    .filter(|id| !done.contains(id.as_str()))
                    .collect::<Vec<_>>()
            );
        }
        Ok(ordered)
    }
}

fn parameters(
    declared: Option<&Value>,
    given: &[(&str, &str)],
) -> anyhow::Result<BTreeMap<String, String>> {
    let none = Map::new();
    let declared = declared.and_then(Value::as_object).unwrap_or(&none);
    for (name, _) in given {
        ensure!(declared.contains_key(*name), "unknown parameter {name}");
    }
    let values = declared.iter().map(|(name, declaration)| {
        let given = given.iter().find(|(known, _)| known == name);
        let given = given.map(|(_, value)| (*value).to_owned());
        let default = || declaration["Default"].as_str().map(str::to_owned);
        let value = given.or_else(default);
        Ok((
            name.clone(),
            value.with_context(|| format!("Parameters: [{name}] must have values"))?,
        ))
    });
    values.collect()
}

impl Resource {
    fn parse(id: &str, resource: &Value) -> anyhow::Result<Self> {
        ensure!(
            !id.is_empty() && id.len() <= 255 && id.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{id:?} is no logical ID: letters and digits"
        );
        let members = resource.as_object();
        let members = members.with_context(|| format!("{id} is not an object"))?;
        for key in members.keys() {
            ensure!(
                ["Type", "DependsOn", "Properties"].contains(&key.as_str()),
                "{id}: the AWS emulator does not know {key}"
            );
        }
        let mut depends_on = BTreeSet::new();
        match members.get("DependsOn") {
            None => {}
            Some(Value::Array(ids)) => {
                depends_on.extend(ids.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            Some(one) => {
                depends_on.insert(one.as_str().context("DependsOn")?.to_owned());
            }
        }
        let properties = members.get("Properties").cloned().unwrap_or_default();
        referenced(&properties, &mut depends_on);
        let kind = resource["Type"].as_str();
        Ok(Resource {
            kind: kind
                .with_context(|| format!("{id} has no Type"))?
                .to_owned(),
            properties,
            depends_on,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn resources_follow_those_they_refer_to() -> anyhow::Result<()> {
        let parse = |resources: Value| {
            let template = json!({ "Resources": resources, "Parameters": { "P": { "Type": "String", "Default": "p" } } });
            Template::parse(&template.to_string(), &[])
        };
        let template = parse(json!({
            "A": { "Type": "T", "Properties": { "x": [{ "Fn::Sub": "${C.Arn}/${AWS::Region}" }] } },
            "B": { "Type": "T", "DependsOn": "A" },
            "C": { "Type": "T", "DependsOn": ["D"] },
            "D": { "Type": "T" },
        }))?;
        let ids: Vec<&str> = template
            .in_order()?
            .iter()
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(ids, ["D", "C", "A", "B"]);
        for wrong in [
            json!({ "A": { "Type": "T", "DependsOn": "A" } }),
            json!({ "A": { "Type": "T", "DependsOn": "B" } }),
        ] {
            assert!(parse(wrong)?.in_order().is_err());
        }
        for wrong in [
            json!({}),
            json!({ "a-b": { "Type": "T" } }),
            json!({ "A": { "Type": "T", "Condition": "c" } }),
            json!({ "A": {} }),
        ] {
            assert!(parse(wrong.clone()).is_err(), "{wrong}");
        }
        let missing = json!({ "Resources": { "A": { "Type": "T" } }, "Parameters": { "P": { "Type": "String" } } });
        assert!(Template::parse(&missing.to_string(), &[]).is_err());
        assert!(Template::parse(&missing.to_string(), &[("P", "p")]).is_ok());
        assert!(Template::parse(&missing.to_string(), &[("P", "p"), ("Q", "q")]).is_err());
        Ok(())
    }
}
