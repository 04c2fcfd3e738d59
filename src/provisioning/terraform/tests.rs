//! Texts keep their value in both syntaxes.

use proptest::prelude::*;

use super::*;

/// The value of a template without interpolations, except of strings (HCL Native Syntax Specification, "Templates").
pub(in crate::provisioning) fn value_of(template: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let marker = [("$${", "${"), ("%%{", "%{")].into_iter();
        let literal = marker
            .clone()
            .find(|(escaped, _)| rest.starts_with(escaped));
        if let Some((escaped, meant)) = literal {
            value.push_str(meant);
            rest = &rest[escaped.len()..];
        } else if let Some(inner) = rest.strip_prefix("${\"") {
            let (text, after) = inner.split_once("\"}")?;
            value.push_str(text);
            rest = after;
        } else if rest.starts_with("${") || rest.starts_with("%{") {
            return None;
        } else {
            value.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(value)
}

/// The template of a quoted string: its escapes are read (HCL Native Syntax Specification, "Template Expressions").
fn unquoted(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut template = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            template.push(c);
            continue;
        }
        match chars.next()? {
            'n' => template.push('\n'),
            'r' => template.push('\r'),
            't' => template.push('\t'),
            'u' => {
                let code: String = chars.by_ref().take(4).collect();
                template.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
            }
            c @ ('"' | '\\') => template.push(c),
            _ => return None,
        }
    }
    Some(template)
}

proptest! {
    #[test]
    fn texts_keep_their_value(text in r#"([${}%"\\\n\r\t]|.)*"#) {
        let quoted = hcl::quoted(&text);
        prop_assert!(!quoted.contains(char::is_control), "{quoted}");
        let template = unquoted(&quoted);
        prop_assert_eq!(template.as_deref().and_then(value_of), Some(text.clone()), "{}", quoted);
        prop_assert_eq!(value_of(&template::escape(&text)), Some(text));
    }
}

#[test]
fn attributes_of_other_resources_are_references() {
    let resource = Resource {
        kind: "aws_iam_role",
        name: "x".to_owned(),
        arguments: vec![
            ("name", text("${x}")),
            (
                "role",
                Argument::Reference("aws_iam_role.y.name".to_owned()),
            ),
            (
                "policy",
                Argument::Json(Node::map([("a", Node::text("${b}"))])),
            ),
        ],
        depends_on: vec!["aws_iam_saml_provider.rolecall".to_owned()],
    };
    let hcl = hcl::configuration("t", std::slice::from_ref(&resource));
    assert!(
        hcl.contains(
            "resource \"aws_iam_role\" \"x\" {\n  name = \"$${x}\"\n  role = aws_iam_role.y.name\n  policy = jsonencode({\n    \"a\" = \"$${b}\"\n  })\n  depends_on = [aws_iam_saml_provider.rolecall]\n}\n"
        ),
        "{hcl}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&json::configuration("t", &[resource])).unwrap();
    assert_eq!(
        json["resource"]["aws_iam_role"]["x"],
        serde_json::json!({
            "name": "$${x}", "role": "${aws_iam_role.y.name}", "policy": "{\"a\":\"$${b}\"}",
            "depends_on": ["aws_iam_saml_provider.rolecall"],
        })
    );
}
