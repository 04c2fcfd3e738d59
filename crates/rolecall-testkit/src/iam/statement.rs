//! A statement of a policy, with the elements that the kind of policy permits.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use super::condition::{Condition, strings};
use super::context::RequestContext;
use super::evaluate::Request;
use super::pattern::Pattern;
use super::policy::{PolicyKind, reject_unknown};
use super::principal::{Named, Principals};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
enum Selection {
    Only(Vec<Pattern>),
    Except(Vec<Pattern>),
}

impl Selection {
    fn includes(&self, value: &str, context: &RequestContext, ignore_case: bool) -> bool {
        let listed = |patterns: &[Pattern]| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| pattern.matches(value, context, ignore_case))
        };
        match self {
            Selection::Only(patterns) => listed(patterns),
            Selection::Except(patterns) => !listed(patterns),
        }
    }
}

pub(super) struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    pub document: Value,
    /// `None` in policies of a principal.
    principals: Option<Principals>,
    actions: Selection,
    /// `None` in a trust policy, where it is the role.
    resources: Option<Selection>,
    conditions: Vec<Condition>,
}

impl Statement {
    pub(super) fn parse(kind: PolicyKind, value: &Value, variables: bool) -> anyhow::Result<Self> {
        let object = value.as_object().context("a Statement must be an object")?;
        reject_unknown(object, elements(kind))?;
        let sid = match object.get("Sid") {
            None => None,
            Some(Value::String(sid)) => Some(sid.clone()),
            Some(_) => bail!("Sid must be a string"),
        };
        let effect = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            Some(_) | None => bail!("Effect must be Allow or Deny"),
        };
        let actions = selection(object, "Action", false)?.context("a Statement has an Action")?;
        let resources = selection(object, "Resource", variables)?;
        if kind != PolicyKind::Trust {
            ensure!(resources.is_some(), "a Statement has a Resource");
        }
        let conditions = object.get("Condition").map_or_else(
            || Ok(Vec::new()),
            |block| Condition::parse_block(block, variables),
        )?;
        check_actions(kind, object)?;
        Ok(Statement {
            sid,
            effect,
            document: value.clone(),
            principals: principals(kind, object)?,
            actions,
            resources,
            conditions,
        })
    }

    /// A statement with the effect `Allow` for every action and resource.
    pub(super) fn allowing_everything() -> Self {
        Statement {
            sid: None,
            effect: Effect::Allow,
            document: serde_json::json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
            principals: None,
            actions: Selection::Except(Vec::new()),
            resources: None,
            conditions: Vec::new(),
        }
    }

    /// How the statement names the principal, if it applies to the request.
    pub(super) fn applies(&self, request: &Request) -> Option<Named> {
        let context = &request.context;
        let named = match &self.principals {
            Some(principals) => principals.include(&request.principal)?,
            None => Named::Itself,
        };
        let resource = self.resources.as_ref();
        let applies = self.actions.includes(&request.action, context, true)
            && resource.is_none_or(|found| found.includes(&request.resource, context, false))
            && self.conditions.iter().all(|one| one.holds(context));
        applies.then_some(named)
    }
}

/// The elements of a statement. IAM permits no `Resource` in a trust policy, and AWS Organizations no `NotAction` in an RCP.
fn elements(kind: PolicyKind) -> &'static [&'static str] {
    match kind {
        PolicyKind::Trust => &["Sid", "Effect", "Principal", "Action", "Condition"],
        PolicyKind::Identity | PolicyKind::Session | PolicyKind::ServiceControl => &[
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
        PolicyKind::ResourceControl => &[
            "Sid",
            "Effect",
            "Principal",
            "Action",
            "Resource",
            "NotResource",
            "Condition",
        ],
    }
}

fn principals(kind: PolicyKind, object: &Map<String, Value>) -> anyhow::Result<Option<Principals>> {
    let value = object.get("Principal");
    match kind {
        PolicyKind::Identity | PolicyKind::Session | PolicyKind::ServiceControl => Ok(None),
        PolicyKind::Trust => {
            Principals::parse(value.context("a trust policy has a Principal")?).map(Some)
        }
        PolicyKind::ResourceControl => {
            ensure!(
                value.and_then(Value::as_str) == Some("*"),
                "Principal of a resource control policy must be \"*\""
            );
            Ok(Some(Principals::Everyone))
        }
    }
}

/// A trust policy can name STS actions only. An RCP names the service.
fn check_actions(kind: PolicyKind, object: &Map<String, Value>) -> anyhow::Result<()> {
    for element in ["Action", "NotAction"] {
        let Some(value) = object.get(element) else {
            continue;
        };
        for action in strings(value)? {
            let named = action.split_once(':');
            let named = named.filter(|(service, name)| !service.is_empty() && !name.is_empty());
            match (kind, named) {
                (PolicyKind::Trust, None) if action == "*" => {}
                (PolicyKind::Trust, Some((service, _))) if service.eq_ignore_ascii_case("sts") => {}
                (PolicyKind::Trust, _) => {
                    bail!("a trust policy can allow only STS actions, not {action:?}")
                }
                (PolicyKind::ResourceControl, None) => {
                    bail!("a resource control policy names the service of {action:?}")
                }
                (_, None) if action != "*" => bail!("{action:?} is not an action"),
                (_, _) => {}
            }
        }
    }
    Ok(())
}

/// The element, or its `Not…` form. `None` if the statement has neither.
fn selection(
    object: &Map<String, Value>,
    element: &str,
    variables: bool,
) -> anyhow::Result<Option<Selection>> {
    let patterns = |value: &Value| -> anyhow::Result<Vec<Pattern>> {
        let texts = strings(value).context(element.to_owned())?;
        ensure!(!texts.is_empty(), "{element} must have a value");
        let patterns = texts.iter();
        patterns
            .map(|text| Pattern::parse(text, true, variables))
            .collect()
    };
    match (object.get(element), object.get(&format!("Not{element}"))) {
        (Some(_), Some(_)) => bail!("a Statement has {element} or Not{element}, not both"),
        (Some(only), None) => Ok(Some(Selection::Only(patterns(only)?))),
        (None, Some(except)) => Ok(Some(Selection::Except(patterns(except)?))),
        (None, None) => Ok(None),
    }
}
