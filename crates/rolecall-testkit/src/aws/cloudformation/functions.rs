//! Intrinsic functions in the properties of resources, and pseudo parameters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use super::super::partition::Partition;

/// The function of an object such as `{"Ref": …}`, with its argument.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let (name, argument) = members.iter().next()?;
    let is_function = members.len() == 1 && (name == "Ref" || name.starts_with("Fn::"));
    is_function.then_some((name.as_str(), argument))
}

/// Adds the logical IDs to which functions refer. Pseudo parameters contain colons.
pub(super) fn referenced(value: &Value, ids: &mut BTreeSet<String>) {
    if let Some((name, argument)) = function(value) {
        let texts = match (name, argument) {
            ("Fn::Sub", Value::Array(parts)) => {
                parts.iter().skip(1).for_each(|map| referenced(map, ids));
                variables(parts.first().and_then(Value::as_str).unwrap_or_default())
            }
            ("Fn::Sub", text) => variables(text.as_str().unwrap_or_default()),
            ("Fn::GetAtt", Value::Array(parts)) => {
                let id = parts.first().and_then(Value::as_str);
                id.map(str::to_owned).into_iter().collect()
            }
            ("Ref" | "Fn::GetAtt", text) => vec![text.as_str().unwrap_or_default().to_owned()],
            (_, other) => {
                referenced(other, ids);
                Vec::new()
            }
        };
        let logical = texts.iter().filter(|text| !text.contains("::"));
        ids.extend(logical.filter_map(|text| text.split('.').next().map(str::to_owned)));
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| referenced(item, ids)),
        Value::Object(members) => members.values().for_each(|member| referenced(member, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names in `${…}` of a text.
fn variables(text: &str) -> Vec<String> {
    let parts = text.split("${").skip(1);
    let parts = parts.filter(|part| !part.starts_with('!'));
    let names = parts.filter_map(|part| part.split_once('}'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// What functions refer to.
pub(super) struct Created {
    /// The value of `Ref`.
    reference: String,
    /// `Fn::GetAtt` of `Arn`.
    arn: Option<String>,
}

impl Created {
    /// A resource whose reference is its name.
    pub fn named(name: &str) -> Self {
        Created {
            reference: name.to_owned(),
            arn: None,
        }
    }

    /// A resource whose reference is its name, with an ARN.
    pub fn with_arn(name: &str, arn: &str) -> Self {
        Created {
            reference: name.to_owned(),
            arn: Some(arn.to_owned()),
        }
    }
}

/// The values to which functions refer.
pub(super) struct Scope<'a> {
    pub stack: &'a str,
    pub account: &'a str,
    pub partition: Partition,
    pub parameters: &'a BTreeMap<String, String>,
    /// By logical ID.
    pub created: &'a BTreeMap<String, Created>,
}

impl Scope<'_> {
    /// The value without functions; `None` for `AWS::NoValue`.
    pub fn evaluate(&self, value: &Value) -> anyhow::Result<Option<Value>> {
        if let Some((name, argument)) = function(value) {
            return match (name, argument) {
                ("Ref", Value::String(name)) if name == "AWS::NoValue" => Ok(None),
                ("Ref", Value::String(name)) => Ok(Some(self.reference(name)?.into())),
                ("Fn::Sub", Value::String(text)) => {
                    Ok(Some(self.substitute(text, &Map::new())?.into()))
                }
                ("Fn::GetAtt", Value::String(path)) => Ok(Some(self.attribute(path)?.into())),
                ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                    [Value::String(text), map] => {
                        let map = self.evaluate(map)?.unwrap_or_default();
                        let map = map.as_object().context("Fn::Sub: a map")?;
                        Ok(Some(self.substitute(text, map)?.into()))
                    }
                    other => bail!("Fn::Sub: {other:?}"),
                },
                ("Fn::GetAtt", Value::Array(parts)) => match parts.as_slice() {
                    [Value::String(id), Value::String(attribute)] => {
                        Ok(Some(self.attribute(&format!("{id}.{attribute}"))?.into()))
                    }
                    other => bail!("Fn::GetAtt: {other:?}"),
                },
                (other, _) => bail!("the AWS emulator does not know {other} of {argument}"),
            };
        }
        Ok(Some(match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.evaluate(item));
                let items = items.collect::<anyhow::Result<Vec<_>>>()?;
                Value::Array(items.into_iter().flatten().collect())
            }
            Value::Object(members) => {
                let mut evaluated = Map::new();
                for (key, member) in members {
                    ensure!(!key.starts_with("Fn::"), "{key} is not alone in its object");
                    if let Some(member) = self.evaluate(member)? {
                        evaluated.insert(key.clone(), member);
                    }
                }
                Value::Object(evaluated)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }))
    }

    fn reference(&self, name: &str) -> anyhow::Result<String> {
        let pseudo = match name {
            "AWS::AccountId" => Some(self.account),
            "AWS::Partition" => Some(self.partition.name()),
            "AWS::Region" => self.partition.regions().first().copied(),
            "AWS::StackName" => Some(self.stack),
            "AWS::URLSuffix" => Some(match self.partition {
                Partition::Aws | Partition::GovCloud => "amazonaws.com",
                Partition::China => "amazonaws.com.cn",
                Partition::EuropeanSovereign => "amazonaws.eu",
            }),
            _ => None,
        };
        let parameter = || self.parameters.get(name).map(String::as_str);
        let resource = || self.created.get(name).map(|one| one.reference.as_str());
        let value = pseudo.or_else(parameter).or_else(resource);
        let value = value.with_context(|| {
            format!(
                "Unresolved resource dependencies [{name}] in the Resources block of the template"
            )
        });
        Ok(value?.to_owned())
    }

    fn attribute(&self, path: &str) -> anyhow::Result<String> {
        let (id, attribute) = path.split_once('.').context("Fn::GetAtt: ID.ATTRIBUTE")?;
        let created = self.created.get(id);
        let created = created.with_context(|| format!("Fn::GetAtt: no resource {id}"))?;
        ensure!(
            attribute == "Arn",
            "the AWS emulator does not know the attribute {path}"
        );
        let arn = created.arn.clone();
        arn.with_context(|| format!("{id} has no Arn"))
    }

    /// `Fn::Sub` (CloudFormation User Guide): `${!Literal}` is `${Literal}`.
    fn substitute(&self, text: &str, map: &Map<String, Value>) -> anyhow::Result<String> {
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            done.push_str(before);
            if let Some(literal) = from.strip_prefix('!') {
                done.push_str("${");
                rest = literal;
                continue;
            }
            let (name, after) = from.split_once('}').unwrap_or((from, ""));
            let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
            ensure!(
                from.contains('}') && !name.is_empty() && name.chars().all(valid),
                "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons: {text}"
            );
            match map.get(name) {
                Some(value) => done.push_str(value.as_str().context("Fn::Sub: a string")?),
                None if name.contains('.') => done.push_str(&self.attribute(name)?),
                None => done.push_str(&self.reference(name)?),
            }
            rest = after;
        }
        done.push_str(rest);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope<'a>(
        parameters: &'a BTreeMap<String, String>,
        created: &'a BTreeMap<String, Created>,
    ) -> Scope<'a> {
        Scope {
            stack: "rolecall",
            account: "111122223333",
            partition: Partition::China,
            parameters,
            created,
        }
    }

    #[test]
    fn functions_are_evaluated() -> anyhow::Result<()> {
        let parameters = BTreeMap::from([("Name".to_owned(), "${AWS::Region}".to_owned())]);
        let created = BTreeMap::from([("Hub".to_owned(), Created::with_arn("hub", "arn:hub"))]);
        let scope = scope(&parameters, &created);
        for (value, expected) in [
            (json!({ "Ref": "AWS::AccountId" }), json!("111122223333")),
            (json!({ "Ref": "Hub" }), json!("hub")),
            (json!({ "Fn::GetAtt": ["Hub", "Arn"] }), json!("arn:hub")),
            (json!({ "Fn::GetAtt": "Hub.Arn" }), json!("arn:hub")),
            (
                json!({ "Fn::Sub": "${AWS::Partition} ${Hub.Arn} ${!Hub} ${!!x} ${Name} $ { }" }),
                json!("aws-cn arn:hub ${Hub} ${!x} ${AWS::Region} $ { }"),
            ),
            (
                json!({ "Fn::Sub": ["${a}${Hub}", { "a": { "Ref": "Name" } }] }),
                json!("${AWS::Region}hub"),
            ),
            (
                json!({ "a": [{ "Ref": "AWS::NoValue" }, 1], "b": { "Ref": "AWS::NoValue" } }),
                json!({ "a": [1] }),
            ),
        ] {
            assert_eq!(scope.evaluate(&value)?, Some(expected), "{value}");
        }
        for value in [
            json!({ "Ref": "Nothing" }),
            json!({ "Fn::Sub": "${" }),
            json!({ "Fn::Sub": "${a b}" }),
            json!({ "Fn::Sub": "${Nothing}" }),
            json!({ "Fn::GetAtt": ["Hub", "RoleId"] }),
            json!({ "Fn::ImportValue": "x" }),
            json!({ "Fn::Sub": "x", "Ref": "Hub" }),
        ] {
            assert!(scope.evaluate(&value).is_err(), "{value}");
        }
        Ok(())
    }
}
