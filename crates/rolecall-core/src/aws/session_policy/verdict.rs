//! What the statements of a session policy say of one action and resource. Conditions are not evaluated.

use serde_json::Value;

use super::SessionPolicy;

/// What a session policy says of an action. `conditional` is set where it depends on a `Condition`, or on a resource that is
/// not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionVerdict {
    /// Statements deny it.
    Denied {
        /// Their `Sid`, where they have one.
        statements: Vec<String>,
        /// Whether each of them does so under a condition only.
        conditional: bool,
    },
    /// No statement allows it.
    NotAllowed,
    /// Statements allow it, and none denies it.
    Allowed {
        /// Whether each of them does so under a condition only.
        conditional: bool,
    },
}

/// How a statement relates to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Never,
    Conditional,
    Always,
}

impl SessionPolicy {
    /// What the policy says of an action, `service:Action`, on a resource. Without a resource, and for one that has wildcards
    /// itself, a statement with patterns of resources matches conditionally.
    pub fn verdict_on(&self, action: &str, resource: Option<&str>) -> ActionVerdict {
        let statements = self.statements();
        let matching = |effect: &str| -> Vec<(&Value, Match)> {
            let of_effect = statements.iter().filter(|one| one["Effect"] == effect);
            let matched = of_effect.map(|one| (one, matches_request(one, action, resource)));
            matched
                .filter(|(_, found)| *found != Match::Never)
                .collect()
        };
        let is_conditional =
            |found: &[(&Value, Match)]| found.iter().all(|(_, one)| *one == Match::Conditional);
        let denying = matching("Deny");
        if !denying.is_empty() {
            let ids = denying.iter().filter_map(|(one, _)| one["Sid"].as_str());
            return ActionVerdict::Denied {
                statements: ids.map(str::to_owned).collect(),
                conditional: is_conditional(&denying),
            };
        }
        let allowing = matching("Allow");
        match allowing.is_empty() {
            true => ActionVerdict::NotAllowed,
            false => ActionVerdict::Allowed {
                conditional: is_conditional(&allowing),
            },
        }
    }
}

/// Whether `Action` or `NotAction` of a statement includes the action (IAM JSON policy elements).
pub(super) fn includes_action(statement: &Value, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let named = |member: &Value| {
        let mut patterns = texts(member);
        patterns.any(|pattern| is_match(&pattern.to_ascii_lowercase(), &action))
    };
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => named(actions),
        (None, Some(actions)) => !named(actions),
        (None, None) => false,
    }
}

fn matches_request(statement: &Value, action: &str, resource: Option<&str>) -> Match {
    if !includes_action(statement, action) {
        return Match::Never;
    }
    let on_resource = match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(patterns), _) => matches_resource(patterns, resource),
        (None, Some(patterns)) => match matches_resource(patterns, resource) {
            Match::Never => Match::Always,
            Match::Conditional => Match::Conditional,
            Match::Always => Match::Never,
        },
        (None, None) => Match::Never,
    };
    match (on_resource, statement.get("Condition")) {
        (Match::Always, Some(_)) => Match::Conditional,
        (found @ (Match::Never | Match::Conditional | Match::Always), _) => found,
    }
}

fn matches_resource(patterns: &Value, resource: Option<&str>) -> Match {
    let known = resource.filter(|resource| !resource.contains(['*', '?']));
    let mut found = Match::Never;
    for pattern in texts(patterns) {
        let one = match known {
            _ if pattern == "*" => Match::Always,
            // A policy variable depends on the request.
            Some(_) if pattern.contains("${") => Match::Conditional,
            Some(resource) if is_match(pattern, resource) => Match::Always,
            Some(_) => Match::Never,
            None => Match::Conditional,
        };
        match one {
            Match::Always => return Match::Always,
            Match::Conditional => found = Match::Conditional,
            Match::Never => {}
        }
    }
    found
}

/// The texts of a member that is one text or a list.
fn texts(member: &Value) -> impl Iterator<Item = &str> {
    let several = member.as_array();
    let several = several.map_or(std::slice::from_ref(member), Vec::as_slice);
    several.iter().filter_map(Value::as_str)
}

/// `*` stands for any characters, `?` for one. Backtracks to the last `*` only, so that the time is bounded by the product of
/// both lengths.
fn is_match(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // After the last star: where the pattern continues, and how much of the text the star has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    p = after;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(statements: &str, action: &str, resource: Option<&str>) -> ActionVerdict {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        let policy = SessionPolicy::parse(&text).unwrap();
        policy.verdict_on(action, resource)
    }

    fn denied(ids: &[&str], conditional: bool) -> ActionVerdict {
        ActionVerdict::Denied {
            statements: ids.iter().map(|id| (*id).to_owned()).collect(),
            conditional,
        }
    }

    const ALLOWED: ActionVerdict = ActionVerdict::Allowed { conditional: false };

    #[test]
    fn verdict_follows_action_and_not_action() {
        for (statements, action, expected) in [
            ("[]", "s3:GetObject", ActionVerdict::NotAllowed),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
                "s3:GetObject",
                ALLOWED,
            ),
            (
                r#"{"Effect":"Allow","Action":"S3:get*","Resource":"*"}"#,
                "s3:GetObject",
                ALLOWED,
            ),
            (
                r#"{"Effect":"Allow","Action":"s3:Get?bject","Resource":["*"]}"#,
                "s3:GetObject",
                ALLOWED,
            ),
            (
                r#"{"Effect":"Allow","Action":["ec2:*","s3:*Acl"],"Resource":"*"}"#,
                "s3:GetObject",
                ActionVerdict::NotAllowed,
            ),
            (
                r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#,
                "s3:GetObject",
                ALLOWED,
            ),
            (
                r#"{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}"#,
                "s3:GetObject",
                ActionVerdict::NotAllowed,
            ),
            (
                r#"[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"NoDelete","Effect":"Deny","Action":"*:Delete*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*"}]"#,
                "s3:DeleteObject",
                denied(&["NoDelete"], false),
            ),
            (
                r#"[{"Effect":"Deny","NotAction":"ec2:*","Resource":"*"}]"#,
                "s3:GetObject",
                denied(&[], false),
            ),
            (
                r#"["nonsense",1,{}]"#,
                "s3:GetObject",
                ActionVerdict::NotAllowed,
            ),
        ] {
            assert_eq!(verdict(statements, action, None), expected, "{statements}");
        }
    }

    #[test]
    fn verdict_depends_on_resource_and_condition() {
        let on = |pattern: &str, condition: &str| {
            format!(
                r#"[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Sid":"Prod","Effect":"Deny","Action":"s3:*",{pattern}{condition}}}]"#
            )
        };
        let prod = r#""Resource":"arn:aws:s3:::prod/*""#;
        let not_prod = r#""NotResource":"arn:aws:s3:::prod/*""#;
        let own = r#""Resource":"arn:aws:s3:::${aws:PrincipalTag/team}/*""#;
        let secure = r#","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#;
        let (key, other) = (Some("arn:aws:s3:::prod/k"), Some("arn:aws:s3:::test/k"));
        for (pattern, condition, resource, expected) in [
            (prod, "", key, denied(&["Prod"], false)),
            (prod, "", other, ALLOWED),
            (prod, "", None, denied(&["Prod"], true)),
            (prod, "", Some("arn:aws:s3:::*"), denied(&["Prod"], true)),
            (prod, secure, key, denied(&["Prod"], true)),
            (prod, secure, other, ALLOWED),
            (not_prod, "", key, ALLOWED),
            (not_prod, "", other, denied(&["Prod"], false)),
            (own, "", key, denied(&["Prod"], true)),
        ] {
            let found = verdict(&on(pattern, condition), "s3:GetObject", resource);
            assert_eq!(found, expected, "{pattern}{condition} {resource:?}");
        }
        let allow = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::prod/*"}"#;
        assert_eq!(
            verdict(allow, "s3:GetObject", other),
            ActionVerdict::NotAllowed
        );
    }

    #[test]
    fn many_wildcards_take_bounded_time() {
        let slow = format!(
            r#"{{"Effect":"Allow","Action":"{}b","Resource":"*"}}"#,
            "*a".repeat(900)
        );
        let found = verdict(&slow, &"a".repeat(2_000), None);
        assert_eq!(found, ActionVerdict::NotAllowed);
    }
}
