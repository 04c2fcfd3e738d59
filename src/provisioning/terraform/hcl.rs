//! Terraform's native syntax (HCL), in the layout of `terraform fmt`.

use rolecall_core::provisioning::Node;

use super::{
    AWS_PROVIDER_SOURCE, AWS_PROVIDER_VERSION, Argument, Resource, TERRAFORM_VERSION, template,
};

pub(super) fn configuration(title: &str, resources: &[Resource]) -> String {
    let mut text = format!(
        "# {title}\n\nterraform {{\n  required_version = {}\n  required_providers {{\n    aws = {{\n      source  = {}\n      version = {}\n    }}\n  }}\n}}\n",
        quoted(TERRAFORM_VERSION),
        quoted(AWS_PROVIDER_SOURCE),
        quoted(AWS_PROVIDER_VERSION),
    );
    for resource in resources {
        let (kind, name) = (quoted(resource.kind), quoted(&resource.name));
        text.push_str(&format!("\nresource {kind} {name} {{\n"));
        let arguments = resource.arguments.iter();
        let mut lines: Vec<(String, String)> = arguments
            .map(|(name, argument)| ((*name).to_owned(), value(argument)))
            .collect();
        if !resource.depends_on.is_empty() {
            let addresses = resource.depends_on.join(", ");
            lines.push(("depends_on".to_owned(), format!("[{addresses}]")));
        }
        text.push_str(&aligned(&lines, 1));
        text.push_str("}\n");
    }
    text
}

fn value(argument: &Argument) -> String {
    match argument {
        Argument::Value(node) => expression(node, 1),
        Argument::Json(node) => format!("jsonencode({})", expression(node, 1)),
        Argument::Reference(attribute) => attribute.clone(),
    }
}

/// Lines of `name = value`. The equals signs of consecutive lines are aligned; a value of several lines is not aligned.
fn aligned(lines: &[(String, String)], level: usize) -> String {
    let indent = "  ".repeat(level);
    let mut text = String::new();
    let is_long = |line: &(String, String)| line.1.contains('\n');
    for group in lines.chunk_by(|one, other| !is_long(one) && !is_long(other)) {
        let widest = group.iter().map(|(name, _)| name.chars().count()).max();
        let width = widest.unwrap_or_default();
        for (name, value) in group {
            text.push_str(&format!("{indent}{name:width$} = {value}\n"));
        }
    }
    text
}

/// A value at this level of indentation.
fn expression(node: &Node<String>, level: usize) -> String {
    let indent = "  ".repeat(level);
    match node {
        Node::Null => "null".to_owned(),
        Node::Flag(flag) => flag.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(text) => quoted(text),
        Node::List(items) if items.iter().all(is_scalar) => {
            let items: Vec<String> = items.iter().map(|item| expression(item, level)).collect();
            format!("[{}]", items.join(", "))
        }
        Node::List(items) => {
            let items = items.iter();
            let items: String = items
                .map(|item| format!("{indent}  {},\n", expression(item, level + 1)))
                .collect();
            format!("[\n{items}{indent}]")
        }
        Node::Map(members) if members.is_empty() => "{}".to_owned(),
        Node::Map(members) => {
            let members = members.iter();
            let lines: Vec<(String, String)> = members
                .map(|(key, value)| (quoted(key), expression(value, level + 1)))
                .collect();
            format!("{{\n{}{indent}}}", aligned(&lines, level + 1))
        }
    }
}

fn is_scalar(node: &Node<String>) -> bool {
    match node {
        Node::Null | Node::Flag(_) | Node::Number(_) | Node::Text(_) => true,
        Node::List(_) | Node::Map(_) => false,
    }
}

/// A quoted template (HCL Syntax-Agnostic Information Model, "Template Literals").
pub(super) fn quoted(text: &str) -> String {
    // Interpolations that the escape adds must not be escaped again.
    let parts = text
        .split_inclusive(['"', '\\'])
        .map(|part| match part.chars().next_back() {
            Some(special @ ('"' | '\\')) => {
                let before = &part[..part.len() - special.len_utf8()];
                format!("{}\\{special}", template::escape(before))
            }
            Some(_) | None => template::escape(part),
        });
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in parts.collect::<String>().chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted() {
        for (text, expected) in [
            ("", "\"\""),
            ("a \"b\" \\n", r#""a \"b\" \\n""#),
            ("a\nb\tc\u{1}\u{2028}", r#""a\nb\tc\u0001\u2028""#),
            ("${x} %{y}", r#""$${x} %%{y}""#),
            ("$${x}", r#""${"$"}$${x}""#),
            ("Zoë 😀", "\"Zoë 😀\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn consecutive_lines_are_aligned() {
        let node: Node<String> = Node::map([
            ("a", Node::text("1")),
            ("bcd", Node::List(vec![Node::text("x"), Node::number(2)])),
            ("e", Node::List(vec![Node::map([("f", Node::Flag(true))])])),
            ("g", Node::Map(Vec::new())),
        ]);
        assert_eq!(
            expression(&node, 0),
            "{\n  \"a\"   = \"1\"\n  \"bcd\" = [\"x\", 2]\n  \"e\" = [\n    {\n      \"f\" = true\n    },\n  ]\n  \"g\" = {}\n}"
        );
    }
}
