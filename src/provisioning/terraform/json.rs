//! Terraform's JSON syntax. Every string is a template.

use rolecall_core::provisioning::{Members, Node};

use super::{
    AWS_PROVIDER_SOURCE, AWS_PROVIDER_VERSION, Argument, Resource, TERRAFORM_VERSION, template,
};

pub(super) fn configuration(title: &str, resources: &[Resource]) -> String {
    let provider = Node::map([
        ("source", Node::text(AWS_PROVIDER_SOURCE)),
        ("version", Node::text(AWS_PROVIDER_VERSION)),
    ]);
    let terraform = Node::map([
        ("required_version", Node::text(TERRAFORM_VERSION)),
        ("required_providers", Node::map([("aws", provider)])),
    ]);
    let mut kinds: Vec<(String, Members<String>)> = Vec::new();
    for resource in resources {
        let entry = (resource.name.clone(), arguments(resource));
        match kinds.iter_mut().find(|(kind, _)| kind == resource.kind) {
            Some((_, entries)) => entries.push(entry),
            None => kinds.push((resource.kind.to_owned(), vec![entry])),
        }
    }
    let kinds = kinds.into_iter();
    let kinds = kinds.map(|(kind, entries)| (kind, Node::Map(entries)));
    let document: Node<String> = Node::map([
        ("//", Node::text(title)),
        ("terraform", terraform),
        ("resource", Node::Map(kinds.collect())),
    ]);
    format!("{}\n", document.pretty())
}

fn arguments(resource: &Resource) -> Node<String> {
    let arguments = resource.arguments.iter();
    let mut members: Members<String> = arguments
        .map(|(name, argument)| ((*name).to_owned(), value(argument)))
        .collect();
    if !resource.depends_on.is_empty() {
        let addresses = resource.depends_on.iter().cloned().map(Node::Text);
        members.push(("depends_on".to_owned(), Node::List(addresses.collect())));
    }
    Node::Map(members)
}

fn value(argument: &Argument) -> Node<String> {
    match argument {
        Argument::Value(node) => node.with_texts(&|text| Node::Text(template::escape(text))),
        Argument::Json(node) => Node::Text(template::escape(&node.compact())),
        Argument::Reference(attribute) => Node::Text(format!("${{{attribute}}}")),
    }
}
