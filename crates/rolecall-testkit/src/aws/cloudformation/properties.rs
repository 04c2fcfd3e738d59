//! Properties of a resource. Each must be read, so that none is ignored by mistake.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

/// The evaluated properties of a resource.
pub(super) struct Properties {
    id: String,
    values: Map<String, Value>,
}

impl Properties {
    pub fn new(id: &str, properties: Value) -> anyhow::Result<Self> {
        match properties {
            Value::Object(values) => Ok(Properties {
                id: id.to_owned(),
                values,
            }),
            Value::Null => Ok(Properties {
                id: id.to_owned(),
                values: Map::new(),
            }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                bail!("{id}: Properties is not an object")
            }
        }
    }

    /// A property of any type.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name)
    }

    /// A required property of any type.
    pub fn required(&mut self, name: &str) -> anyhow::Result<Value> {
        let value = self.value(name);
        value.with_context(|| format!("{} has no {name}", self.id))
    }

    /// A required string.
    pub fn text(&mut self, name: &str) -> anyhow::Result<String> {
        let value = self.required(name)?;
        let text = value.as_str();
        let text = text.with_context(|| format!("{}.{name} is not a string: {value}", self.id))?;
        Ok(text.to_owned())
    }

    /// An optional string.
    pub fn optional_text(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        match self.values.contains_key(name) {
            true => self.text(name).map(Some),
            false => Ok(None),
        }
    }

    /// An array; empty if absent.
    pub fn list(&mut self, name: &str) -> anyhow::Result<Vec<Value>> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => bail!("{}.{name} is not an array: {other}", self.id),
        }
    }

    /// An array of strings; empty if absent.
    pub fn texts(&mut self, name: &str) -> anyhow::Result<Vec<String>> {
        let items = self.list(name)?;
        let texts = items.iter().map(|item| {
            let text = item.as_str().map(str::to_owned);
            text.with_context(|| format!("{}.{name}: {item} is not a string", self.id))
        });
        texts.collect()
    }

    /// Properties without an effect in the emulator.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.values.remove(*name);
        }
    }

    /// Every property was read.
    pub fn done(self) -> anyhow::Result<()> {
        let unknown: Vec<&String> = self.values.keys().collect();
        ensure!(
            unknown.is_empty(),
            "{}: the AWS emulator does not know {unknown:?}",
            self.id
        );
        Ok(())
    }
}
